// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// The rows of the transition table of phases, one test each.

func TestAWaitingPhaseStartsOnceEverythingIsThere(t *testing.T) {
	tests := map[string]struct {
		arrange func(*world) (*v1alpha1.Phase, func())
		waits   string
	}{
		"a dependency": {func(w *world) (*v1alpha1.Phase, func()) {
			w.phase("first", targeting("adopted", "50%"))
			return w.phase("second", targeting("adopted", "90%"), dependingOn("first")), func() { w.is(60, 100) }
		}, "phase first (Active)"},
		"a start gate": {func(w *world) (*v1alpha1.Phase, func()) {
			p := w.phase("only", targeting("adopted", "90%"), gated("go", v1alpha1.GateAtStart))
			return p, func() { p.Annotations["approval.uptake.dev/go"] = "ada" }
		}, "approval of go"},
		"a date": {func(w *world) (*v1alpha1.Phase, func()) {
			p := w.phase("only", targeting("adopted", "90%"), with(func(s *v1alpha1.PhaseSpec) { s.NotBefore = "2026-11-03" }))
			return p, func() { w.run(day) }
		}, "2026-11-03"},
		"the end of a freeze": {func(w *world) (*v1alpha1.Phase, func()) {
			w.program.Spec.Freezes = []v1alpha1.Freeze{{From: "2026-11-01", To: "2026-11-02", Reason: "Audit"}}
			return w.phase("only", targeting("adopted", "90%")), func() { w.run(day) }
		}, "the end of a freeze on 2026-11-02 (Audit)"},
		"a blocking barrier": {func(w *world) (*v1alpha1.Phase, func()) {
			b := w.barrier("dns", func(s *v1alpha1.BarrierSpec) { s.Severity = v1alpha1.SeverityBlocking })
			return w.phase("only", targeting("adopted", "90%")), func() {
				b.Spec.Resolution = &v1alpha1.Resolution{State: v1alpha1.ResolutionResolved}
			}
		}, "barrier dns"},
		"the end of a suspension": {func(w *world) (*v1alpha1.Phase, func()) {
			p := w.phase("only", targeting("adopted", "90%"), with(func(s *v1alpha1.PhaseSpec) { s.Suspend = new(true) }))
			return p, func() { p.Spec.Suspend = nil }
		}, ""},
		"the end of the program's suspension": {func(w *world) (*v1alpha1.Phase, func()) {
			w.program.Spec.Suspend = new(true)
			return w.phase("only", targeting("adopted", "90%")), func() { w.program.Spec.Suspend = nil }
		}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.is(1, 100)
			p, arrive := test.arrange(w)
			w.begin()
			if s := p.Status.State; s != v1alpha1.PhaseWaiting && s != "" {
				t.Fatalf("the phase is %s and should wait", s)
			}
			if p.Status.WaitsFor != test.waits {
				t.Errorf("waits for %q, want %q", p.Status.WaitsFor, test.waits)
			}
			arrive()
			w.run(2 * hour)
			w.expect(p, v1alpha1.PhaseActive)
		})
	}
}

func TestStartingNeedsNoMeasurement(t *testing.T) {
	w := newWorld(t)
	w.is(0, 100)
	w.away()
	p := w.phase("only", targeting("adopted", "90%"))
	w.begin()
	w.expect(p, v1alpha1.PhaseActive)
}

func TestAHoldNeedsMeasuredTime(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	p := w.phase("only", targeting("adopted", "80%"), holdingFor("14d", "1d", 0))
	w.begin()
	w.expect(p, v1alpha1.PhaseHolding)
	w.run(13*day + 23*hour)
	w.expect(p, v1alpha1.PhaseHolding)
	w.run(2 * hour)
	w.expect(p, v1alpha1.PhaseAchieved)
	if took := p.Status.AchievedAt.Sub(p.Status.StartedAt.Time); took < 14*day {
		t.Errorf("achieved after %s, less than the hold", took)
	}
}

