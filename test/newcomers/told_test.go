// SPDX-License-Identifier: Apache-2.0

package newcomers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/manifest"
)

// patience is how long is waited for what takes seconds: others use the machine too.
const patience = 2 * time.Minute

// mistake is one object, or a few, as somebody writes them who is new.
type mistake struct {
	// row is the kind of mistake.
	row  int
	what string
	// text is what is applied; setup is what is done before.
	text  string
	setup func(t *testing.T, namespace string)
	// then is done when the operator has seen the text: its error is the server's word.
	then func(t *testing.T, namespace string) error
	// server says that the API server refuses it.
	server bool
	// says are fragments of one text: the place, and the remedy.
	says []string
	// fair says why this is not better; empty: it is repaired without the docs.
	fair string
	// works says that it is no mistake: columns stay as they are.
	works bool
}

// told is a row of the table.
type told struct {
	mistake
	by, text string
}

var table struct {
	mu   sync.Mutex
	rows []told
}

// TestANewcomerIsToldWhatToWrite makes every mistake: the API server or the operator
// says where it is and what to write instead, and in what `kubectl get` shows nothing
// looks well that cannot work.
func TestANewcomerIsToldWhatToWrite(t *testing.T) {
	t.Cleanup(func() { report(t) })
	for _, m := range slices.Concat(inPrograms, inSchedules, inNumbers, inSources, inReferences) {
		t.Run(fmt.Sprintf("%02d %s", m.row, m.what), func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			if m.setup != nil {
				m.setup(t, namespace)
			}
			err := apply(t, namespace, m.text)
			if err == nil && m.then != nil {
				err = m.then(t, namespace)
			}
			row := told{mistake: m}
			if m.server {
				row.by, row.text = "server", fmt.Sprint(err)
				for _, words := range m.says {
					if !strings.Contains(row.text, words) {
						t.Errorf("the server does not say %q: %v", words, err)
					}
				}
			} else {
				if err != nil {
					t.Fatalf("the server refuses it: %v", err)
				}
				row.by, row.text = m.listen(t, namespace)
			}
			table.mu.Lock()
			defer table.mu.Unlock()
			table.rows = append(table.rows, row)
		})
	}
}

// listen waits until an object says what the mistake is, and looks whether that
// can be seen in its columns.
func (m mistake) listen(t *testing.T, namespace string) (by, text string) {
	t.Helper()
	var all, says []string
	for _, words := range m.says {
		says = append(says, places(namespace).Replace(words))
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		all = nil
		for _, o := range objectsOf(t, namespace) {
			for _, said := range textsOf(o) {
				line := o.GetKind() + " " + said.where
				all = append(all, line+" "+said.text)
				if !containsAll(said.text, says) {
					continue
				}
				if !m.works && looksWell(o) {
					all = append(all, "and it looks well: READY True, and OnTrack if it has a health")
					continue
				}
				return line, said.text
			}
		}
	}
	t.Errorf("nothing holds all of %q:\n%s", m.says, strings.Join(all, "\n"))
	return "nobody", ""
}

func containsAll(text string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

type said struct{ where, text string }

// textsOf are all texts of a status in which an object says something.
func textsOf(o *unstructured.Unstructured) []said {
	var texts []said
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		condition := c.(map[string]any) //nolint:forcetypeassert // the schema says so
		texts = append(texts, said{fmt.Sprintf("%s=%s", condition["type"], condition["status"]), fmt.Sprintf("%s: %s", condition["reason"], condition["message"])})
	}
	// Ready is where people look first.
	slices.SortStableFunc(texts, func(a, b said) int {
		return cmp.Compare(order(a.where), order(b.where))
	})
	for _, field := range []string{"summary", "waitsFor"} {
		if text, _, _ := unstructured.NestedString(o.Object, "status", field); text != "" {
			texts = append(texts, said{field, text})
		}
	}
	return texts
}

func order(where string) int {
	if strings.HasPrefix(where, "Ready") {
		return 0
	}
	return 1
}

