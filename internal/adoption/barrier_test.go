// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// The rows of the transition table of barriers, one test each.

func resolve(b *v1alpha1.Barrier, state v1alpha1.ResolutionState, until string) {
	b.Spec.Resolution = &v1alpha1.Resolution{State: state, Until: v1alpha1.Date(until)}
}

func detecting(atLeast, length string) func(*v1alpha1.BarrierSpec) {
	return func(s *v1alpha1.BarrierSpec) {
		s.Detect = &v1alpha1.Detect{Metric: "adopted", AtLeast: v1alpha1.Number(atLeast), For: v1alpha1.Duration(length)}
	}
}

func TestAReportedBarrierIsOpenUntilPeopleResolveIt(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	b := w.barrier("dns", func(*v1alpha1.BarrierSpec) {})
	w.begin()
	w.expectBarrier(b, v1alpha1.BarrierOpen)
	resolve(b, v1alpha1.ResolutionResolved, "")
	w.run(hour)
	w.expectBarrier(b, v1alpha1.BarrierResolved)
	b.Spec.Resolution = nil
	w.run(hour)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
}

func TestAWatchedBarrierOpensAndClearsByMeasurement(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	b := w.barrier("too-many", detecting("30%", "7d"))
	w.begin()
	w.expectBarrier(b, v1alpha1.BarrierWatching)
	w.is(40, 100)
	w.run(6 * day)
	w.is(20, 100) // one check without it ends the run
	w.run(hour)
	w.is(40, 100)
	w.run(6 * day)
	w.expectBarrier(b, v1alpha1.BarrierWatching)
	w.run(2 * day)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
	w.is(20, 100)
	w.run(6 * day)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
	w.run(2 * day)
	w.expectBarrier(b, v1alpha1.BarrierResolved)
	w.is(40, 100)
	w.run(8 * day)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
}

func TestAResolutionThatIsStillDetectedStays(t *testing.T) {
	w := newWorld(t)
	w.is(40, 100)
	b := w.barrier("too-many", detecting("30%", "1d"))
	w.begin()
	w.run(2 * day)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
	resolve(b, v1alpha1.ResolutionResolved, "")
	w.run(2 * day)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
	if got := condition(b.Status.Conditions, "Ready"); got != "True/StillDetected" {
		t.Errorf("Ready is %s", got)
	}
	w.is(20, 100)
	w.run(hour) // people said so, and the next measurement agrees
	w.expectBarrier(b, v1alpha1.BarrierResolved)
}

func TestABarrierEscalates(t *testing.T) {
	tests := map[string]struct {
		change func(*v1alpha1.BarrierSpec)
		after  time.Duration
	}{
		"after escalateAfter":       {func(s *v1alpha1.BarrierSpec) { s.EscalateAfter = "3d" }, 3 * day},
		"by the program's default":  {func(*v1alpha1.BarrierSpec) {}, 14 * day},
		"after its due date":        {func(s *v1alpha1.BarrierSpec) { s.DueBy = "2026-11-04" }, 3 * day},
		"from when it was reported": {func(s *v1alpha1.BarrierSpec) { s.ReportedAt, s.EscalateAfter = "2026-10-30", "7d" }, 4 * day},
		"at once to an executive":   {func(s *v1alpha1.BarrierSpec) { s.RequiresExecutiveAction = new(true) }, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.is(10, 100)
			b := w.barrier("dns", test.change)
			w.begin()
			if test.after > 0 {
				w.run(test.after - hour)
				w.expectBarrier(b, v1alpha1.BarrierOpen)
				w.run(2 * hour)
			}
			w.expectBarrier(b, v1alpha1.BarrierEscalated)
		})
	}
}

func TestNothingEscalatesWhileSuspended(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	w.program.Spec.Suspend = new(true)
	b := w.barrier("dns", func(s *v1alpha1.BarrierSpec) { s.RequiresExecutiveAction = new(true) })
	w.begin()
	w.run(30 * day)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
}

func TestAnEscalatedBarrierStillBlocksAndCanBeResolved(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	b := w.barrier("dns", func(s *v1alpha1.BarrierSpec) {
		s.Severity, s.RequiresExecutiveAction = v1alpha1.SeverityBlocking, new(true)
	})
	p := w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.expectBarrier(b, v1alpha1.BarrierEscalated)
	w.expect(p, v1alpha1.PhaseWaiting)
	if b.Status.Blocks != "only" {
		t.Errorf("blocks %q", b.Status.Blocks)
	}
	resolve(b, v1alpha1.ResolutionResolved, "")
	w.run(hour)
	w.expectBarrier(b, v1alpha1.BarrierResolved)
	w.expect(p, v1alpha1.PhaseActive)
}