func TestAGapNeitherFulfilsNorRestartsAHold(t *testing.T) {
	for name, gap := range map[string]func(*world){
		"source away":   func(w *world) { w.away(); w.run(10 * day); w.back() },
		"operator away": func(w *world) { w.now = w.now.Add(10 * day); w.restart() },
		"clock jumps":   func(w *world) { w.now = w.now.Add(10 * day) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.is(90, 100)
			p := w.phase("only", targeting("adopted", "80%"), holdingFor("10d", "1d", 0))
			w.begin()
			w.run(5 * day)
			checks := p.Status.Hold.Checks
			gap(w)
			w.expect(p, v1alpha1.PhaseHolding)
			if p.Status.Hold.Checks != checks {
				t.Fatalf("the gap changed the checks from %s to %s", checks, p.Status.Hold.Checks)
			}
			w.run(3 * day) // the fifth check was the last before the gap
			w.expect(p, v1alpha1.PhaseHolding)
			w.run(2 * day)
			w.expect(p, v1alpha1.PhaseAchieved)
		})
	}
}

func TestMissesOfAHold(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	p := w.phase("only", targeting("adopted", "80%"), holdingFor("10d", "1d", 2))
	w.begin()
	w.run(2 * day)
	w.is(70, 100)
	w.run(2 * day) // two misses are allowed
	w.expect(p, v1alpha1.PhaseHolding)
	if !strings.HasSuffix(p.Status.Hold.Checks, "xx") {
		t.Fatalf("checks are %s", p.Status.Hold.Checks)
	}
	w.run(day) // the third is not
	w.expect(p, v1alpha1.PhaseActive)
	if p.Status.Hold != nil {
		t.Error("the window is still there")
	}
}

func TestChangedTargetsBeginAHoldAnew(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	p := w.phase("only", targeting("adopted", "80%"), holdingFor("10d", "1d", 0))
	w.begin()
	w.run(5 * day)
	p.Spec.Targets[0].AtLeast = "85%"
	p.Generation++
	w.step()
	w.expect(p, v1alpha1.PhaseActive)
	if last := w.told[len(w.told)-1]; !strings.Contains(last, v1alpha1.ReasonTargetsChanged) {
		t.Errorf("told %s", last)
	}
	w.run(hour)
	w.expect(p, v1alpha1.PhaseHolding)
}

func TestAFullHoldWaitsForItsGateFreezeAndBarrier(t *testing.T) {
	tests := map[string]struct {
		arrange func(*world, *v1alpha1.Phase)
		arrive  func(*world, *v1alpha1.Phase)
	}{
		"gate": {
			func(_ *world, p *v1alpha1.Phase) { gated("ok", v1alpha1.GateAtFinish)(p) },
			func(_ *world, p *v1alpha1.Phase) { p.Annotations["approval.uptake.dev/ok"] = "ada" },
		},
		"freeze": {
			func(w *world, _ *v1alpha1.Phase) {
				w.program.Spec.Freezes = []v1alpha1.Freeze{{From: "2026-11-03", To: "2026-11-20", Reason: "Audit"}}
			},
			func(w *world, _ *v1alpha1.Phase) { w.run(10 * day) },
		},
		"barrier": {
			func(w *world, p *v1alpha1.Phase) {
				w.barrier("dns", func(s *v1alpha1.BarrierSpec) {
					s.Severity, s.Detect = v1alpha1.SeverityBlocking, &v1alpha1.Detect{Metric: "adopted", AtLeast: "10%"}
				})
			},
			func(w *world, _ *v1alpha1.Phase) {
				w.barriers[0].Spec.Resolution = &v1alpha1.Resolution{State: v1alpha1.ResolutionAccepted}
			},
		},
		"suspension": {
			func(_ *world, p *v1alpha1.Phase) {},
			func(_ *world, p *v1alpha1.Phase) { p.Spec.Suspend = nil },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.is(5, 100)
			p := w.phase("only", targeting("adopted", "80%"), holdingFor("5d", "1d", 0))
			w.begin()
			test.arrange(w, p)
			w.is(90, 100)
			w.run(2 * hour)
			w.expect(p, v1alpha1.PhaseHolding)
			if name == "suspension" {
				p.Spec.Suspend = new(true)
			}
			w.run(12 * day)
			w.expect(p, v1alpha1.PhaseHolding)
			test.arrive(w, p)
			w.run(6 * day)
			w.expect(p, v1alpha1.PhaseAchieved)
		})
	}
}

func TestAWaitingHoldWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	p := w.phase("only", targeting("adopted", "80%"), holdingFor("5d", "1d", 0), gated("ok", v1alpha1.GateAtFinish))
	w.program.Spec.Metrics[0].SampleEvery = "1y"
	w.begin()
	w.run(6 * day)
	w.expect(p, v1alpha1.PhaseHolding)
	before := w.writes
	w.run(30 * day)
	if w.writes != before {
		t.Errorf("%d writes in a month in which nothing changed", w.writes-before)
	}
}

func TestACheckpointIsHonouredOnlyWhileStatusIsEmpty(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	p := w.phase("done", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Checkpoint = &v1alpha1.Checkpoint{AchievedAt: "2026-10-01"} }))
	future := w.phase("future", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Checkpoint = &v1alpha1.Checkpoint{AchievedAt: "2027-10-01"} }))
	late := w.phase("late", targeting("adopted", "80%"))
	w.begin()
	w.expect(p, v1alpha1.PhaseAchieved)
	w.expect(future, "") // refused: it tells what has been
	late.Spec.Checkpoint = &v1alpha1.Checkpoint{AchievedAt: "2026-10-01"}
	w.run(day)
	w.expect(late, v1alpha1.PhaseActive)
	if p.Status.AchievedAt.Format(time.DateOnly) != "2026-10-01" {
		t.Errorf("achieved at %s", p.Status.AchievedAt)
	}
}

func achieved(t *testing.T, options ...phaseOption) (*world, *v1alpha1.Phase) {
	t.Helper()
	w := newWorld(t)
	w.is(90, 100)
	p := w.phase("only", append([]phaseOption{targeting("adopted", "80%")}, options...)...)
	w.begin()
	w.run(2 * hour)
	w.expect(p, v1alpha1.PhaseAchieved)
	return w, p
}

