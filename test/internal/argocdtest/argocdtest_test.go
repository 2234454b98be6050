// SPDX-License-Identifier: Apache-2.0

package argocdtest_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/test/internal/argocdtest"
)

// healthTests and actionTests are in the form in which Argo CD keeps its own.
type healthTests struct {
	Tests []struct {
		InputPath    string            `json:"inputPath"`
		HealthStatus argocdtest.Health `json:"healthStatus"`
	} `json:"tests"`
}

type actionTests struct {
	DiscoveryTests []struct {
		InputPath string              `json:"inputPath"`
		Result    []argocdtest.Action `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []struct {
		Action               string            `json:"action"`
		InputPath            string            `json:"inputPath"`
		ExpectedOutputPath   string            `json:"expectedOutputPath"`
		ExpectedErrorMessage string            `json:"expectedErrorMessage"`
		Parameters           map[string]string `json:"parameters"`
	} `json:"actionTests"`
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// kinds are the folders that hold a file, which must be there for each of want.
func kinds(t *testing.T, file string, want ...string) []string {
	t.Helper()
	var found []string
	for _, kind := range want {
		folder := filepath.Join(argocdtest.Folder(), kind)
		if _, err := os.Stat(filepath.Join(folder, file)); err != nil {
			t.Fatalf("%s has no %s", kind, file)
		}
		found = append(found, folder)
	}
	return found
}

func TestHealthOfRecordedObjects(t *testing.T) {
	for _, folder := range kinds(t, "health_test.yaml", "AdoptionProgram", "Phase", "Barrier", "UsageSource", "ClusterUsageSource") {
		var cases healthTests
		read(t, filepath.Join(folder, "health_test.yaml"), &cases)
		recorded, err := filepath.Glob(filepath.Join(folder, "testdata", "*.yaml"))
		if err != nil || len(recorded) != len(cases.Tests) || len(recorded) == 0 {
			t.Fatalf("%s: %d objects and %d cases (%v)", folder, len(recorded), len(cases.Tests), err)
		}
		for _, c := range cases.Tests {
			t.Run(filepath.Base(folder)+"/"+filepath.Base(c.InputPath), func(t *testing.T) {
				object := &unstructured.Unstructured{}
				read(t, filepath.Join(folder, c.InputPath), &object.Object)
				got, err := argocdtest.HealthOf(object)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.HealthStatus, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestActions(t *testing.T) {
	for _, folder := range kinds(t, "actions/action_test.yaml", "AdoptionProgram", "Phase", "Barrier") {
		var cases actionTests
		actions := filepath.Join(folder, "actions")
		read(t, filepath.Join(actions, "action_test.yaml"), &cases)
		tested := map[string]bool{}
		for _, c := range cases.DiscoveryTests {
			object := &unstructured.Unstructured{}
			read(t, filepath.Join(actions, c.InputPath), &object.Object)
			offered, err := argocdtest.ActionsFor(object)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]argocdtest.Action, 0, len(offered))
			for _, name := range slices.Sorted(maps.Keys(offered)) {
				action := offered[name]
				action.Name = name
				got = append(got, action)
			}
			if diff := cmp.Diff(c.Result, got); diff != "" {
				t.Errorf("%s, %s: %s", folder, c.InputPath, diff)
			}
		}
		for _, c := range cases.ActionTests {
			tested[c.Action] = true
			before, want := &unstructured.Unstructured{}, &unstructured.Unstructured{}
			read(t, filepath.Join(actions, c.InputPath), &before.Object)
			got, err := argocdtest.Act(before, c.Action, c.Parameters)
			if c.ExpectedErrorMessage != "" {
				if err == nil || err.Error() != c.ExpectedErrorMessage {
					t.Errorf("%s of %s: %v, want %q", c.Action, c.InputPath, err, c.ExpectedErrorMessage)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s of %s: %v", c.Action, c.InputPath, err)
				continue
			}
			read(t, filepath.Join(actions, c.ExpectedOutputPath), &want.Object)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s of %s: %s", c.Action, c.InputPath, diff)
			}
		}
		scripts, err := filepath.Glob(filepath.Join(actions, "*", "action.lua"))
		if err != nil || len(scripts) == 0 {
			t.Fatalf("%s has no actions: %v", folder, err)
		}
		for _, script := range scripts {
			if name := filepath.Base(filepath.Dir(script)); !tested[name] {
				t.Errorf("%s: no case for %s", folder, name)
			}
		}
	}
}