func TestAnAcceptanceEnds(t *testing.T) {
	for name, watched := range map[string]bool{"opens again": false, "watches again": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.is(10, 100)
			b := w.barrier("dns", func(s *v1alpha1.BarrierSpec) {
				if watched {
					detecting("30%", "1d")(s)
				}
			})
			w.begin()
			resolve(b, v1alpha1.ResolutionAccepted, "2026-11-10")
			w.run(hour)
			w.expectBarrier(b, v1alpha1.BarrierAccepted)
			w.run(8 * day)
			w.expectBarrier(b, v1alpha1.BarrierAccepted)
			w.away()
			w.run(2 * day)
			if watched {
				w.expectBarrier(b, v1alpha1.BarrierAccepted) // unknown stays
				w.back()
				w.run(hour)
				w.expectBarrier(b, v1alpha1.BarrierWatching)
				return
			}
			w.expectBarrier(b, v1alpha1.BarrierOpen)
		})
	}
}

func TestUnknownDataMovesNoBarrier(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	b := w.barrier("too-many", detecting("30%", "1d"))
	w.begin()
	w.is(40, 100)
	w.run(12 * hour)
	w.away()
	w.run(60 * day)
	w.expectBarrier(b, v1alpha1.BarrierWatching)
}

func TestABarrierConcernsItsPhasesAndSegments(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media")
	w.counts("population.query", map[string]float64{"cart": 10, "media": 10})
	w.counts("rate.active", map[string]float64{"cart": 1, "media": 1})
	w.barrier("dns", func(s *v1alpha1.BarrierSpec) {
		s.Severity, s.Segments = v1alpha1.SeverityBlocking, []v1alpha1.SegmentName{"cart"}
	})
	forCart := w.phase("for-cart", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Segments = []v1alpha1.SegmentName{"cart"} }))
	forMedia := w.phase("for-media", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Segments = []v1alpha1.SegmentName{"media"} }))
	w.begin()
	w.expect(forCart, v1alpha1.PhaseWaiting)
	w.expect(forMedia, v1alpha1.PhaseActive)
}

func TestTheOperatorOpensABarrierForAPlateau(t *testing.T) {
	w := newWorld(t)
	w.interval = 6 * hour
	w.is(40, 100)
	w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.run(25 * day)
	if len(w.barriers) != 0 {
		t.Fatal("opened too early")
	}
	w.run(6 * day)
	if len(w.barriers) != 1 || w.barriers[0].Name != "program-plateau-adopted" {
		t.Fatalf("barriers: %v", w.barriers)
	}
	b := w.barriers[0]
	w.expectBarrier(b, v1alpha1.BarrierOpen)
	if b.Spec.Severity == v1alpha1.SeverityBlocking || b.Spec.Owner != "platform" || len(b.OwnerReferences) != 1 {
		t.Errorf("the barrier is %+v", b.Spec)
	}
	w.is(60, 100)
	w.run(3 * day)
	w.expectBarrier(b, v1alpha1.BarrierResolved)
	w.run(40 * day) // stalls again: the same barrier, not a second
	if len(w.barriers) != 1 {
		t.Fatalf("%d barriers", len(w.barriers))
	}
	if s := b.Status.State; s != v1alpha1.BarrierOpen && s != v1alpha1.BarrierEscalated {
		t.Errorf("the barrier is %s", s)
	}
}

// Names of barriers that the operator opens can be told in advance: one of the same name
// silences nothing.
func TestABarrierOfPeopleDoesNotTakeThePlaceOfAMeasuredOne(t *testing.T) {
	w, p := achieved(t, sustained("", "1d", v1alpha1.OnRegressionFlag))
	theirs := w.barrier("program-regression-adopted", func(s *v1alpha1.BarrierSpec) {
		s.Resolution = &v1alpha1.Resolution{State: v1alpha1.ResolutionAccepted}
	})
	w.is(10, 100)
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseRegressed)
	w.expectBarrier(theirs, v1alpha1.BarrierAccepted)
	if len(w.barriers) != 2 || w.barriers[1].Name != "program-regression-adopted-measured" {
		t.Fatalf("barriers: %v", w.told)
	}
	w.expectBarrier(w.barriers[1], v1alpha1.BarrierOpen)
	w.run(5 * day)
	if len(w.barriers) != 2 {
		t.Errorf("%d barriers", len(w.barriers))
	}
}

func TestARhythmOfTheWeekIsNoPlateau(t *testing.T) {
	w := newWorld(t)
	w.interval = 6 * hour
	w.phase("only", targeting("adopted", "80%"))
	w.is(200, 1000)
	w.begin()
	for today := range 90 { // half of it at weekends, and a little more every day
		usage := 200 + 6*today
		if weekday := today % 7; weekday == 1 || weekday == 2 {
			usage /= 2
		}
		w.is(float64(usage), 1000)
		w.run(day)
	}
	if len(w.barriers) != 0 {
		t.Fatalf("barriers: %v\n%v", w.barriers, w.told)
	}
}