func TestARegressionNeedsEveryCheckBeyondTheMargin(t *testing.T) {
	w, p := achieved(t, sustained("5%", "7d", v1alpha1.OnRegressionFlag))
	w.is(77, 100) // below target, within the margin
	w.run(30 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
	if got := condition(p.Status.Conditions, "OnTrack"); got != "False/BelowTarget" {
		t.Errorf("OnTrack is %s", got)
	}
	w.is(70, 100)
	w.run(6 * day)
	w.is(79, 100) // one check within the margin ends the run
	w.run(day)
	w.is(70, 100)
	w.run(6 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseRegressed)
	if got := condition(p.Status.Conditions, "Sustained"); got != "False/Regressed" {
		t.Errorf("Sustained is %s", got)
	}
	w.is(78, 100) // within the margin has not recovered
	w.run(20 * day)
	w.expect(p, v1alpha1.PhaseRegressed)
	w.is(81, 100)
	w.run(8 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestARateThatFallsBecauseThePopulationGrewIsNoRegression(t *testing.T) {
	w, p := achieved(t, sustained("", "1d", v1alpha1.OnRegressionFlag))
	w.is(90, 200)
	w.run(30 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
	if got := condition(p.Status.Conditions, "OnTrack"); got != "False/PopulationGrew" {
		t.Errorf("OnTrack is %s", got)
	}
}

func TestReopeningBeginsAnAttemptAndAsksForNewApprovals(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	p := w.phase("only", targeting("adopted", "80%"), gated("ok", v1alpha1.GateAtFinish), sustained("", "1d", v1alpha1.OnRegressionReopen))
	p.Annotations["approval.uptake.dev/ok"] = "ada"
	w.begin()
	w.run(2 * hour)
	w.expect(p, v1alpha1.PhaseAchieved)
	w.is(10, 100)
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseActive)
	if p.Status.Attempt != 2 {
		t.Errorf("attempt %d", p.Status.Attempt)
	}
	w.is(90, 100)
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseHolding) // the old annotation is spent
	want := "Attempt 2: it was achieved before and fell back. Held; waits for approval of ok (that of ada does not count: it is of the attempt before). " +
		"Barrier program-regression-adopted is open: What was achieved has fallen back. Approve again with: " +
		"kubectl -n ns annotate phase only approval.uptake.dev/ok- && kubectl -n ns annotate phase only approval.uptake.dev/ok=YOUR-USERNAME"
	if p.Status.Summary != want {
		t.Errorf("the summary does not say how to approve again:\n%s", p.Status.Summary)
	}
	delete(p.Annotations, "approval.uptake.dev/ok")
	w.run(hour)
	p.Annotations["approval.uptake.dev/ok"] = "ada"
	w.run(hour)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestARemovedApprovalChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	p := w.phase("only", targeting("adopted", "80%"), gated("ok", v1alpha1.GateAtFinish))
	p.Annotations["approval.uptake.dev/ok"] = "ada"
	w.begin()
	delete(p.Annotations, "approval.uptake.dev/ok")
	w.is(90, 100)
	w.run(2 * hour)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestChangedTargetsOfAnAchievedPhase(t *testing.T) {
	w, p := achieved(t, sustained("", "1d", v1alpha1.OnRegressionFlag))
	p.Spec.Targets[0].AtLeast = "85%" // met
	w.run(2 * hour)
	w.expect(p, v1alpha1.PhaseAchieved)
	p.Spec.Targets[0].AtLeast = "95%" // not met
	w.away()
	w.run(10 * day) // without data nothing is decided
	w.expect(p, v1alpha1.PhaseAchieved)
	w.back()
	w.run(hour)
	w.expect(p, v1alpha1.PhaseActive)
	if !strings.Contains(strings.Join(w.told, "\n"), "Achieved -> Active (TargetsChanged)") {
		t.Errorf("told %v", w.told)
	}
}

func TestOfSeveralAchievedPhasesOnlyTheLatestIsJudged(t *testing.T) {
	w := newWorld(t)
	w.is(60, 100)
	one := w.phase("one", targeting("adopted", "50%"), sustained("", "1d", v1alpha1.OnRegressionFlag))
	two := w.phase("two", targeting("adopted", "80%"), dependingOn("one"), sustained("", "1d", v1alpha1.OnRegressionFlag))
	w.begin()
	w.is(90, 100)
	w.run(5 * hour)
	w.expect(two, v1alpha1.PhaseAchieved)
	w.is(10, 100)
	w.run(3 * day)
	w.expect(one, v1alpha1.PhaseAchieved)
	w.expect(two, v1alpha1.PhaseRegressed)
}

func TestAQuietFreezeJudgesNothing(t *testing.T) {
	w, p := achieved(t, sustained("", "1d", v1alpha1.OnRegressionFlag))
	w.program.Spec.Freezes = []v1alpha1.Freeze{{From: "2026-11-03", To: "2026-11-30", Reason: "Holidays", Quiet: new(true)}}
	w.run(day)
	w.is(10, 100)
	w.run(20 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
	if got := condition(p.Status.Conditions, "Sustained"); got != "True/Quiet" {
		t.Errorf("Sustained is %s", got)
	}
	w.run(12 * day)
	w.expect(p, v1alpha1.PhaseRegressed)
}

func TestDeadlinesNeverMoveAPhase(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	p := w.phase("only", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Deadline = "2026-11-05" }))
	w.begin()
	w.run(3 * day)
	w.away() // the verdict waits for a fresh measurement
	w.run(2*day - hour)
	if p.Status.Health == v1alpha1.HealthDelayed {
		t.Fatal("the deadline was judged without data")
	}
	w.back()
	w.run(hour)
	w.expect(p, v1alpha1.PhaseActive)
	if p.Status.Health != v1alpha1.HealthDelayed {
		t.Errorf("health is %s", p.Status.Health)
	}
	w.is(90, 100)
	w.run(3 * hour)
	w.expect(p, v1alpha1.PhaseAchieved)
	if p.Status.Health != v1alpha1.HealthOnTrack {
		t.Errorf("health is %s", p.Status.Health)
	}
}

func TestMaxDurationLeavesFreezesOut(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	w.program.Spec.Freezes = []v1alpha1.Freeze{{From: "2026-11-04", To: "2026-11-08", Reason: "Audit"}}
	p := w.phase("only", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.MaxDuration = "1w" }))
	w.begin()
	if p.Status.Due != "2026-11-14" { // 7 days and 5 frozen ones after the 2nd
		t.Errorf("due %s", p.Status.Due)
	}
}

