// SPDX-License-Identifier: Apache-2.0

//go:build argocd

package argocd

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// story is a program with one phase, whose numbers people enter.
func story(adopted int, spec string) map[string]string {
	return map[string]string{"story.yaml": fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: numbers}
data: {adopted: "%s %d"}
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: golden-path}
spec:
  objective: Everybody builds with the golden path
  accountability: {executiveSponsor: CIO office, programOwner: platform team}
  interval: 1s
  population: {count: 100}
  metrics:
  - {name: adopted, dimension: Reach, rate: {active: {configMap: {name: numbers, key: adopted}}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: wave}
spec:
  programRef: {name: golden-path}
  targets: [{metric: adopted, atLeast: "60%%"}]
%s`, time.Now().Format(time.DateOnly), adopted, spec)}
}

const blocking = `
---
apiVersion: uptake.dev/v1alpha1
kind: Barrier
metadata: {name: database}
spec:
  programRef: {name: golden-path}
  summary: The template has no way to ask for a database
  category: Technical
  severity: Blocking
  owner: platform team
`

func TestApplicationsHaveTheHealthOfTheirPhases(t *testing.T) {
	watching := watchDifferences(t.Context(), t)
	cases := map[string]struct {
		health string
		files  map[string]string
	}{
		"on-its-way":     {"Healthy", story(40, "")},
		"achieved":       {"Healthy", story(70, "  reporting: Gate\n")},
		"gate":           {"Progressing", story(40, "  reporting: Gate\n")},
		"gate-blocked":   {"Suspended", story(40, "  reporting: Gate\n"+blocking)},
		"suspended":      {"Suspended", story(40, "  suspend: true\n")},
		"late":           {"Degraded", story(40, "  deadline: \"2026-01-01\"\n")},
		"late-observed":  {"Healthy", story(40, "  reporting: Observe\n  deadline: \"2026-01-01\"\n")},
		"mistaken":       {"Degraded", story(40, "  dependsOn: [wave]\n")},
		"not-there-yet":  {"Progressing", map[string]string{"phase.yaml": "apiVersion: uptake.dev/v1alpha1\nkind: Phase\nmetadata: {name: wave}\nspec:\n  programRef: {name: absent}\n  targets: [{metric: adopted, atLeast: \"60%\"}]\n"}},
		"barrier-opened": {"Healthy", story(40, blocking)},
	}
	for name, c := range cases {
		if err := commit(name, "begin "+name, c.files); err != nil {
			t.Fatal(err)
		}
	}
	for name := range cases {
		application(t, name)
	}
	for name, c := range cases {
		shown := waitFor(t, name, c.health, func(s seen) bool { return s.health() == c.health && s.sync() == "Synced" })
		if _, message := shown.resource("Phase", "wave"); message == "" {
			t.Errorf("%s: Argo CD has no message", name)
		}
	}
	time.Sleep(10 * time.Second) // three refreshes
	for name, c := range cases {
		if s := look(t, name); s.health() != c.health || s.sync() != "Synced" {
			t.Errorf("%s became %s and %s", name, s.health(), s.sync())
		}
		if found := watching.of(name); len(found) > 0 {
			t.Errorf("%s was OutOfSync: %s", name, found[0])
		}
	}
}

func TestADriftIsHealedAndProgressIsKept(t *testing.T) {
	watching := watchDifferences(t.Context(), t)
	if err := commit("drift", "begin drift", story(70, "  sustain: {for: 1h}\n")); err != nil {
		t.Fatal(err)
	}
	application(t, "drift")
	waitFor(t, "drift", "Healthy", func(s seen) bool { return s.health() == "Healthy" && s.sync() == "Synced" })
	eventually(t, "the phase is achieved", func() bool { return stateOf(get(t, "Phase", "drift", "wave")) == "Achieved" })

	if err := people.Patch(t.Context(), get(t, "Phase", "drift", "wave"), client.RawPatch("application/merge-patch+json",
		[]byte(`{"spec":{"targets":[{"metric":"adopted","atLeast":"65%"}]}}`))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Argo CD puts the target back", func() bool {
		targets, _, _ := unstructured.NestedSlice(get(t, "Phase", "drift", "wave").Object, "spec", "targets")
		target, _ := targets[0].(map[string]any)
		return target["atLeast"] == "60%"
	})
	waitFor(t, "drift", "Healthy again", func(s seen) bool { return s.health() == "Healthy" && s.sync() == "Synced" })
	if state := stateOf(get(t, "Phase", "drift", "wave")); state != "Achieved" {
		t.Errorf("the phase is %s", state)
	}
	watching.of("drift") // the one that was ours
	time.Sleep(5 * time.Second)
	if found := watching.of("drift"); len(found) > 0 {
		t.Errorf("OutOfSync afterwards: %s", found[0])
	}
}

func stateOf(u *unstructured.Unstructured) string {
	state, _, _ := unstructured.NestedString(u.Object, "status", "state")
	return state
}
