// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// numbers is a program with one plain number that people enter.
func numbers(row string) string {
	return `
apiVersion: v1
kind: ConfigMap
metadata: {name: numbers}
data: {adopted: "` + row + `"}
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: p}
spec:
  objective: case
  interval: 1s
  metrics:
  - {name: adopted, dimension: Reach, query: {configMap: {name: numbers, key: adopted}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: ph}
spec:
  programRef: {name: p}
`
}

func daysAgo(n int) string { return time.Now().UTC().AddDate(0, 0, -n).Format(time.DateOnly) }

func summarised(t testing.TB, namespace, name, words string) v1alpha1.PhaseStatus {
	t.Helper()
	eventually(t, patience, "phase "+name+" says "+words, func() bool {
		return strings.Contains(phase(t, namespace, name).Status.Summary, words)
	}, func() string { return asJSON(phase(t, namespace, name).Status) })
	return phase(t, namespace, name).Status
}

func changed(t testing.TB, namespace, patch string) {
	t.Helper()
	o := &v1alpha1.Phase{}
	o.Namespace, o.Name = namespace, "ph"
	if err := people.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		t.Fatal(err)
	}
}

// An approval of "50 is enough" is none of "3 is enough".
func TestAnApprovalDoesNotOutliveWhatItIsOf(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	apply(t, namespace, numbers(daysAgo(1)+" 4")+`
  targets: [{metric: adopted, atLeast: "50"}]
  gates: [{name: sponsor-agrees, description: 50 is enough}]
`)
	changed(t, namespace, `{"metadata":{"annotations":{"approval.uptake.dev/sponsor-agrees":"cio"}}}`)
	eventually(t, patience, "the approval is recorded", func() bool {
		return len(phase(t, namespace, "ph").Status.Approvals) == 1
	}, func() string { return asJSON(phase(t, namespace, "ph").Status) })
	changed(t, namespace, `{"spec":{"targets":[{"metric":"adopted","atLeast":"3"}]}}`)
	status := summarised(t, namespace, "ph", "waits for approval of sponsor-agrees (that of cio does not count: it was for other targets). Approve again with:")
	if status.State != v1alpha1.PhaseHolding {
		t.Errorf("it is %s", status.State)
	}
	changed(t, namespace, `{"metadata":{"annotations":{"approval.uptake.dev/sponsor-agrees":"ceo"}}}`)
	achieved(t, namespace, "ph")
}

// One number from before the phase fills no hold.
func TestOneOldNumberFillsNoHold(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	apply(t, namespace, numbers(daysAgo(60)+" 85")+`
  targets: [{metric: adopted, atLeast: "80"}]
  hold: {for: 2s, every: 1s}
`)
	summarised(t, namespace, "ph", fmt.Sprintf("the newest row of adopted is of %s, before the phase began", daysAgo(60)))
	time.Sleep(5 * time.Second)
	if status := phase(t, namespace, "ph").Status; status.State != v1alpha1.PhaseActive {
		t.Errorf("it is %s: %s", status.State, status.Summary)
	}
}

// Departments are named as the personnel system names them, also where people name them.
func TestSegmentsAreNamedAsSystemsNameThem(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	csv := func(hr, rd, platform int) string {
		day := daysAgo(1)
		return fmt.Sprintf("|\n    date,segment,value\n    %s,Human Resources,%d\n    %s,R&D,%d\n    %s,group:default/platform,%d", day, hr, day, rd, day, platform)
	}
	apply(t, namespace, `
apiVersion: v1
kind: ConfigMap
metadata: {name: people}
data:
  eligible: `+csv(10, 20, 5)+`
  active: `+csv(9, 2, 3)+`
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: p}
spec:
  objective: case
  interval: 1s
  segmentsFrom: Population
  population: {query: {configMap: {name: people, key: eligible}}}
  segments:
  - {name: "group:default/platform", mode: OptIn, exemptions: [{count: 2, reason: on leave, approvedBy: CIO}]}
  metrics:
  - {name: active, dimension: Reach, rate: {active: {configMap: {name: people, key: active}}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: ph}
spec:
  programRef: {name: p}
  segments: [Human Resources]
  targets: [{metric: active, atLeast: "80%"}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: catalogue}
spec:
  programRef: {name: p}
  targets: [{metric: active, atLeast: "100%", segments: ["group:default/platform"]}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: all}
spec:
  programRef: {name: p}
  targets: [{metric: active, atLeast: "80%", scope: Each}]
`)
	achieved(t, namespace, "ph")
	achieved(t, namespace, "catalogue")
	summarised(t, namespace, "all", "(missing R&D)")
}