func TestADependencyThatRegressesLaterStopsNobodyWhoHasStarted(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	first := w.phase("first", targeting("adopted", "80%"), sustained("", "1d", v1alpha1.OnRegressionFlag))
	second := w.phase("second", targeting("adopted", "95%"), dependingOn("first"))
	w.begin()
	w.run(3 * hour)
	w.expect(second, v1alpha1.PhaseActive)
	w.is(10, 100)
	w.run(3 * day)
	w.expect(first, v1alpha1.PhaseRegressed)
	w.expect(second, v1alpha1.PhaseActive)
}

func TestWithoutDataNothingMoves(t *testing.T) {
	// In every state: take the source away for three months, with every verdict
	// that was last seen, over a restart of the operator too.
	states := map[v1alpha1.PhaseState]func(*testing.T) (*world, *v1alpha1.Phase){
		v1alpha1.PhaseActive: func(t *testing.T) (*world, *v1alpha1.Phase) {
			w := newWorld(t)
			w.is(10, 100)
			return w, w.phase("only", targeting("adopted", "80%"), sustained("", "1d", v1alpha1.OnRegressionFlag))
		},
		v1alpha1.PhaseHolding: func(t *testing.T) (*world, *v1alpha1.Phase) {
			w := newWorld(t)
			w.is(90, 100)
			return w, w.phase("only", targeting("adopted", "80%"), holdingFor("10d", "1d", 0))
		},
		v1alpha1.PhaseAchieved: func(t *testing.T) (*world, *v1alpha1.Phase) {
			w, p := achieved(t, sustained("", "10d", v1alpha1.OnRegressionFlag))
			w.is(10, 100)
			w.run(day)
			return w, p
		},
		v1alpha1.PhaseRegressed: func(t *testing.T) (*world, *v1alpha1.Phase) {
			w, p := achieved(t, sustained("", "10d", v1alpha1.OnRegressionFlag))
			w.is(10, 100)
			w.run(12 * day)
			w.is(90, 100)
			w.run(day)
			return w, p
		},
	}
	for state, arrange := range states {
		for _, restarted := range []bool{false, true} {
			t.Run(string(state), func(t *testing.T) {
				w, p := arrange(t)
				w.begin()
				w.expect(p, state)
				w.away()
				if restarted {
					w.restart()
				}
				told := len(w.told)
				w.interval = 6 * hour
				w.run(90 * day)
				w.expect(p, state)
				for _, said := range w.told[told:] {
					if !strings.Contains(said, "Escalated") { // that is a matter of time
						t.Errorf("told without data: %s", said)
					}
				}
				if got := condition(w.program.Status.Conditions, "SourcesHealthy"); got != "False/QueryFailing" {
					t.Errorf("SourcesHealthy is %s", got)
				}
				if w.program.Status.Health != v1alpha1.HealthUnknown {
					t.Errorf("the program's health is %s", w.program.Status.Health)
				}
				w.back()
				w.run(day)
				if got := condition(w.program.Status.Conditions, "SourcesHealthy"); got != "True/Answering" {
					t.Errorf("after it came back SourcesHealthy is %s", got)
				}
			})
		}
	}
}

func TestABlipColoursNothing(t *testing.T) {
	w, p := achieved(t, sustained("", "10d", v1alpha1.OnRegressionFlag))
	w.interval = 5 * time.Minute
	w.run(hour)
	before := w.writes
	w.away()
	w.run(10 * time.Minute)
	if got := condition(w.program.Status.Conditions, "SourcesHealthy"); got != "True/Answering" {
		t.Errorf("SourcesHealthy is %s after two failed polls", got)
	}
	if w.program.Status.Health != v1alpha1.HealthOnTrack || p.Status.Health != v1alpha1.HealthOnTrack {
		t.Errorf("health is %s, the phase's %s", w.program.Status.Health, p.Status.Health)
	}
	w.back()
	w.run(5 * time.Minute)
	if w.writes-before > 2 { // values that say unknown and known again
		t.Errorf("%d writes for a blip", w.writes-before)
	}
}

