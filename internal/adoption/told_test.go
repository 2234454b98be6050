// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func (w *world) expectSummary(p *v1alpha1.Phase, want string) {
	w.t.Helper()
	if p.Status.Summary != want {
		w.t.Errorf("phase %s says\n%s\nwant\n%s", p.Name, p.Status.Summary, want)
	}
}

func (w *world) expectProgramSummary(want string) {
	w.t.Helper()
	if w.program.Status.Summary != want {
		w.t.Errorf("the program says\n%s\nwant\n%s", w.program.Status.Summary, want)
	}
}

func TestAnOutageIsToldFromTheFirstFailedMeasurement(t *testing.T) {
	w := newWorld(t)
	w.interval = 5 * time.Minute
	w.is(88, 100)
	p := w.phase("only", targeting("adopted", "95%"))
	w.begin()
	w.run(2*hour + 5*time.Minute)
	w.away()
	w.run(5 * time.Minute)
	const outage = "Measured until 02:05; connection refused. Nothing moves. Last: 88% of 95%."
	w.expectSummary(p, "Needs 95% adopted. "+outage)
	w.expectProgramSummary("only: Needs 95% adopted. " + outage)
	if p.Status.Value != "88%" || p.Status.Health != v1alpha1.HealthOnTrack {
		t.Errorf("%s %s after one failure", p.Status.Value, p.Status.Health)
	}
	w.run(3 * hour)
	if got := p.Status; got.Value != "unknown" || got.Met != "0/1" || got.Targets[0].Last != "88%" || got.Health != v1alpha1.HealthUnknown {
		t.Errorf("after staleAfter: value %s, met %s, last %s, health %s", got.Value, got.Met, got.Targets[0].Last, got.Health)
	}
	w.restart()
	w.run(hour)
	w.expectSummary(p, "Needs 95% adopted. "+outage)
	w.run(day)
	w.expectSummary(p, "Needs 95% adopted. "+strings.Replace(outage, "02:05", "2026-11-02 02:05", 1))
	w.back()
	w.run(5 * time.Minute)
	w.expectSummary(p, "Needs 95% adopted, has 88%.")
}

func TestAnOutageOfWhatIsAchievedIsTold(t *testing.T) {
	w, p := achieved(t, sustained("", "10d", v1alpha1.OnRegressionFlag))
	w.interval = 5 * time.Minute
	w.run(hour)
	was := p.Status.Summary
	w.away()
	w.run(5 * time.Minute)
	w.expectSummary(p, was) // a blip
	w.run(15 * time.Minute)
	if !strings.Contains(p.Status.Summary, "Nothing moves. Last: 90% of 80%.") || !strings.Contains(w.program.Status.Summary, "Nothing moves. Last: adopted 90%.") {
		t.Errorf("%q\n%q", p.Status.Summary, w.program.Status.Summary)
	}
}

func TestWhatWasNeverMeasuredIsNotReadyAndUnknown(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	w.away()
	w.interval = time.Minute
	p := w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.run(time.Minute)
	if got := condition(w.program.Status.Conditions, "Ready"); got != "False/AwaitingData" {
		t.Errorf("Ready is %s", got)
	}
	if p.Status.Health != v1alpha1.HealthUnknown || w.program.Status.Health != v1alpha1.HealthUnknown {
		t.Errorf("health: phase %s, program %s", p.Status.Health, w.program.Status.Health)
	}
	w.expectSummary(p, "Needs 80% adopted. Not measured yet; connection refused. Nothing moves.")
	w.back()
	w.run(time.Minute)
	if got := condition(w.program.Status.Conditions, "Ready"); got != "True/Measuring" {
		t.Errorf("Ready is %s", got)
	}
	if p.Status.Health != v1alpha1.HealthOnTrack {
		t.Errorf("health is %s", p.Status.Health)
	}
}

func TestUnknownIsNeverShownAsZero(t *testing.T) {
	w := newWorld(t).withSegments("faculty", "staff")
	w.counts("population.query", map[string]float64{"faculty": 10, "staff": 10})
	w.series("rate.active", map[string]float64{"faculty": 9, "staff": 9})
	w.answers["rate.active"].Rows[0].Unknown = "the value is NaN"
	w.answers["rate.active"].Rows[1].Unknown = "the value is NaN"
	p := w.phase("each", targetingEach("adopted", "80%"))
	w.begin()
	w.run(day)
	if got := p.Status.Targets[0]; got.Value != "unknown" || got.Needs != ">= 80% in 2/2" {
		t.Errorf("value %q, needs %q", got.Value, got.Needs)
	}
	empty := newWorld(t).discovering()
	q := empty.phase("each", targetingEach("adopted", "80%"))
	empty.series("population.query", nil)
	empty.series("rate.active", nil)
	empty.begin()
	if got := q.Status.Targets[0]; got.Value != "unknown" || got.Needs != ">= 80% in each" {
		t.Errorf("value %q, needs %q", got.Value, got.Needs)
	}
}

