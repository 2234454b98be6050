// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

func TestSecretsAreNeverCountedHoweverTheyAreSpelt(t *testing.T) {
	counter := aCounter(t, thePlane(t).Config)
	for _, kind := range []string{"Secret", "secret", "SECRET", "SecretList", "secrets"} {
		for _, version := range []string{"v1", "/v1", "v2"} {
			_, err := counter.Query(v1alpha1.ObjectsQuery{APIVersion: version, Kind: kind}, nil)
			wantFailure(t, source.AsError(err), source.InvalidQuery, "never counted")
		}
	}
	if failure := uncountable(gvkOf("v1", "Secret"), secrets(), metav1.Verbs{"list", "watch"}); failure == nil {
		t.Error("the resource secrets passes when it comes under another kind")
	}
}

func TestQueriesThatCannotWorkNameTheFieldAtFault(t *testing.T) {
	counter := aCounter(t, thePlane(t).Config)
	broken := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
	for field, query := range map[string]v1alpha1.ObjectsQuery{
		"apiVersion":        {APIVersion: "a/b/c", Kind: "X"},
		"kind":              {APIVersion: "v1"},
		"labelSelector":     {APIVersion: "v1", Kind: "Pod", LabelSelector: broken},
		"namespaceSelector": {APIVersion: "v1", Kind: "Pod", NamespaceSelector: broken},
		"where":             {APIVersion: "v1", Kind: "Pod", Where: "("},
		"count":             {APIVersion: "v1", Kind: "Pod", Count: "Elephants"},
	} {
		_, err := counter.Query(query, nil)
		wantFailure(t, source.AsError(err), source.InvalidQuery, field)
	}
	_, err := counter.Query(configMaps(), &v1alpha1.SegmentBy{Label: "not a label"})
	wantFailure(t, source.AsError(err), source.InvalidQuery, "segmentBy.label")
}

func TestTheResourceOfAKindIsFound(t *testing.T) {
	counter := aCounter(t, thePlane(t).Config)
	resource, err := counter.ResourceFor(t.Context(), "apps/v1", "Deployment")
	if err != nil {
		t.Fatal(err)
	}
	if resource.String() != "deployments.apps" || resource.Version != "v1" || !resource.Namespaced {
		t.Errorf("not the deployments: %+v", resource)
	}
	resource, err = counter.ResourceFor(t.Context(), "rbac.authorization.k8s.io/v1", "ClusterRole")
	if err != nil {
		t.Fatal(err)
	}
	if resource.Namespaced {
		t.Errorf("cluster roles are in no namespace: %+v", resource)
	}
}

func TestAKindThatIsNotServedIsToldWithTheNearestOne(t *testing.T) {
	counter := aCounter(t, thePlane(t).Config)
	for _, test := range []struct{ version, kind, nearest string }{
		{"apps/v1", "deployment", "Deployment"},
		{"apps/v1", "deployments", "Deployment"},
		{"apps/v1", "DeploymentList", "Deployment"},
		{"apps/v1", "Elephant", "does not serve the kind Elephant of apps/v1"},
		{"apps/v7", "Deployment", "does not serve the kind Deployment of apps/v7; it serves Deployment of apps/v1"},
		{"apps/v1beta2", "Elephant", "does not serve the kind Elephant of apps/v1beta2"},
		{"nowhere.example.com/v1", "Thing", "does not serve the kind Thing of nowhere.example.com/v1"},
	} {
		_, failure := ask(t, theQuery(t, counter, v1alpha1.ObjectsQuery{APIVersion: test.version, Kind: test.kind}, nil))
		wantFailure(t, failure, source.NotServed, test.nearest)
	}
}

func TestAKindThatCannotBeWatchedCannotBeCounted(t *testing.T) {
	counter := aCounter(t, thePlane(t).Config)
	query := v1alpha1.ObjectsQuery{APIVersion: "authentication.k8s.io/v1", Kind: "TokenReview"}
	_, failure := ask(t, theQuery(t, counter, query, nil))
	wantFailure(t, failure, source.InvalidQuery, "TokenReview")
}

// A tenant may misspell as many kinds as it likes: they are forgotten, and what is
// counted is not.
func TestMisspeltKindsAreForgotten(t *testing.T) {
	counter := aCounter(t, thePlane(t).Config)
	served := theQuery(t, counter, v1alpha1.ObjectsQuery{APIVersion: "apps/v1", Kind: "Deployment"}, nil)
	if _, failure := ask(t, served); failure != nil {
		t.Fatal(failure)
	}
	for i := range mostKinds + 10 {
		gvk := gvkOf("apps/v1", fmt.Sprintf("Elephant%d", i))
		counter.resources.remember(gvk, lookup{missing: notServed(gvk, ""), at: counter.resources.clock.Now()})
	}
	if n := len(counter.resources.known); n > mostKinds {
		t.Errorf("%d kinds are remembered", n)
	}
	if !counter.resources.remembers(gvkOf("apps/v1", "Deployment")) {
		t.Error("a kind that is served is forgotten")
	}
}