func TestADeletedProgramFreezesItsPhases(t *testing.T) {
	w, p := achieved(t)
	s := w.snapshot()
	s.Program, s.NearestProgram = nil, "programme"
	out := Step(s, w.now)
	st := out.Phases[0].Status
	if st.State != v1alpha1.PhaseAchieved || newest(st.Transitions) != newest(p.Status.Transitions) {
		t.Errorf("the phase moved to %s", st.State)
	}
	if got := condition(st.Conditions, "Ready"); got != "False/ProgramNotFound" {
		t.Errorf("Ready is %s", got)
	}
	if !strings.Contains(st.Summary, `"programme"`) {
		t.Errorf("no nearest name in %q", st.Summary)
	}
}

func TestColours(t *testing.T) {
	tests := []struct {
		name      string
		reporting v1alpha1.Reporting
		arrange   func(*world, *v1alpha1.Phase)
		ready     string
		stalled   string
		reconcil  string
	}{
		{"on its way", v1alpha1.ReportingObserve, nil, "True/Active", "-", "-"},
		{"on its way", v1alpha1.ReportingAlert, nil, "True/Active", "-", "-"},
		{"on its way", v1alpha1.ReportingGate, nil, "False/NotAchieved", "-", "-"},
		{"blocked", v1alpha1.ReportingAlert, block, "True/Waiting", "-", "-"},
		{"blocked", v1alpha1.ReportingGate, block, "False/NotAchieved", "-", "-"},
		{"deadline missed", v1alpha1.ReportingObserve, overdue, "True/Active", "-", "-"},
		{"deadline missed", v1alpha1.ReportingAlert, overdue, "True/Active", "-", "-"},
		{"deadline missed", v1alpha1.ReportingGate, overdue, "False/DeadlineMissed", "True/DeadlineMissed", "-"},
		{"reference missing", v1alpha1.ReportingAlert, dangling, "False/DependencyNotFound", "-", "True/DependencyNotFound"},
		{"reference missing", v1alpha1.ReportingGate, dangling, "False/DependencyNotFound", "-", "True/DependencyNotFound"},
		{"own spec", v1alpha1.ReportingObserve, mistyped, "False/MetricNotFound", "True/MetricNotFound", "-"},
		{"own spec", v1alpha1.ReportingGate, mistyped, "False/MetricNotFound", "True/MetricNotFound", "-"},
		{"achieved", v1alpha1.ReportingGate, reached, "True/Achieved", "-", "-"},
		{"achieved", v1alpha1.ReportingAlert, reached, "True/Achieved", "-", "-"},
	}
	for _, test := range tests {
		t.Run(test.name+"/"+string(test.reporting), func(t *testing.T) {
			w := newWorld(t)
			w.is(10, 100)
			p := w.phase("only", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Reporting = test.reporting }))
			if test.arrange != nil {
				test.arrange(w, p)
			}
			w.begin()
			w.run(2 * day)
			for kind, want := range map[string]string{"Ready": test.ready, "Stalled": test.stalled, "Reconciling": test.reconcil} {
				if got := condition(p.Status.Conditions, kind); got != want {
					t.Errorf("%s is %s, want %s", kind, got, want)
				}
			}
		})
	}
}

func block(w *world, _ *v1alpha1.Phase) {
	w.barrier("dns", func(s *v1alpha1.BarrierSpec) { s.Severity = v1alpha1.SeverityBlocking })
}
func overdue(_ *world, p *v1alpha1.Phase)  { p.Spec.Deadline = "2026-11-02" }
func dangling(_ *world, p *v1alpha1.Phase) { dependingOn("nobody")(p) }
func mistyped(_ *world, p *v1alpha1.Phase) { p.Spec.Targets[0].Metric = "adoptd" }
func reached(w *world, _ *v1alpha1.Phase)  { w.is(90, 100) }

