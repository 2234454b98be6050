// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// What cannot be believed must not find another way to move something.

func TestADeadExporterLeavesNoSamples(t *testing.T) {
	w := newWorld(t)
	w.interval = 6 * hour
	w.is(1, 100)
	w.program.Spec.Metrics = append(w.program.Spec.Metrics, v1alpha1.Metric{
		Name: "legacy", Direction: v1alpha1.DirectionDecrease, Query: objectsQuery("x"), OnEmpty: v1alpha1.OnEmptyZero,
		Heartbeat: objectsQuery("y"), SampleEvery: "1d", Smooth: &v1alpha1.Smooth{Over: "7d"},
	})
	alive := func(n float64) {
		w.series("legacy].query", map[string]float64{"": n})
		w.series("legacy].heartbeat", map[string]float64{"": 1})
	}
	p := w.phase("only", targetingMost("legacy", "40"))
	alive(100)
	w.begin()
	w.run(day)
	w.series("legacy].query", nil)
	w.series("legacy].heartbeat", nil)
	w.run(5 * day)
	alive(100)
	w.run(8 * day)
	w.expect(p, v1alpha1.PhaseActive)
}

func TestAMissingDenominatorIsNotZero(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media")
	m := w.metric("adopted")
	m.Rate, m.Ratio = nil, &v1alpha1.Ratio{Numerator: *objectsQuery("a"), Denominator: *objectsQuery("b")}
	w.program.Spec.Population = nil
	w.series("ratio.numerator", map[string]float64{"cart": 9, "media": 1})
	w.series("ratio.denominator", map[string]float64{"cart": 10})
	w.expectUnknown("adopted", "has no row for segment media")
}

func TestABarrierOverAVanishedSegmentStays(t *testing.T) {
	w := newWorld(t).discovering()
	w.counts("population.query", map[string]float64{"a": 10, "b": 10})
	w.counts("rate.active", map[string]float64{"a": 9, "b": 1})
	b := w.barrier("slow", func(s *v1alpha1.BarrierSpec) {
		s.Segments, s.Detect = []v1alpha1.SegmentName{"a", "b"}, &v1alpha1.Detect{Metric: "adopted", AtMost: "60%"}
	})
	w.begin()
	w.run(2 * hour)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
	w.counts("population.query", map[string]float64{"a": 10})
	w.run(3 * day)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
}

