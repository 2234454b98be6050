// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func forSegments(names ...v1alpha1.SegmentName) phaseOption {
	return with(func(s *v1alpha1.PhaseSpec) { s.Segments = names })
}

func (w *world) barriersFor(cause v1alpha1.CauseType) []*v1alpha1.Barrier {
	var found []*v1alpha1.Barrier
	for _, b := range w.barriers {
		if b.Spec.Cause != nil && b.Spec.Cause.Type == cause {
			found = append(found, b)
		}
	}
	return found
}

// TestAPlateauIsThatOfItsAudience has a pilot that moves in a whole that does not, and
// a pilot that stands still in a whole that is far ahead.
func TestAPlateauIsThatOfItsAudience(t *testing.T) {
	for name, moves := range map[string]bool{"a pilot that moves": true, "a pilot that has stalled": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).withSegments("pilot", "rest")
			w.interval = 6 * hour
			w.counts("population.query", map[string]float64{"pilot": 100, "rest": 900})
			w.phase("pilot", targeting("adopted", "60%"), forSegments("pilot"))
			pilot, rest := 20.0, 0.0
			if !moves {
				rest = 800
			}
			for range 45 {
				w.counts("rate.active", map[string]float64{"pilot": pilot, "rest": rest})
				w.run(day)
				if moves {
					pilot += 0.8
				}
			}
			found := w.barriersFor(v1alpha1.CausePlateau)
			if moves {
				if len(found) != 0 {
					t.Fatalf("a plateau: %s", found[0].Status.Summary)
				}
				return
			}
			if len(found) != 1 || !strings.Contains(found[0].Status.Summary, "20%, and phase pilot needs >= 60%") {
				t.Fatalf("barriers %v", w.told)
			}
		})
	}
}

func TestNoPointFromBeforeAPhaseStartedTellsOfAPlateau(t *testing.T) {
	w := newWorld(t)
	w.interval = hour
	w.program.Spec.Metrics[0].SampleEvery = "1h"
	w.is(10, 100)
	w.phase("later", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.NotBefore = "2026-11-05" }))
	w.begin()
	w.run(3*day + 26*hour)
	if found := w.barriersFor(v1alpha1.CausePlateau); len(found) != 0 {
		t.Fatalf("a plateau within %s of the start: %s", 26*hour, found[0].Status.Summary)
	}
	w.run(6 * hour)
	if found := w.barriersFor(v1alpha1.CausePlateau); len(found) != 1 {
		t.Fatal("no plateau after 28 samples")
	}
}

func TestABarrierDetectedInAnySegmentOpens(t *testing.T) {
	w := newWorld(t).withSegments("ads", "cart", "idle")
	w.counts("population.query", map[string]float64{"ads": 10, "cart": 10, "idle": 10})
	w.counts("rate.active", map[string]float64{"ads": 9, "cart": 9, "idle": 0})
	overall := w.barrier("overall", func(s *v1alpha1.BarrierSpec) {
		s.Detect = &v1alpha1.Detect{Metric: "adopted", AtMost: "10%"}
	})
	anyOf := w.barrier("any", func(s *v1alpha1.BarrierSpec) {
		s.Detect = &v1alpha1.Detect{Metric: "adopted", AtMost: "10%", Scope: v1alpha1.DetectAny}
	})
	w.begin()
	w.run(day)
	w.expectBarrier(overall, v1alpha1.BarrierWatching)
	w.expectBarrier(anyOf, v1alpha1.BarrierOpen)
	if want := "in 1 of 3 segments: idle"; anyOf.Status.Value != want {
		t.Errorf("value %q, want %q", anyOf.Status.Value, want)
	}
	// One segment that is unknown hides no other, and does not close it.
	w.answers["rate.active"].Rows[2] = Row{Segment: "idle", Unknown: "the value is NaN"}
	w.run(5 * day)
	w.expectBarrier(anyOf, v1alpha1.BarrierOpen)
	w.counts("rate.active", map[string]float64{"ads": 9, "cart": 9, "idle": 5})
	w.run(day)
	w.expectBarrier(anyOf, v1alpha1.BarrierResolved)
}

func TestADetectionLooksAtTheAudienceOfThePhasesItNames(t *testing.T) {
	w := newWorld(t).withSegments("pilot", "rest")
	w.counts("population.query", map[string]float64{"pilot": 10, "rest": 90})
	w.counts("rate.active", map[string]float64{"pilot": 1, "rest": 90})
	w.phase("first", targeting("adopted", "50%"), forSegments("pilot"))
	b := w.barrier("few", func(s *v1alpha1.BarrierSpec) {
		s.Phases = []v1alpha1.ObjectName{"first"}
		s.Detect = &v1alpha1.Detect{Metric: "adopted", AtMost: "20%"}
	})
	w.begin()
	w.run(day)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
}

