// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What Helm adds to the objects of an installation, and nothing else.
var (
	helmLabels      = []string{"app.kubernetes.io/managed-by", "helm.sh/chart"}
	helmAnnotations = []string{"helm.sh/resource-policy"}
	// helmLeavesOut is made by `helm install --create-namespace`, without its labels.
	helmLeavesOut = "Namespace uptake-system"
)

// config/default and the chart install the same, object by object.
func TestKustomizeInstallsTheSame(t *testing.T) {
	byKustomize := documents(t, kustomize(t, "config/default"))
	byHelm := render(t, home)

	want := slices.DeleteFunc(identities(byKustomize), func(name string) bool { return name == helmLeavesOut })
	if len(want) != len(byKustomize)-1 {
		t.Errorf("config/default has no %s", helmLeavesOut)
	}
	if different := cmp.Diff(want, identities(byHelm)); different != "" {
		t.Fatalf("config/default (-) and the chart (+) install others:\n%s", different)
	}
	for _, ours := range byHelm {
		t.Run(identity(ours), func(t *testing.T) {
			theirs := byKustomize[slices.IndexFunc(byKustomize, func(o *unstructured.Unstructured) bool { return identity(o) == identity(ours) })]
			for _, label := range helmLabels {
				if nested[string](t, ours, "metadata", "labels", label) == "" {
					t.Errorf("no label %s", label)
				}
				unstructured.RemoveNestedField(ours.Object, "metadata", "labels", label)
			}
			for _, annotation := range helmAnnotations {
				unstructured.RemoveNestedField(ours.Object, "metadata", "annotations", annotation)
			}
			if len(ours.GetAnnotations()) == 0 {
				ours.SetAnnotations(nil)
			}
			if different := cmp.Diff(theirs.Object, ours.Object); different != "" {
				t.Errorf("config/default (-) and the chart (+) differ:\n%s", different)
			}
		})
	}
}
