// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Of a right that is taken away the counts end within a minute. They once went on for ten.
func TestARightThatIsTakenAwayEndsWithinAMinute(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	mayCount(t, "", "podtemplates", namespace)
	apply(t, namespace, `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: counted}
spec:
  objective: Templates
  interval: 1s
  metrics: [{name: templates, dimension: Reach, query: {objects: {apiVersion: v1, kind: PodTemplate}}}]
`)
	ready := func() string {
		_, conditions := typoObject(t, "AdoptionProgram", namespace, "counted")
		return condition(conditions, "Ready")
	}
	eventually(t, patience, "it counts", func() bool { return strings.HasPrefix(ready(), "True/") }, ready)
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "test-count-podtemplates"}}
	if err := people.Get(t.Context(), client.ObjectKeyFromObject(binding), binding); err != nil {
		t.Fatal(err)
	}
	binding.Subjects = binding.Subjects[:1] // the operator keeps its own
	if err := people.Update(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "it may not count any more", func() bool {
		return strings.Contains(ready(), "/"+v1alpha1.ReasonAccessDenied+": ")
	}, ready)
}

// hostile has a program with a condition that is hard to compile or to evaluate, 24 times.
func hostile(name, where string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\napiVersion: uptake.dev/v1alpha1\nkind: AdoptionProgram\nmetadata: {name: %s}\nspec:\n  objective: x\n  interval: 1s\n  metrics:\n", name)
	for i := range 24 {
		fmt.Fprintf(&b, "  - {name: m%d, dimension: Reach, query: {objects: {apiVersion: v1, kind: Service, where: %q}}}\n", i, strings.ReplaceAll(where, "N", fmt.Sprint(i)))
	}
	return b.String()
}

// Expressions once took the operator from 42 MB to 6.4 GB in half a minute, held every
// worker for minutes, and let another tenant's number stand still.
func TestExpressionsOfOneTenantHoldUpNoOther(t *testing.T) {
	one := shareOperator(t)
	loud, quiet := newNamespace(t), newNamespace(t)
	mayCount(t, "", "services", loud, quiet)
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: loud, Name: "long", Annotations: map[string]string{"n": strings.Repeat("a", 100_000)}},
		Spec:       corev1.ServiceSpec{ClusterIP: "None"},
	}
	create(t, service)
	services(t, quiet, 1)
	apply(t, quiet, strings.ReplaceAll(`
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: quiet}
spec:
  objective: Services
  interval: 1s
  metrics: [{name: all, dimension: Reach, query: {objects: {apiVersion: v1, kind: Service, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}}}]
`, "NAMESPACE", quiet))
	value := func() string {
		for _, m := range one.samples(t, "uptake_metric_value") {
			if labelOf(m, "namespace") == quiet {
				return fmt.Sprint(m.GetGauge().GetValue())
			}
		}
		return "none"
	}
	counts := func(n int) func() bool { return func() bool { return value() == fmt.Sprint(n) } }
	eventually(t, patience, "it counts one", counts(1), value)

	before := heapNow()
	apply(t, loud, hostile("compiles", "object.metadata.name.matches('"+strings.Repeat("N", 10)+"(?:"+strings.Repeat("ab", 1600)+"){1000}')"))
	apply(t, loud, hostile("nested", strings.Repeat("[", 900)+"N"+strings.Repeat("]", 900)+" == []"))
	apply(t, loud, hostile("matches", "object.metadata.annotations.n.matches('(?:a?a?a?a?a?a?a?a?a?a?){900}bN')"))
	apply(t, loud, hostile("repeats", "object.metadata.annotations.n.matches('(a?Na?){100}(a*)*b') || [1,2,3].map(x, object).map(y, [y, y]) == [object]"))
	most := uint64(0)
	for n := 2; n <= 4; n++ {
		services(t, quiet, n)
		began := time.Now()
		eventually(t, patience, "the other tenant's number moves", counts(n), value)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("that took %v", took)
		}
		for range 20 {
			most = max(most, heapNow())
			time.Sleep(100 * time.Millisecond)
		}
	}
	if most > before+256<<20 { // twenty other tests run in this process
		t.Errorf("the heap grew from %d to %d MiB", before>>20, most>>20)
	}
	for name, says := range map[string]string{"compiles": "the pattern is too large", "nested": "nested more than 40 deep", "matches": "the pattern is too large"} {
		told(t, loud, "AdoptionProgram", name, typo{state: "Stalled", reason: v1alpha1.ReasonInvalidQuery, says: []string{says}})
	}
}

func heapNow() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
