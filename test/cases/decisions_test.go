// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// oigorbrito/smag#52 is of the kind: an approval outlives what was approved.
func TestAnApprovalDoesNotOutliveWhatItIsOf(t *testing.T) {
	w := begin(t)
	w.enter(map[string]string{"adopted": daysAgo(3) + " 4"})
	w.apply(one(adopted), phaseOf("ph", `targets: [{metric: adopted, atLeast: "50"}]`+"\ngates: [{name: sponsor-agrees, at: Finish, description: 50 is enough}]"))
	w.change(&v1alpha1.Phase{}, "ph", `{"metadata":{"annotations":{"approval.uptake.dev/sponsor-agrees":"cio"}}}`)
	w.eventually("the approval is recorded", func() bool { return len(w.phase("ph").Approvals) == 1 }, func() any { return w.phase("ph") })
	w.change(&v1alpha1.Phase{}, "ph", `{"spec":{"targets":[{"metric":"adopted","atLeast":"3"}]}}`)
	said := w.summarised("ph", "waits for approval of sponsor-agrees (that of cio does not count: it was for other targets). Approve again with:").Summary
	w.neverAchieved("ph")
	w.change(&v1alpha1.Phase{}, "ph", `{"metadata":{"annotations":{"approval.uptake.dev/sponsor-agrees":"ceo"}}}`)
	w.achieved("ph")
	report.add("33 an approval of other targets", said)
}

// dependency-check/dependency-check-sonar-plugin#178: a gate compared the wrong way round.
func TestATargetAgainstTheDirectionIsRefused(t *testing.T) {
	w := begin(t)
	w.enter(map[string]string{"left": daysAgo(3) + " 180", "adopted": daysAgo(3) + " 4"})
	w.apply(one("{name: old-tickets, dimension: RouteShare, direction: Decrease, query: "+entered("left")+"}\n- "+adopted),
		phaseOf("ph", `targets: [{metric: old-tickets, atLeast: "5"}]`),
		phaseOf("other", `targets: [{metric: adopted, atMost: "50"}]`))
	said := w.told("Phase", "ph", "Stalled", "True/InvalidSpec", "spec.targets[0].atLeast", "should decrease", "write atMost")
	w.told("Phase", "other", "Stalled", "True/InvalidSpec", "spec.targets[0].atMost", "should increase", "write atLeast")
	time.Sleep(someTurns)
	for _, name := range []string{"ph", "other"} {
		if path := w.path(name); strings.Contains(path, "Achieved") {
			t.Errorf("phase %s went %s", name, path)
		}
	}
	report.add("35 a target against the direction", said)
}

// Seen while the reports were tried: "remove Phase ph has fallen back".
func TestABarrierThatTheOperatorOpensReadsAsASentence(t *testing.T) {
	w := begin(t)
	w.enter(map[string]string{"adopted": daysAgo(3) + " 60"})
	w.apply(one(adopted), phaseOf("ph", `targets: [{metric: adopted, atLeast: "50"}]`+"\nsustain: {for: 1s}"))
	w.achieved("ph")
	w.enter(map[string]string{"adopted": daysAgo(3) + " 10"})
	opened := func() string {
		var list v1alpha1.BarrierList
		if err := people.List(t.Context(), &list, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
		if len(list.Items) == 0 {
			return ""
		}
		return list.Items[0].Status.Summary
	}
	w.eventually("a barrier is opened", func() bool { return opened() != "" }, func() any { return w.phase("ph") })
	const fallen = "What was achieved has fallen back: adopted 10, needs >= 50 (phase ph)"
	if said := opened(); !strings.Contains(said, fallen) || strings.Contains(said, "remove") {
		t.Errorf("it reads: %s", said)
	}
	report.add("a barrier that the operator opened", opened())
}

// Seen while the reports were tried: "needs >= 2 in 0/0" while nothing is known.
func TestWhatIsNeededIsNoNothingOfNothing(t *testing.T) {
	w := begin(t)
	address, _ := w.serve(answers(http.StatusServiceUnavailable, "down"))
	const query = `{prometheus: {expr: "sum by (team) (spans)"}, segmentBy: {label: team}}`
	w.apply(prometheus(address), program("p", fmt.Sprintf(`
sourceRef: {name: prometheus}
segmentsFrom: Population
population: {query: %s}
metrics:
- {name: sending, dimension: Reach, query: %s}`, query, query)),
		phaseOf("ph", `targets: [{metric: sending, atLeast: "2", scope: Each}]`))
	w.told("UsageSource", "prometheus", "Ready", "False/PollsFailing")
	w.eventually("something is needed", func() bool { return w.phase("ph").Needs != "" }, func() any { return w.phase("ph") })
	for range 20 {
		status := w.phase("ph")
		for _, text := range []string{status.Needs, status.Summary, w.program("p").Summary, fmt.Sprint(status.Targets)} {
			if strings.Contains(text, "0/0") || strings.Contains(text, "0 segments") {
				t.Fatalf("%s", text)
			}
		}
		time.Sleep(someTurns / 20)
	}
	w.neverAchieved("ph")
	report.add("nothing is known", "needs "+w.phase("ph").Needs+" | "+w.phase("ph").Summary)
}
