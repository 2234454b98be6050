// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

func TestObjectsAreCountedByTheirLabels(t *testing.T) {
	c, counter := theCluster(t), aCounter(t, thePlane(t).Config)
	suite := map[string]string{"suite": suiteOf(t)}
	query := configMaps()
	query.LabelSelector = ofThisTest(t)
	asker := theQuery(t, counter, query, nil)

	if n := counted(t, asker); n != 0 {
		t.Fatalf("nothing is there, and %d are counted", n)
	}
	c.create(configMap("default", "labels-1", suite))
	c.create(configMap("default", "labels-2", suite))
	c.create(configMap("default", "labels-other", nil))
	c.eventually("two are counted", func() bool { return counted(t, asker) == 2 })

	c.delete(configMap("default", "labels-1", nil))
	c.eventually("one is counted", func() bool { return counted(t, asker) == 1 })
}

func TestSegmentsAreNamedByALabelOfTheObjectOrOfItsNamespace(t *testing.T) {
	c, counter := theCluster(t), aCounter(t, thePlane(t).Config)
	c.namespace("seg-cart", map[string]string{"team": "cart"})
	c.namespace("seg-cart-2", map[string]string{"team": "cart"})
	c.namespace("seg-nobody", nil)
	c.create(configMap("seg-cart", "a", map[string]string{"tier": "gold"}))
	c.create(configMap("seg-cart", "b", nil))
	c.create(configMap("seg-cart-2", "c", map[string]string{"tier": "gold"}))
	c.create(configMap("seg-nobody", "d", map[string]string{"tier": "tin"}))

	ofTest := configMaps()
	ofTest.NamespaceSelector = ofThisTest(t)
	namespacesOnly := ofTest
	namespacesOnly.Count = v1alpha1.CountNamespaces

	for name, test := range map[string]struct {
		query v1alpha1.ObjectsQuery
		by    v1alpha1.SegmentBy
		want  map[string]int
	}{
		"objects by team":    {ofTest, v1alpha1.SegmentBy{NamespaceLabel: "team"}, map[string]int{"cart": 3, "": 1}},
		"objects by tier":    {ofTest, v1alpha1.SegmentBy{Label: "tier"}, map[string]int{"gold": 2, "tin": 1, "": 1}},
		"namespaces by team": {namespacesOnly, v1alpha1.SegmentBy{NamespaceLabel: "team"}, map[string]int{"cart": 2, "": 1}},
		"namespaces by tier": {namespacesOnly, v1alpha1.SegmentBy{Label: "tier"}, map[string]int{"gold": 2, "tin": 1, "": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			asker := theQuery(t, counter, test.query, &test.by)
			eventually(t, "the segments are as they should be", func() bool {
				return maps.Equal(segments(t, asker), test.want)
			})
		})
	}
	t.Run("without segments", func(t *testing.T) {
		if n := counted(t, theQuery(t, counter, ofTest, nil)); n != 4 {
			t.Errorf("want 4 objects, got %d", n)
		}
		if n := counted(t, theQuery(t, counter, namespacesOnly, nil)); n != 3 {
			t.Errorf("want 3 namespaces, got %d", n)
		}
	})
}

func TestARelabelledNamespaceMovesItsObjectsToAnotherSegment(t *testing.T) {
	c, counter := theCluster(t), aCounter(t, thePlane(t).Config)
	c.namespace("moving", map[string]string{"team": "old"})
	c.create(configMap("moving", "a", nil))
	query := configMaps()
	query.NamespaceSelector = ofThisTest(t)
	asker := theQuery(t, counter, query, &v1alpha1.SegmentBy{NamespaceLabel: "team"})
	c.eventually("it belongs to old", func() bool { return maps.Equal(segments(t, asker), map[string]int{"old": 1}) })

	var namespace corev1.Namespace
	if err := c.client.Get(t.Context(), objectKey("", "moving"), &namespace); err != nil {
		t.Fatal(err)
	}
	namespace.Labels["team"] = "new"
	if err := c.client.Update(t.Context(), &namespace); err != nil {
		t.Fatal(err)
	}
	c.eventually("it belongs to new", func() bool { return maps.Equal(segments(t, asker), map[string]int{"new": 1}) })
}