func TestAFallWithUnknownSegmentsIsNotJudged(t *testing.T) {
	w := newWorld(t).withSegments("a", "b")
	w.counts("population.query", map[string]float64{"a": 10, "b": 10})
	w.series("rate.active", map[string]float64{"a": 9, "b": 9})
	p := w.phase("only", targetingEach("adopted", "80%"), sustained("", "1d", v1alpha1.OnRegressionFlag))
	w.begin()
	w.expect(p, v1alpha1.PhaseAchieved)
	// a misses because its population grew, and b's row is gone: nobody stopped.
	w.counts("population.query", map[string]float64{"a": 20, "b": 10})
	w.series("rate.active", map[string]float64{"a": 9})
	w.run(10 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestTheProgramSaysAtOnceWhatAPhaseNeedsNow(t *testing.T) {
	w := newWorld(t)
	w.interval = time.Minute
	w.is(10, 100)
	w.phase("only", targeting("adopted", "80%"), holdingFor("14d", "1d", 0))
	w.begin()
	w.is(90, 100)
	w.run(time.Minute)
	if s := w.program.Status.Summary; !strings.Contains(s, "of the hold passed") {
		t.Errorf("the program still says %q", s)
	}
}

// TestARestartTellsNobodyAnything starts the operator anew in every state, when
// what was shown is older than displayEvery: before the first answers nothing is
// written, and after them only what differs.
func TestARestartTellsNobodyAnything(t *testing.T) {
	for name, active := range map[string]float64{"active": 10, "achieved": 90} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.is(active, 100)
			p := w.phase("only", targeting("adopted", "80%"), sustained("", "1d", v1alpha1.OnRegressionFlag))
			w.phase("each", targeting("adopted", "50%"), dependingOn("only"))
			w.barrier("few", func(s *v1alpha1.BarrierSpec) {
				s.Detect = &v1alpha1.Detect{Metric: "adopted", AtMost: "20%"}
			})
			w.begin()
			w.run(2 * day)
			shown, writes := p.Status.Summary, w.writes
			w.now = w.now.Add(hour)
			w.restart()
			w.settle()
			if w.writes != writes || p.Status.Summary != shown {
				t.Errorf("%d writes before the first answer: %s", w.writes-writes, p.Status.Summary)
			}
			w.begin()
			if w.writes != writes {
				t.Errorf("%d writes after an answer like the one before: %s", w.writes-writes, p.Status.Summary)
			}
		})
	}
}

// TestWhatIsUnknownInASummaryIsCorrectedAtOnce approves a gate while the first
// answers are on their way: what is written then is not shown for displayEvery.
func TestWhatIsUnknownInASummaryIsCorrectedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	p := w.phase("only", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Gates = []v1alpha1.Gate{{Name: "ok"}} }))
	w.begin()
	w.run(day)
	w.now = w.now.Add(hour)
	w.restart()
	p.Annotations = map[string]string{v1alpha1.ApprovalAnnotationPrefix + "ok": "ada"}
	w.settle()
	if len(p.Status.Approvals) != 1 {
		t.Fatal("the approval was not recorded")
	}
	w.now = w.now.Add(time.Second)
	w.begin()
	if want := "Needs 80% adopted, has 10%."; p.Status.Summary != want {
		t.Errorf("%q, want %q", p.Status.Summary, want)
	}
}

// TestADeadlineThatHasPassedIsSaidWhateverComesFirst blocks a phase that is late: its
// health is about the barrier, and its summary about both.
func TestADeadlineThatHasPassedIsSaidWhateverComesFirst(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	p := w.phase("only", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Deadline = "2026-11-05" }))
	w.barrier("wall", func(s *v1alpha1.BarrierSpec) { s.Severity = v1alpha1.SeverityBlocking })
	w.begin()
	w.run(2 * day)
	if !strings.Contains(p.Status.Summary, " Due 2026-11-05.") {
		t.Errorf("before: %s", p.Status.Summary)
	}
	w.run(3 * day)
	if p.Status.Health != v1alpha1.HealthBlocked || !strings.Contains(p.Status.Summary, " Was due 2026-11-05. Blocked: ") {
		t.Errorf("health %s: %s", p.Status.Health, p.Status.Summary)
	}
}

