// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/test/internal/argocdtest"
)

// verdicts are what the expressions of the example say of what was recorded of every
// state; every other state is Current.
var verdicts = map[string]map[string][]string{
	"AdoptionProgram": {
		"InProgress": {"new"},
		"Failed":     {"a_mistake_in_its_spec", "a_phase_fell_back", "a_phase_with_a_mistake", "counts_a_kind_that_is_not_there", "its_numbers_are_too_old", "its_source_fails", "its_source_is_not_there"},
	},
	"Phase": {
		"Current": {"achieved"},
		"Failed":  {"a_mistake_in_its_spec", "fell_back", "past_its_deadline"},
	},
	"Barrier": {
		"InProgress": {"new", "its_program_is_not_there"},
		"Failed":     {"a_mistake_in_its_spec", "escalated"},
	},
}

func kustomizations(t *testing.T) map[string]kustomizev1.Kustomization {
	t.Helper()
	text, err := os.ReadFile("../../config/flux/kustomizations.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]kustomizev1.Kustomization{}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var one kustomizev1.Kustomization
		if err := yaml.UnmarshalStrict(document, &one); err != nil {
			t.Fatal(err)
		}
		if one.Kind != "Kustomization" || one.APIVersion != kustomizev1.GroupVersion.String() {
			t.Fatalf("%s is a %s %s", one.Name, one.APIVersion, one.Kind)
		}
		found[one.Name] = one
	}
	return found
}

// TestFluxExpressions evaluates the expressions of config/flux with Flux' own code.
func TestFluxExpressions(t *testing.T) {
	all := kustomizations(t)
	expressions := append(all["adoption-programs"].Spec.HealthCheckExprs, all["gateway-api-program"].Spec.HealthCheckExprs...)
	if len(expressions) != len(verdicts) {
		t.Errorf("there are expressions for %d kinds, want %d", len(expressions), len(verdicts))
	}
	for _, checks := range expressions {
		want, is := verdicts[checks.Kind]
		if !is {
			t.Fatalf("nothing is expected of %s", checks.Kind)
		}
		evaluator, err := cel.NewStatusEvaluator(&checks.HealthCheckExpressions)
		if err != nil {
			t.Fatal(err)
		}
		otherwise := "Current"
		if checks.Kind == "Phase" {
			otherwise = "InProgress"
		}
		recorded, err := filepath.Glob(filepath.Join(argocdtest.Folder(), checks.Kind, "testdata", "*.yaml"))
		if err != nil || len(recorded) == 0 {
			t.Fatalf("nothing is recorded of %s: %v", checks.Kind, err)
		}
		met := map[string]bool{}
		for _, file := range recorded {
			u := &unstructured.Unstructured{}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal(text, &u.Object); err != nil {
				t.Fatal(err)
			}
			got, err := evaluator.Evaluate(t.Context(), u)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			name := stateOf(file)
			expected := otherwise
			for verdict, names := range want {
				if slices.Contains(names, name) {
					expected = verdict
					met[name] = true
				}
			}
			if got.Status.String() != expected {
				t.Errorf("%s %s is %s, want %s", checks.Kind, filepath.Base(file), got.Status, expected)
			}
		}
		for _, names := range want {
			for _, name := range names {
				if !met[name] {
					t.Errorf("%s: there is no state %s", checks.Kind, name)
				}
			}
		}
	}
}

// stateOf is the name of a recorded state, whatever the phase reports.
func stateOf(file string) string {
	name := filepath.Base(file)
	for _, suffix := range []string{".yaml", "_observe", "_alert", "_gate"} {
		name = string(bytes.TrimSuffix([]byte(name), []byte(suffix)))
	}
	return name
}

// TestFluxWaitsForWhatIsThere checks that what the example waits for is in the example
// of config/argocd, whose program it shares.
func TestFluxWaitsForWhatIsThere(t *testing.T) {
	all := kustomizations(t)
	program, closed := all["gateway-api-program"], all["ingress-closed"]
	if len(program.Spec.HealthChecks) != 1 || len(closed.Spec.DependsOn) != 1 || closed.Spec.DependsOn[0].Name != program.Name {
		t.Fatalf("of %v, nothing waits", slices.Sorted(maps.Keys(all)))
	}
	text, err := os.ReadFile("../../config/argocd/example/gateway-api/program.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &u.Object); err != nil {
			t.Fatal(err)
		}
		check := program.Spec.HealthChecks[0]
		if u.GetKind() == check.Kind && u.GetAPIVersion() == check.APIVersion && u.GetName() == check.Name {
			if reporting, _, _ := unstructured.NestedString(u.Object, "spec", "reporting"); reporting != "Gate" {
				t.Errorf("the phase reports %s", reporting)
			}
			return
		}
	}
	t.Errorf("there is no %v", program.Spec.HealthChecks[0])
}