func TestNamespacesThemselvesAreCountedWithTheirOwnLabels(t *testing.T) {
	c, counter := theCluster(t), aCounter(t, thePlane(t).Config)
	c.namespace("own-a", map[string]string{"team": "a"})
	c.namespace("own-a2", map[string]string{"team": "a"})
	c.namespace("own-none", nil)
	query := v1alpha1.ObjectsQuery{APIVersion: "v1", Kind: "Namespace", NamespaceSelector: ofThisTest(t)}
	want := map[string]int{"a": 2, "": 1}

	for name, by := range map[string]v1alpha1.SegmentBy{
		"by label": {Label: "team"}, "by namespaceLabel": {NamespaceLabel: "team"},
	} {
		t.Run(name, func(t *testing.T) {
			asker := theQuery(t, counter, query, &by)
			eventually(t, "own labels count", func() bool { return maps.Equal(segments(t, asker), want) })
		})
	}
}

func TestANamespaceThatIsTerminatingCountsUntilItIsGone(t *testing.T) {
	c, counter := theCluster(t), aCounter(t, thePlane(t).Config)
	c.namespace("terminating", nil)
	query := v1alpha1.ObjectsQuery{APIVersion: "v1", Kind: "Namespace", LabelSelector: ofThisTest(t)}
	asker := theQuery(t, counter, query, nil)
	c.eventually("it counts", func() bool { return counted(t, asker) == 1 })

	// No namespace controller runs here, so it stays Terminating for ever.
	c.delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "terminating"}})
	if n := counted(t, asker); n != 1 {
		t.Fatalf("a terminating namespace counts as %d", n)
	}
}

func TestAnEmptySegmentedAnswerHasNoRows(t *testing.T) {
	counter := aCounter(t, thePlane(t).Config)
	query := configMaps()
	query.LabelSelector = ofThisTest(t)
	if found := segments(t, theQuery(t, counter, query, &v1alpha1.SegmentBy{Label: "team"})); len(found) != 0 {
		t.Fatalf("rows out of nothing: %v", found)
	}
}

func TestWhatCannotBeSaidAboutClusterScopedKindsIsRefused(t *testing.T) {
	counter := aCounter(t, thePlane(t).Config)
	nodes := v1alpha1.ObjectsQuery{APIVersion: "v1", Kind: "Node"}
	bySelector, asNamespaces := nodes, nodes
	bySelector.NamespaceSelector = &metav1.LabelSelector{}
	asNamespaces.Count = v1alpha1.CountNamespaces

	for field, test := range map[string]struct {
		query v1alpha1.ObjectsQuery
		by    *v1alpha1.SegmentBy
	}{
		"segmentBy.namespaceLabel": {nodes, &v1alpha1.SegmentBy{NamespaceLabel: "team"}},
		"namespaceSelector":        {bySelector, nil},
		"count":                    {asNamespaces, nil},
	} {
		_, failure := ask(t, theQuery(t, counter, test.query, test.by))
		wantFailure(t, failure, source.InvalidQuery, field, "nodes")
	}
	if n := counted(t, theQuery(t, counter, nodes, nil)); n != 0 {
		t.Fatalf("%d nodes in a cluster without any", n)
	}
}

// What is being deleted is there until its last finalizer has gone; docs/sources.md
// says how to leave it out.
func TestWhatIsBeingDeletedCountsUnlessItIsLeftOut(t *testing.T) {
	c, counter := theCluster(t), aCounter(t, thePlane(t).Config)
	suite := map[string]string{"suite": suiteOf(t)}
	query := configMaps()
	query.LabelSelector = ofThisTest(t)
	query.Where = "true"
	staying := query
	staying.Where = "!has(object.metadata.deletionTimestamp)"
	all, alive := theQuery(t, counter, query, nil), theQuery(t, counter, staying, nil)

	held := configMap("default", "going", suite)
	held.Finalizers = []string{"example.com/held"}
	c.create(held)
	c.create(configMap("default", "staying", suite))
	c.eventually("two are counted", func() bool { return counted(t, all) == 2 && counted(t, alive) == 2 })
	c.delete(configMap("default", "going", nil))
	c.eventually("one stays", func() bool { return counted(t, alive) == 1 })
	if n := counted(t, all); n != 2 {
		t.Errorf("%d are counted, and one of two is being deleted", n)
	}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	if err := c.client.Patch(t.Context(), configMap("default", "going", nil), patch); err != nil {
		t.Fatal(err)
	}
	c.eventually("it has gone", func() bool { return counted(t, all) == 1 })
}