// TestAGateThatIsLateStaysSo is what somebody waits for: once its deadline was missed,
// neither a barrier nor missing data makes them wait again.
func TestAGateThatIsLateStaysSo(t *testing.T) {
	for name, blocking := range map[string]bool{"alone": false, "behind a barrier": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.is(10, 100)
			p := w.phase("only", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) {
				s.Deadline, s.Reporting = "2026-11-05", v1alpha1.ReportingGate
			}))
			if blocking {
				w.barrier("wall", func(s *v1alpha1.BarrierSpec) { s.Severity = v1alpha1.SeverityBlocking })
			}
			w.begin()
			w.run(2 * day)
			if got := condition(p.Status.Conditions, "Stalled"); got != "-" {
				t.Errorf("before the deadline it is Stalled %s", got)
			}
			w.run(3 * day)
			late := func(when string) {
				t.Helper()
				if got := condition(p.Status.Conditions, "Stalled"); got != "True/DeadlineMissed" {
					t.Errorf("%s Stalled is %q: %s", when, got, p.Status.Summary)
				}
			}
			late("after the deadline")
			w.away()
			w.run(10 * day)
			late("without measurements")
			w.restart()
			w.run(day)
			late("after a restart without measurements")
			w.back()
			w.is(90, 100)
			w.run(2 * hour)
			if got := condition(p.Status.Conditions, "Stalled"); !blocking && got != "-" {
				t.Errorf("achieved, it is Stalled %s", got)
			}
		})
	}
}

func TestAHoldThatDoesNotFitSaysWhatWould(t *testing.T) {
	for name, test := range map[string]struct {
		option phaseOption
		hold   string
		freeze v1alpha1.Date
		says   string
	}{
		"maxDuration":               {with(func(s *v1alpha1.PhaseSpec) { s.MaxDuration = "7d" }), "5d", "", "make maxDuration longer (at least 10d), or shorten the hold"},
		"maxDuration with a freeze": {with(func(s *v1alpha1.PhaseSpec) { s.MaxDuration = "7d" }), "7d", "2026-11-12", "make maxDuration longer (at least 10d), or shorten the hold"},
		"a deadline":                {dated("", "2026-11-09"), "5d", "", "move the deadline to 2026-11-11 or later, or shorten the hold"},
		"a deadline with a freeze":  {dated("", "2026-11-09"), "5d", "2026-11-12", "move the deadline to 2026-11-13 or later, or shorten the hold"},
		"a deadline on that day":    {dated("", "2026-11-11T01:00:00Z"), "5d", "", "move the deadline to 2026-11-12 or later, or shorten the hold"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.is(10, 100)
			if test.freeze != "" {
				w.program.Spec.Freezes = []v1alpha1.Freeze{{From: "2026-11-11", To: test.freeze, Reason: "Audit"}}
			}
			p := w.phase("only", test.option, targeting("adopted", "80%"), holdingFor(test.hold, "", 0))
			w.begin()
			w.run(4*day + 2*hour)
			all := strings.Join(shortConditions(p.Status.Conditions), " ")
			if !strings.Contains(all, test.says) {
				t.Errorf("it is told %q, want %q", all, test.says)
			}
		})
	}
}

func TestATargetInOneSegmentIsInItsSegment(t *testing.T) {
	w := newWorld(t).withSegments("staff", "students")
	w.counts("population.query", map[string]float64{"staff": 50, "students": 50})
	w.counts("rate.active", map[string]float64{"staff": 20, "students": 20})
	p := w.phase("only", targetingEach("adopted", "80%"), inSegments("staff"))
	w.begin()
	if !strings.Contains(p.Status.Summary, "80% adopted in its segment, has 0 (below: staff)") {
		t.Errorf("it is told %q", p.Status.Summary)
	}
}
