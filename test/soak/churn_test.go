// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/manifest"
)

// reader may be asked for by programs.
const reader = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
- {apiGroups: [""], resources: [configmaps, services, serviceaccounts, pods], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: default, namespace: NAMESPACE}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: numbers}
data: {moved: "TODAY 35"}
`

// cast is a source, a program on it, on objects and on a number, two phases, and a
// barrier. What is counted differs, so that watches come and go as well.
const cast = `
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: NAME}
spec:
  type: HTTP
  adHoc: Allowed
  http: {url: "http://ADDRESS"}
  interval: 1s
  timeout: 1s
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: NAME}
spec:
  objective: Everybody uses it
  accountability: {executiveSponsor: CIO, programOwner: platform}
  sourceRef: {name: NAME}
  interval: 1s
  population: {count: 100}
  metrics:
  - name: used
    dimension: Reach
    rate: {active: {http: {path: /NAME, value: body.used}}}
  - name: there
    dimension: RouteShare
    query: {objects: {apiVersion: v1, kind: KIND, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}, where: "object.metadata.name != 'NAME'"}}
  - name: moved
    dimension: Quality
    rate: {active: {configMap: {name: numbers, key: moved}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: NAME-first}
spec:
  programRef: {name: NAME}
  targets: [{metric: moved, atLeast: "20%"}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: NAME-second}
spec:
  programRef: {name: NAME}
  dependsOn: [NAME-first]
  targets: [{metric: used, atLeast: "60%"}, {metric: there, atLeast: "1"}]
---
apiVersion: uptake.dev/v1alpha1
kind: Barrier
metadata: {name: NAME}
spec:
  programRef: {name: NAME}
  category: Process
  severity: Minor
  summary: It is slow
`

// kinds that programs count.
var kinds = []string{"ConfigMap", "Service", "ServiceAccount", "Pod"}

// faulty is an API of which two answers of five are none.
func faulty(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch rand.IntN(15) {
	case 0:
		w.WriteHeader(http.StatusInternalServerError)
	case 1:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case 2:
		_, _ = fmt.Fprint(w, `{"used": `)
	case 3:
		select { // longer than anybody waits
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	case 4:
		panic(http.ErrAbortHandler) // the connection ends
	case 5:
		_, _ = fmt.Fprint(w, "<html>sign in</html>")
	default:
		_, _ = fmt.Fprintf(w, `{"used": %d}`, rand.IntN(101))
	}
}

// crowd are objects that come, change and go.
type crowd struct {
	t                  *testing.T
	namespace, address string
	slots              []string // names of those that are there; empty: nobody is
	came, changed      int
	gone               int
}

func (c *crowd) apply(text string) {
	c.t.Helper()
	for _, o := range c.objects(text) {
		if err := people.Create(c.t.Context(), o); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *crowd) objects(text string) []*unstructured.Unstructured {
	c.t.Helper()
	objects, err := manifest.Read([]byte(strings.NewReplacer("NAMESPACE", c.namespace, "TODAY", time.Now().UTC().Format(time.DateOnly)).Replace(text)))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, o := range objects {
		if !strings.HasPrefix(o.GetKind(), "Cluster") {
			o.SetNamespace(c.namespace)
		}
	}
	return objects
}

func (c *crowd) cast(name string) string {
	return strings.NewReplacer("NAMESPACE", c.namespace, "NAME", name, "ADDRESS", c.address, "KIND", kinds[rand.IntN(len(kinds))]).Replace(cast)
}

// step has one of the slots come, change or go.
func (c *crowd) step() {
	c.t.Helper()
	i := rand.IntN(len(c.slots))
	name := c.slots[i]
	switch {
	case name == "":
		c.came++
		c.slots[i] = fmt.Sprintf("crowd-%d", c.came) // never a name again: what is kept by name would pile up
		c.apply(c.cast(c.slots[i]))
	case rand.IntN(3) == 0:
		c.gone++
		c.slots[i] = ""
		objects := c.objects(c.cast(name))
		rand.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
		for _, o := range objects {
			if err := people.Delete(c.t.Context(), o); err != nil {
				c.t.Fatal(err)
			}
		}
	default:
		c.changed++
		c.change(name)
	}
}

func (c *crowd) change(name string) {
	c.t.Helper()
	n := rand.IntN(90) + 10
	kind, patch := "Phase", fmt.Sprintf(`{"spec":{"targets":[{"metric":"moved","atLeast":"%d%%"}]}}`, n%30+1)
	object := name + "-first"
	switch rand.IntN(3) {
	case 0:
		kind, object, patch = "UsageSource", name, fmt.Sprintf(`{"spec":{"timeout":"%dms","http":{"url":"http://%s/%d"}}}`, 900+n, c.address, n)
	case 1:
		kind, object, patch = "AdoptionProgram", name, fmt.Sprintf(`{"spec":{"objective":"Everybody uses it by %d","population":{"count":%d}}}`, n, 100+n)
	}
	o := &unstructured.Unstructured{}
	o.SetAPIVersion("uptake.dev/v1alpha1")
	o.SetKind(kind)
	o.SetNamespace(c.namespace)
	o.SetName(object)
	if err := people.Patch(c.t.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		c.t.Fatalf("%s %s: %v", kind, object, err)
	}
}