func TestAnAudienceThatIsEmptyIsSaidAtOnce(t *testing.T) {
	w := newWorld(t).withSegments("faculty", "staff")
	w.counts("population.query", map[string]float64{"staff": 10})
	w.counts("rate.active", map[string]float64{"staff": 10})
	p := w.phase("faculty", targeting("adopted", "80%"), forSegments("faculty"))
	w.begin()
	if p.Status.Health != v1alpha1.HealthUnknown || !strings.Contains(p.Status.Summary, "nobody is eligible") {
		t.Errorf("%s: %q", p.Status.Health, p.Status.Summary)
	}
}

func TestAnAchievedPhaseShowsWhatItWasAchievedWith(t *testing.T) {
	w, p := achieved(t, sustained("", "10d", v1alpha1.OnRegressionFlag))
	w.expectSummary(p, "Achieved 2026-11-02 with adopted 90%; now adopted 90%.")
	w.is(63, 100)
	w.run(day)
	w.expectSummary(p, "Achieved 2026-11-02 with adopted 90%; now adopted 63%. Below target now: needs 80% adopted, has 63%.")
}

func TestAPhaseThatFellBackAndMeetsItsTargetsSaysSo(t *testing.T) {
	w, p := achieved(t, sustained("", "2d", v1alpha1.OnRegressionFlag))
	w.is(10, 100)
	w.run(4 * day)
	w.is(90, 100)
	w.run(hour)
	w.expect(p, v1alpha1.PhaseRegressed)
	w.expectSummary(p, "Fell back; the targets are met again: adopted 90%. Recovered when that lasts for 2d.")
}

func TestTheProgramNamesWhoCanActAndCountsTheRest(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	w.phase("pilot", targeting("adopted", "80%"), gated("works-council", v1alpha1.GateAtFinish))
	w.phase("launch", targeting("adopted", "95%"), dependingOn("pilot"), with(func(s *v1alpha1.PhaseSpec) { s.Deadline = "2026-11-02" }))
	w.phase("mandate", targeting("adopted", "95%"), gated("policy", v1alpha1.GateAtStart))
	w.begin()
	w.run(2 * day)
	const want = "pilot: Held; waits for approval of works-council. Also: mandate (approval of policy). " +
		"Approve with: kubectl -n ns annotate phase pilot approval.uptake.dev/works-council=YOUR-USERNAME"
	w.expectProgramSummary(want)
}

func TestPhasesAreNumberedInTheOrderOfTheProgram(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	last := w.phase("a-last", targeting("adopted", "80%"), dependingOn("z-first"))
	head := w.phase("z-first", targeting("adopted", "80%"))
	w.begin()
	if head.Status.Order != "01" || last.Status.Order != "02" {
		t.Errorf("orders %q and %q", head.Status.Order, last.Status.Order)
	}
}

func TestABarrierReadsAsASentence(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	b := w.barrier("fear", func(s *v1alpha1.BarrierSpec) {
		s.Summary, s.Owner, s.EscalateAfter, s.DueBy = "Seniors fear that juniors stop learning.", "", "10m", "2026-12-01"
		s.Plays = []v1alpha1.Play{{Action: "Pair up.", Owner: "guild"}}
	})
	w.begin()
	if want := "Open: Seniors fear that juniors stop learning. Next: Pair up (guild). Nobody owns it: set spec.owner. Due 2026-12-01."; b.Status.Summary != want {
		t.Errorf("%q", b.Status.Summary)
	}
	w.run(hour)
	if text := b.Status.Transitions[len(b.Status.Transitions)-1].Message; text != "Escalated to CIO, open for 10m: Seniors fear that juniors stop learning." {
		t.Errorf("%q", text)
	}
}

func TestDurationsAreWrittenAsPeopleDo(t *testing.T) {
	for want, d := range map[string]time.Duration{"30s": 30 * time.Second, "10m": 10 * time.Minute, "1h30m": 90 * time.Minute, "14d": 14 * day, "2d12h": 60 * hour} {
		if got := durationText(d); got != want {
			t.Errorf("%s is written %q, want %q", d, got, want)
		}
	}
}