// looksWell reports whether the columns of an object show nothing wrong.
func looksWell(o *unstructured.Unstructured) bool {
	ready := false
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		condition := c.(map[string]any) //nolint:forcetypeassert // the schema says so
		ready = ready || condition["type"] == "Ready" && condition["status"] == "True"
	}
	health, has, _ := unstructured.NestedString(o.Object, "status", "health")
	return ready && (!has || health == v1alpha1.HealthOnTrack)
}

// objectsOf are the objects of Uptake in a namespace.
func objectsOf(t *testing.T, namespace string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for _, kind := range []string{"Phase", "Barrier", "AdoptionProgram", "UsageSource"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		if err := people.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			objects = append(objects, &list.Items[i])
		}
	}
	return objects
}

// newNamespace has three Services, which its program may count, and no other right.
func newNamespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "new-"}}
	create(t, ns)
	name := ns.Name
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "default"}}
	create(t, account, &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"", "apps"}, Resources: []string{"services", "deployments", "namespaces"}, Verbs: []string{"list", "watch"}}},
	}, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: name, Name: "default"}},
	})
	for _, service := range []string{"a", "b", "c"} {
		create(t, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: service},
			Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone}, // the range of addresses is small
		})
	}
	t.Cleanup(func() {
		for _, kind := range []client.Object{&v1alpha1.Phase{}, &v1alpha1.Barrier{}, &v1alpha1.AdoptionProgram{}, &v1alpha1.UsageSource{}} {
			if err := people.DeleteAllOf(t.Context(), kind, client.InNamespace(name)); err != nil && t.Context().Err() == nil {
				t.Error(err)
			}
		}
	})
	return name
}

func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := people.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// apply creates what a text says, and gives the first error.
func apply(t *testing.T, namespace, text string) error {
	t.Helper()
	objects, err := manifest.Read([]byte(places(namespace).Replace(text)))
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	for _, o := range objects {
		o.SetNamespace(namespace)
		if o.GetName() == "authority" {
			_ = unstructured.SetNestedField(o.Object, string(servers.postgreSQL.Certificates.Authority), "stringData", "ca.crt")
		}
		if err := people.Create(t.Context(), o); err != nil {
			return err
		}
	}
	return nil
}

// places are what texts call by names in capital letters.
func places(namespace string) *strings.Replacer {
	day := func(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	return strings.NewReplacer("NAMESPACE", namespace,
		"PROMETHEUS", servers.prometheus.Address, "PORT", fmt.Sprint(servers.postgreSQL.Port),
		"ENCRYPTED", strings.TrimPrefix(servers.encrypted.URL, "https://"), "API", strings.TrimPrefix(servers.api.URL, "http://"),
		"TODAY", day(0), "TOMORROW", day(1), "IN18DAYS", day(18))
}

// replaced is a text with other words in place of some, which have to be there.
func replaced(text string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			panic(fmt.Sprintf("%q is not in %s", pairs[i], text))
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// report prints the table, and counts how good it is.
func report(t *testing.T) {
	table.mu.Lock()
	defer table.mu.Unlock()
	slices.SortStableFunc(table.rows, func(a, b told) int {
		return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.what, b.what))
	})
	kinds, fair, lines := map[int]bool{}, map[int]bool{}, []string{}
	for _, row := range table.rows {
		kinds[row.row] = true
		rating := "good"
		if row.fair != "" {
			rating, fair[row.row] = "fair", true
		}
		text := strings.Join(strings.Fields(row.text), " ")
		lines = append(lines, fmt.Sprintf("%2d %-45s | %-4s | %-28s | %s", row.row, row.what, rating, row.by, text))
	}
	fmt.Printf("Report: what newcomers are told: %d mistakes of %d kinds, %d kinds good, %d fair, none bad\n%s\n",
		len(table.rows), len(kinds), len(kinds)-len(fair), len(fair), strings.Join(lines, "\n"))
	if len(fair) > 5 {
		t.Errorf("%d kinds are fair: 5 may be", len(fair))
	}
}