func TestWhatNobodyCountedHasNotStalled(t *testing.T) {
	w := newWorld(t)
	w.interval = 6 * hour
	w.is(40, 100)
	w.phase("only", targeting("adopted", "80%"))
	survey := func() { w.answers["rate.active"].Rows[0].Date = w.now }
	survey()
	w.begin()
	w.run(60 * day)
	if len(w.barriers) != 0 {
		t.Fatalf("nobody has counted for 60 days: %v", w.told)
	}
	survey() // and it is the same
	w.run(day)
	if len(w.barriers) != 1 {
		t.Errorf("it has not moved since the last survey: %v", w.told)
	}
}

func TestSegmentsLagNotWhileEnoughOthersMeetTheTarget(t *testing.T) {
	w := newWorld(t).withSegments("ads", "cart", "media", "search")
	w.interval = 6 * hour
	w.counts("population.query", map[string]float64{"ads": 10, "cart": 10, "media": 10, "search": 10})
	w.counts("rate.active", map[string]float64{"ads": 9, "cart": 1, "media": 1, "search": 9})
	const hard = "90%" // of the segments: keeps the phase active
	w.phase("only", func(p *v1alpha1.Phase) {
		p.Spec.Targets = []v1alpha1.Target{
			{Metric: "adopted", AtLeast: "80%", SegmentShare: "50%"},
			{Metric: "adopted", AtLeast: hard},
		}
	})
	w.begin()
	w.run(40 * day)
	for _, b := range w.barriers {
		if b.Spec.Cause.Type == v1alpha1.CauseLaggingSegments {
			t.Errorf("%s: %s", b.Name, b.Spec.Summary)
		}
	}
}

func TestTheOperatorOpensOneBarrierForAllLaggingSegments(t *testing.T) {
	w := newWorld(t).withSegments("ads", "cart", "media", "choosers")
	w.interval = 6 * hour
	w.program.Spec.Segments[3].Mode = v1alpha1.ModeOptIn
	w.counts("population.query", map[string]float64{"ads": 10, "cart": 10, "media": 10, "choosers": 10})
	w.counts("rate.active", map[string]float64{"ads": 9, "cart": 1, "media": 2, "choosers": 0})
	w.phase("only", targetingEach("adopted", "80%"))
	w.begin()
	w.run(29 * day)
	var lagging *v1alpha1.Barrier
	for _, b := range w.barriers {
		if b.Spec.Cause.Type == v1alpha1.CauseLaggingSegments {
			lagging = b
		}
	}
	if lagging == nil {
		t.Fatalf("no barrier for lagging segments: %v", w.told)
	}
	if text := lagging.Status.Summary; !strings.Contains(text, "cart, media") || strings.Contains(text, "choosers") {
		t.Errorf("summary %q", text)
	}
}

func TestTheOperatorOpensABarrierForARegressionAndClosesIt(t *testing.T) {
	w, p := achieved(t, sustained("", "1d", v1alpha1.OnRegressionFlag))
	w.is(10, 100)
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseRegressed)
	if len(w.barriers) != 1 || w.barriers[0].Name != "program-regression-adopted" {
		t.Fatalf("barriers: %v", w.barriers)
	}
	w.expectBarrier(w.barriers[0], v1alpha1.BarrierOpen)
	w.is(90, 100)
	w.run(12 * hour)
	w.away()
	w.run(5 * day)
	w.expectBarrier(w.barriers[0], v1alpha1.BarrierOpen)
	w.back()
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
	w.expectBarrier(w.barriers[0], v1alpha1.BarrierResolved)
}

func TestTheOperatorOpensABarrierForAnOpenLegacyRoute(t *testing.T) {
	w := newWorld(t)
	w.interval = 6 * hour
	w.program.Spec.Metrics = append(w.program.Spec.Metrics, v1alpha1.Metric{
		Name: "new", Direction: v1alpha1.DirectionIncrease, SampleEvery: "1d",
		Share: &v1alpha1.Share{New: *objectsQuery("HTTPRoute"), Legacy: *objectsQuery("Ingress")},
	})
	w.counts("share.new", map[string]float64{"": 95})
	w.counts("share.legacy", map[string]float64{"": 5})
	w.is(90, 100)
	w.phase("only", targeting("new", "90%"))
	w.begin()
	w.run(29 * day)
	if len(w.barriers) != 1 || w.barriers[0].Spec.Cause.Type != v1alpha1.CauseLegacyRoute {
		t.Fatalf("barriers: %v\n%v", w.barriers, w.told)
	}
	w.counts("share.legacy", map[string]float64{"": 0})
	w.run(3 * day)
	w.expectBarrier(w.barriers[0], v1alpha1.BarrierResolved)
}

// A barrier of a later version, with a cause that this one does not know, stays as it is.
func TestACauseThatIsNotKnownIsUnclear(t *testing.T) {
	w := newWorld(t)
	w.is(10, 100)
	b := w.barrier("later", func(s *v1alpha1.BarrierSpec) {
		s.Cause = &v1alpha1.BarrierCause{Type: "SomethingNew", Metric: "adopted"}
	})
	b.Status.State = v1alpha1.BarrierOpen
	w.begin()
	w.run(3 * day)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
}