func TestACommandInASummaryCanBePasted(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	w.begin()
	m := w.measured["spec.population.query"]
	m.Problem = &Problem{Kind: ProblemReference, Reason: v1alpha1.ReasonNotServed, Message: "may not list: run kubectl create rolebinding x --serviceaccount=ns:default"}
	w.measured["spec.population.query"] = m
	w.settle()
	if text := w.program.Status.Summary; !strings.HasSuffix(text, "--serviceaccount=ns:default") {
		t.Errorf("%q", text)
	}
}

func TestTheEndOfAnExemptionIsToldBeforeAndAfter(t *testing.T) {
	w := newWorld(t).withSegments("staff")
	w.program.Spec.Segments[0].Exemptions = []v1alpha1.Exemption{{Count: 14, Reason: "leave", ApprovedBy: "CIO", Expires: "2026-11-20"}}
	w.counts("population.query", map[string]float64{"staff": 100})
	w.counts("rate.active", map[string]float64{"staff": 80})
	w.begin()
	w.run(day)
	if got := condition(w.program.Status.Conditions, "ExemptionsEnd"); got != "-" {
		t.Errorf("ExemptionsEnd is %s long before", got)
	}
	w.run(7 * day)
	if got := condition(w.program.Status.Conditions, "ExemptionsEnd"); got != "True/ExemptionsExpiring" || !strings.Contains(w.program.Status.Summary, "14 of staff on 2026-11-20") {
		t.Errorf("ExemptionsEnd is %s: %s", got, w.program.Status.Summary)
	}
	w.run(11*day + 2*hour)
	if got := condition(w.program.Status.Conditions, "ExemptionsEnd"); got != "True/ExemptionsExpired" {
		t.Errorf("ExemptionsEnd is %s after it", got)
	}
	if got, want := w.program.Status.Metrics[0].Moved, "80% from 93% since 2026-11-20: 14 fewer exempt"; got != want {
		t.Errorf("moved %q, want %q", got, want)
	}
	w.run(8 * day)
	if got := condition(w.program.Status.Conditions, "ExemptionsEnd"); got != "-" {
		t.Errorf("ExemptionsEnd is %s long after", got)
	}
}

func TestWhyANumberMovedIsTold(t *testing.T) {
	w := newWorld(t)
	w.is(88, 100)
	w.begin()
	w.run(day)
	w.is(76, 120)
	w.run(day)
	if got, want := w.program.Status.Metrics[0].Moved, "63.3% from 88% since 2026-11-03: 12 fewer counted, 20 more eligible"; got != want {
		t.Errorf("moved %q, want %q", got, want)
	}
	w.run(day)
	if got := w.program.Status.Metrics[0].Moved; got != "" {
		t.Errorf("moved %q though it stayed", got)
	}
}

func TestAGateIsAnnouncedWithItsNotice(t *testing.T) {
	w := newWorld(t)
	w.program.Spec.Metrics[0].SampleEvery = "1y" // no plateau
	w.is(10, 100)
	p := w.phase("only", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) {
		s.Deadline = "2026-12-31"
		s.Gates = []v1alpha1.Gate{{Name: "works-council", Notice: "30d"}, {Name: "cio"}}
	}))
	w.begin()
	w.run(day)
	w.expectSummary(p, "Needs 80% adopted, has 10%. Due 2026-12-31.")
	w.run(31 * day)
	w.expectSummary(p, "Needs 80% adopted, has 10%. Due 2026-12-31. Approval will be needed of works-council (by 2026-12-31): it can be given now.")
	p.Annotations["approval.uptake.dev/works-council"] = "ada"
	w.run(day)
	w.expectSummary(p, "Needs 80% adopted, has 10%. Due 2026-12-31.")
}

func TestWhatIsTooOldIsNotToldAsThePresent(t *testing.T) {
	w, p := achieved(t, sustained("", "10d", v1alpha1.OnRegressionFlag))
	w.run(hour)
	w.away()
	w.run(3 * day)
	if got := condition(p.Status.Conditions, "TargetsMet"); got != "Unknown/Unknown" {
		t.Errorf("TargetsMet is %s", got)
	}
	if strings.Contains(p.Status.Summary, "now adopted") {
		t.Errorf("%q", p.Status.Summary)
	}
}