func TestADropIsNotBelievedOverAnOutage(t *testing.T) {
	w := newWorld(t)
	w.is(50, 100)
	p := w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.is(50, 55)
	w.run(hour)
	w.away()
	w.run(2 * day)
	w.back()
	w.run(2 * hour)
	w.expect(p, v1alpha1.PhaseActive)
	w.run(2 * day) // it lasts, measured
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestADroppedPopulationWeighsNothing(t *testing.T) {
	w := newWorld(t).withSegments("a", "b")
	m := w.metric("adopted")
	m.Rate, m.Query, m.Format = nil, objectsQuery("x"), v1alpha1.FormatPercent
	w.counts("population.query", map[string]float64{"a": 10, "b": 90})
	w.series("adopted].query", map[string]float64{"a": 0.9, "b": 0.1})
	p := w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.counts("population.query", map[string]float64{"a": 10, "b": 1})
	w.run(3 * hour)
	w.expect(p, v1alpha1.PhaseActive)
}

func TestMoreRowsThanCanBeRememberedFailClosed(t *testing.T) {
	w := newWorld(t).discovering()
	for range 9 { // the budget is shared
		w.program.Spec.Metrics = append(w.program.Spec.Metrics, w.program.Spec.Metrics[0])
		w.program.Spec.Metrics[len(w.program.Spec.Metrics)-1].Name += v1alpha1.Name("x" + strings.Repeat("x", len(w.program.Spec.Metrics)))
	}
	w.counts("population.query", teamsNumbered(1200))
	w.series("rate.active", teamsNumbered(1200))
	p := w.phase("only", targeting("adopted", "90%"), sustained("", "1d", v1alpha1.OnRegressionFlag))
	w.begin()
	w.expect(p, v1alpha1.PhaseAchieved)
	w.series("rate.active", teamsNumbered(1000))
	w.run(3 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func teamsNumbered(n int) map[string]float64 {
	m := map[string]float64{}
	for i := range n {
		m["team-"+strings.Repeat("x", i%7)+decimal(float64(i))] = 1
	}
	return m
}

func TestAPhaseWithoutSustainDoesNotTakeOver(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	strict := w.phase("strict", targeting("adopted", "80%"), sustained("", "1d", v1alpha1.OnRegressionFlag))
	w.phase("loose", targeting("adopted", "30%"), dependingOn("strict"))
	w.begin()
	w.run(3 * hour)
	w.is(50, 100)
	w.run(3 * day)
	w.expect(strict, v1alpha1.PhaseRegressed)
}

func TestACheckpointIsMeasuredAgainstWhatIsThereFirst(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	p := w.phase("only", targeting("adopted", "80%"), sustained("", "1d", v1alpha1.OnRegressionFlag), with(func(s *v1alpha1.PhaseSpec) {
		s.Checkpoint = &v1alpha1.Checkpoint{AchievedAt: "2026-10-01"}
	}))
	w.begin()
	w.run(hour)
	w.is(90, 200) // the population grew
	w.run(5 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
	w.is(60, 200)
	w.run(3 * day)
	w.expect(p, v1alpha1.PhaseRegressed)
}

func TestAHoldEndsOnACheckThatIsMet(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	p := w.phase("only", targeting("adopted", "80%"), holdingFor("5d", "1d", 2))
	w.begin()
	w.run(4*day + 12*hour)
	w.is(70, 100)
	w.run(10 * hour) // the fifth check is a miss
	w.is(90, 100)
	w.run(6 * hour)
	w.expect(p, v1alpha1.PhaseHolding)
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestAMistypedApprovalIsNamed(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	p := w.phase("only", targeting("adopted", "80%"), gated("sign", v1alpha1.GateAtStart))
	p.Annotations["approval.uptake.dev/sgin"] = "ada"
	w.begin()
	if !strings.Contains(p.Status.Summary, "approval.uptake.dev/sgin names no gate, the nearest is sign") {
		t.Errorf("summary %q", p.Status.Summary)
	}
	p.Annotations = map[string]string{"approvals.uptake.dev/sign": "ada", "example.com/sign": "ada"}
	w.run(hour)
	if !strings.Contains(p.Status.Summary, "approvals.uptake.dev/sign is no approval, approval.uptake.dev/sign is") {
		t.Errorf("summary %q", p.Status.Summary)
	}
}

func TestUnreadableFreezesKeepPhasesBack(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	w.program.Spec.Freezes = []v1alpha1.Freeze{{From: "2026-11-01", To: "2026-11-31", Reason: "Audit"}}
	p := w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseWaiting)
}

func TestAbsurdNumbersAreUnknownAndFitTheSchema(t *testing.T) {
	for _, n := range []float64{1e16, 1e200} {
		w := newWorld(t)
		w.metric("adopted").Rate, w.metric("adopted").Query = nil, objectsQuery("x")
		w.is(1, 100)
		w.series("adopted].query", map[string]float64{"": n})
		w.expectUnknown("adopted", "implausibly large")
	}
	for _, format := range []v1alpha1.Format{v1alpha1.FormatNumber, v1alpha1.FormatPercent, v1alpha1.FormatDuration} {
		if s := formatValue(maxCount, format, ""); len(s) > 32 {
			t.Errorf("%s as %s is too long", s, format)
		}
	}
}

func TestAQuietFreezeEndsNoRun(t *testing.T) {
	w, p := achieved(t, sustained("", "10d", v1alpha1.OnRegressionFlag))
	w.is(10, 100)
	w.run(5 * day)
	checks := p.Status.Sustain.Checks
	w.program.Spec.Freezes = []v1alpha1.Freeze{{From: "2026-11-07", To: "2026-11-09", Reason: "Holidays", Quiet: new(true)}}
	w.run(2 * day)
	if p.Status.Sustain == nil || p.Status.Sustain.Checks != checks {
		t.Errorf("the run is %+v, was %s", p.Status.Sustain, checks)
	}
}

func TestAPopulationThatAnswersWithNothingIsNotBelieved(t *testing.T) {
	w := newWorld(t).discovering()
	w.series("population.query", map[string]float64{"a": 10, "b": 100, "c": 100})
	w.series("rate.active", map[string]float64{"a": 10, "b": 5, "c": 5})
	p := w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.run(3 * day)
	w.expect(p, v1alpha1.PhaseActive)
	w.answers["population.query"] = &Measurement{Segmented: true}
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseActive)
	w.series("population.query", map[string]float64{"a": 10})
	w.run(2 * hour)
	w.expect(p, v1alpha1.PhaseActive)
}

func TestAWholeThatLostARowIsUnknown(t *testing.T) {
	for _, several := range []bool{false, true} {
		w := newWorld(t)
		m := w.metric("adopted")
		m.Rate, m.Share = nil, &v1alpha1.Share{New: *objectsQuery("New"), Legacy: *objectsQuery("Old")}
		w.program.Spec.Population = nil
		w.series("share.new", map[string]float64{"": 50})
		old := &Measurement{Segmented: true, Rows: []Row{{Segment: "a", Value: 10}, {Segment: "b", Value: 40}}}
		if several {
			old.Sources = []string{"east", "west"}
			old.Rows[0].From = []string{"east", "west"}
			old.Rows[1].From = []string{"east", "west"}
		}
		w.answers["share.legacy"] = old
		p := w.phase("only", targeting("adopted", "80%"))
		w.begin()
		w.run(3 * day)
		w.expect(p, v1alpha1.PhaseActive)
		gone := *old
		gone.Rows = old.Rows[:1]
		w.answers["share.legacy"] = &gone
		w.run(2 * hour)
		if p.Status.State != v1alpha1.PhaseActive {
			t.Errorf("several=%v: state %s value %s", several, p.Status.State, w.program.Status.Metrics[0].Value)
		}
	}
}

func TestAWholeNextToACountedPopulationThatLostARowIsUnknown(t *testing.T) {
	w := newWorld(t).withSegments("a", "b")
	w.program.Spec.Population = &v1alpha1.Population{Count: new(int64(100))}
	w.series("rate.active", map[string]float64{"a": 45, "b": 45})
	p := w.phase("only", targeting("adopted", "80%"), sustained("0%", "2d", v1alpha1.OnRegressionFlag))
	w.begin()
	w.run(3 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
	w.series("rate.active", map[string]float64{"a": 45})
	w.run(4 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestRowsThatAnEarlierVersionRememberedAreStillMissed(t *testing.T) {
	w := newWorld(t).discovering()
	w.series("population.query", map[string]float64{"a": 10, "b": 10})
	w.series("rate.active", map[string]float64{"a": 9, "b": 9})
	w.begin()
	// What that version stored: plain hashes, one after the other.
	active := "spec.metrics[adopted].rate.active"
	w.program.Status.Population.Seen = seenHash(populationPath, "a") + seenHash(populationPath, "b")
	w.program.Status.Metrics[0].Seen = seenHash(active, "a") + seenHash(active, "b")
	w.series("rate.active", map[string]float64{"a": 9})
	w.run(hour)
	w.expectUnknown("adopted", "had a row for segment b and has none now")
	w.series("rate.active", map[string]float64{"a": 9, "b": 9})
	w.series("population.query", map[string]float64{"a": 10})
	w.run(hour)
	w.expectUnknown("adopted", "PopulationDropped")
}

func TestAnEmptyPopulationDoesNotCountTowardsADrop(t *testing.T) {
	w := newWorld(t).discovering()
	w.series("population.query", map[string]float64{"a": 10, "b": 100})
	w.series("rate.active", map[string]float64{"a": 10, "b": 5})
	p := w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.series("population.query", map[string]float64{"a": 10})
	w.run(2 * hour)
	w.answers["population.query"] = &Measurement{Segmented: true}
	w.run(2 * day)
	w.expectUnknown("adopted", "")
	w.series("population.query", map[string]float64{"a": 10})
	w.run(20 * hour)
	w.expect(p, v1alpha1.PhaseActive)
	w.run(6 * hour) // it lasts, answered
	w.expect(p, v1alpha1.PhaseAchieved)
}

// A value that goes up and down around its target changes no state, and no dashboard
// from one poll to the next: what is thought of it is stored as rarely as the value.
func TestAValueAroundItsTargetIsNotFollowed(t *testing.T) {
	w := newWorld(t)
	w.interval = hour / 60
	w.is(90, 100)
	kept := w.phase("kept", targeting("adopted", "80%"), sustained("5%", "2d", v1alpha1.OnRegressionReopen))
	sought := w.phase("sought", targeting("adopted", "80%"), holdingFor("5d", "2h", 0))
	w.begin()
	w.expect(kept, v1alpha1.PhaseAchieved)
	w.expect(sought, v1alpha1.PhaseHolding)
	before, told, days := w.writes, len(w.told), 2
	for i := range days * 24 * 60 {
		w.is(float64(79+2*(i%2)), 100)
		w.run(hour / 60)
	}
	w.expect(kept, v1alpha1.PhaseAchieved)
	// Each of three objects every ten minutes, and checks of the hold besides.
	if anHour := float64(w.writes-before) / float64(days*24); anHour > 3*6+6 {
		t.Errorf("%.1f writes an hour", anHour)
	}
	if len(w.told) > told {
		t.Errorf("it told %q", w.told[told:])
	}
}

// What turns for the first time in a while is shown at once.
func TestAFirstTurnIsShownAtOnce(t *testing.T) {
	w := newWorld(t)
	w.interval = hour / 60
	w.is(90, 100)
	kept := w.phase("kept", targeting("adopted", "80%"), sustained("5%", "2d", v1alpha1.OnRegressionReopen))
	w.begin()
	w.run(hour)
	w.is(79, 100)
	w.run(hour / 60)
	if kept.Status.Health != v1alpha1.HealthAtRisk || w.program.Status.Health != v1alpha1.HealthAtRisk {
		t.Errorf("a value below target shows as %s and %s", kept.Status.Health, w.program.Status.Health)
	}
	w.is(81, 100)
	w.run(hour / 60)
	if kept.Status.Health != v1alpha1.HealthAtRisk {
		t.Errorf("it is called %s a minute later", kept.Status.Health)
	}
	w.run(hour / 6)
	if kept.Status.Health != v1alpha1.HealthOnTrack || w.program.Status.Health != v1alpha1.HealthOnTrack {
		t.Errorf("that it stayed above shows as %s and %s", kept.Status.Health, w.program.Status.Health)
	}
}

// That a barrier is in the way follows from no value, and is shown at once.
func TestARiskIsShownAtOnceThoughAValueTurnedLately(t *testing.T) {
	w := newWorld(t)
	w.interval = hour / 60
	w.is(90, 100)
	p := w.phase("only", targeting("adopted", "80%"), holdingFor("5d", "2h", 2))
	w.begin()
	w.run(hour)
	w.is(79, 100)
	w.run(hour / 60)
	w.barrier("slow", func(s *v1alpha1.BarrierSpec) { s.Severity = v1alpha1.SeverityMajor })
	w.run(hour / 30)
	if p.Status.Health != v1alpha1.HealthAtRisk || w.program.Status.Health != v1alpha1.HealthAtRisk {
		t.Errorf("with an open barrier the phase is %s and the program %s: %s", p.Status.Health, w.program.Status.Health, p.Status.Summary)
	}
}