func TestANumberOfTheWholeProgramGuardsAPhaseWithSegments(t *testing.T) {
	w := newWorld(t).withSegments("staff", "faculty")
	w.plain(v1alpha1.DimensionReach, v1alpha1.FormatNumber)
	w.counts("population.query", map[string]float64{"staff": 10, "faculty": 10})
	w.series(plainPath, map[string]float64{"": 3})
	p := w.phase("staff", targeting("adopted", "2"), forSegments("staff"))
	own := w.phase("own", targeting("adopted", "2"))
	own.Spec.Targets[0].Segments = append(own.Spec.Targets[0].Segments, "staff")
	w.begin()
	w.expect(p, v1alpha1.PhaseAchieved)
	w.run(day)
	w.expect(own, v1alpha1.PhaseWaiting)
	if !strings.Contains(own.Status.Summary, "or take segments out") {
		t.Errorf("no remedy in %q", own.Status.Summary)
	}
}

func TestABlockingBarrierThatNamesNothingBlocksAll(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.BarrierSpec){
		"no such phase":   func(s *v1alpha1.BarrierSpec) { s.Phases = []v1alpha1.ObjectName{"hapy"} },
		"no such segment": func(s *v1alpha1.BarrierSpec) { s.Segments = append(s.Segments, "crat") },
		"one of two":      func(s *v1alpha1.BarrierSpec) { s.Phases = []v1alpha1.ObjectName{"other", "hapy"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).withSegments("cart")
			w.counts("population.query", map[string]float64{"cart": 10})
			w.counts("rate.active", map[string]float64{"cart": 10})
			p := w.phase("happy", targeting("adopted", "80%"))
			w.phase("other", targeting("adopted", "80%"))
			b := w.barrier("dns", func(s *v1alpha1.BarrierSpec) {
				s.Severity = v1alpha1.SeverityBlocking
				change(s)
			})
			w.begin()
			w.run(day)
			w.expect(p, v1alpha1.PhaseWaiting)
			if !strings.Contains(p.Status.Summary, "blocks every phase until it is mended") || p.Status.Health != v1alpha1.HealthBlocked {
				t.Errorf("%s: %q", p.Status.Health, p.Status.Summary)
			}
			b.Spec.Phases, b.Spec.Segments = []v1alpha1.ObjectName{"other"}, nil
			b.Generation++
			w.run(day)
			w.expect(p, v1alpha1.PhaseAchieved)
		})
	}
}

func TestOneFallIsOneBarrierWithAllThatFell(t *testing.T) {
	w := newWorld(t)
	second := *w.metric("adopted").DeepCopy()
	second.Name, second.Rate = "used", &v1alpha1.Rate{Active: *objectsQuery("Used")}
	w.program.Spec.Metrics = append(w.program.Spec.Metrics, second)
	w.is(90, 100)
	p := w.phase("only", targeting("adopted", "80%"), targeting("used", "50%"), sustained("", "1d", v1alpha1.OnRegressionReopen))
	w.interval = 6 * hour
	w.begin()
	w.run(day)
	w.expect(p, v1alpha1.PhaseAchieved)
	w.is(10, 100)
	w.run(40 * day)
	if len(w.barriers) != 1 {
		t.Fatalf("%d barriers for one fall: %v", len(w.barriers), w.told)
	}
	text := w.barriers[0].Status.Summary
	for _, want := range []string{"adopted 10%, needs >= 80%", "used 10%, needs >= 50%", "(phase only)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
}

// TestWhatTheOperatorOpensAgainIsWordedAnew falls to 10%, recovers, and falls to 30%.
func TestWhatTheOperatorOpensAgainIsWordedAnew(t *testing.T) {
	w, p := achieved(t, sustained("", "1d", v1alpha1.OnRegressionFlag))
	for _, active := range []float64{10, 90, 30} {
		w.is(active, 100)
		w.run(3 * day)
	}
	w.expect(p, v1alpha1.PhaseRegressed)
	b := w.barriers[0]
	ring := b.Status.Transitions
	if text := ring[len(ring)-1].Message; !strings.Contains(b.Status.Summary, "adopted 30%") || b.Status.State == v1alpha1.BarrierOpen && !strings.Contains(text, "adopted 30%") {
		t.Errorf("summary %q, event %q", b.Status.Summary, text)
	}
	if strings.ContainsAny(b.Spec.Summary, "0123456789") {
		t.Errorf("numbers that move in %q, which is written once", b.Spec.Summary)
	}
}
