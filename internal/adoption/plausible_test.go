// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func TestAPercentageBeyondTheWholeIsUnknown(t *testing.T) {
	for _, dimension := range ofAWhole {
		t.Run(string(dimension), func(t *testing.T) {
			w := newWorld(t)
			w.plain(dimension, v1alpha1.FormatPercent)
			p := w.phase("only", targeting("adopted", "80%"))
			w.series(plainPath, map[string]float64{"": 41.3})
			w.expectUnknown("adopted", "answers with 41.3, which would be 4130%: a fraction is expected")
			w.run(2 * day)
			w.expect(p, v1alpha1.PhaseActive)
			w.series(plainPath, map[string]float64{"": 1})
			w.expectValue("adopted", 1)
		})
	}
	for _, dimension := range []v1alpha1.Dimension{v1alpha1.DimensionValue, v1alpha1.DimensionDepth, v1alpha1.DimensionFrequency} {
		w := newWorld(t)
		w.plain(dimension, v1alpha1.FormatPercent)
		w.series(plainPath, map[string]float64{"": 1.5})
		w.expectValue("adopted", 1.5)
	}
}

// TestAScaleIsThatOfTheWholeQuery has one team beyond 100%: the 0.9 of the other is
// 0.9% as well.
func TestAScaleIsThatOfTheWholeQuery(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media")
	w.plain(v1alpha1.DimensionReach, v1alpha1.FormatPercent)
	w.counts("population.query", map[string]float64{"cart": 10, "media": 10})
	w.series(plainPath, map[string]float64{"cart": 0.9, "media": 41.3})
	p := w.phase("cart", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Segments = append(s.Segments, "cart") }))
	w.begin()
	w.run(day)
	w.expect(p, v1alpha1.PhaseActive)
}

func TestARatioBeyondTheWholeStartsNothing(t *testing.T) {
	w := newWorld(t)
	m := w.metric("adopted")
	m.Rate, m.Ratio, m.Dimension = nil, &v1alpha1.Ratio{Numerator: *objectsQuery("A"), Denominator: *objectsQuery("B")}, v1alpha1.DimensionConformance
	w.counts("ratio.numerator", map[string]float64{"": 5})
	w.counts("ratio.denominator", map[string]float64{"": 4})
	p := w.phase("only", targeting("adopted", "90%"))
	w.expectUnknown("adopted", "is 5 of 4, which is more than the whole")
	w.run(day)
	w.expect(p, v1alpha1.PhaseActive)
	m.Dimension = v1alpha1.DimensionDepth // actions per person pass one
	w.expectValue("adopted", 1.25)
}

func TestAggregationSaysHowSegmentsBecomeAWhole(t *testing.T) {
	scores := map[string]float64{"cart": 2.1, "media": 1.8, "ads": 2.4}
	tests := map[string]struct {
		dimension   v1alpha1.Dimension
		format      v1alpha1.Format
		aggregation v1alpha1.Aggregation
		want        float64 // 0: unknown
	}{
		"counts are added up":         {v1alpha1.DimensionReach, v1alpha1.FormatNumber, "", 6.3},
		"routes are added up":         {v1alpha1.DimensionRouteShare, v1alpha1.FormatNumber, "", 6.3},
		"scores have no whole":        {v1alpha1.DimensionSatisfaction, v1alpha1.FormatNumber, "", 0},
		"depth has none":              {v1alpha1.DimensionDepth, v1alpha1.FormatNumber, "", 0},
		"value that is said to add":   {v1alpha1.DimensionValue, v1alpha1.FormatNumber, v1alpha1.AggregationSum, 6.3},
		"mean":                        {v1alpha1.DimensionSatisfaction, v1alpha1.FormatNumber, v1alpha1.AggregationMean, 2.1},
		"weighted":                    {v1alpha1.DimensionSatisfaction, v1alpha1.FormatNumber, v1alpha1.AggregationWeightedMean, (21 + 1.8*10 + 2.4*20) / 40},
		"min":                         {v1alpha1.DimensionSatisfaction, v1alpha1.FormatNumber, v1alpha1.AggregationMin, 1.8},
		"max":                         {v1alpha1.DimensionSatisfaction, v1alpha1.FormatNumber, v1alpha1.AggregationMax, 2.4},
		"durations weigh by default":  {v1alpha1.DimensionDepth, v1alpha1.FormatDuration, "", (21 + 1.8*10 + 2.4*20) / 40},
		"percentages can be averaged": {v1alpha1.DimensionValue, v1alpha1.FormatPercent, v1alpha1.AggregationMean, 2.1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, segmented := range []bool{true, false} {
				if !segmented && strings.Contains(name, "weigh") {
					continue // there is nothing to weigh by
				}
				w := newWorld(t)
				if segmented {
					w.withSegments("cart", "media", "ads")
				}
				w.plain(test.dimension, test.format).Aggregation = test.aggregation
				w.counts("population.query", map[string]float64{"cart": 10, "media": 10, "ads": 20})
				w.series(plainPath, scores)
				if test.want == 0 {
					w.expectUnknown("adopted", "set aggregation to Mean, WeightedMean, Min, Max or Sum")
				} else {
					w.expectValue("adopted", test.want)
				}
			}
		})
	}
}

func TestScoresOfSeveralSourcesAreNotAddedUp(t *testing.T) {
	w := newWorld(t).withSegments("a")
	w.plain(v1alpha1.DimensionSatisfaction, v1alpha1.FormatNumber)
	w.counts("population.query", map[string]float64{"a": 10})
	w.answers[plainPath] = fromClusters(Row{Segment: "a", Value: 6.5, From: []string{"east", "west"}})
	p := w.phase("only", targeting("adopted", "4"))
	w.expectUnknown("adopted", "the answers of several sources would be added up")
	w.expect(p, v1alpha1.PhaseActive)
}

// falling is a world whose metric should decrease and has been at 250 for a while.
func falling(t *testing.T) (*world, *v1alpha1.Phase) {
	t.Helper()
	w := newWorld(t)
	m := w.plain(v1alpha1.DimensionReach, v1alpha1.FormatNumber)
	m.Direction = v1alpha1.DirectionDecrease
	w.series(plainPath, map[string]float64{"": 250})
	p := w.phase("gone", targetingMost("adopted", "5"))
	w.begin()
	w.run(6 * hour)
	return w, p
}

func TestAFallThatIsTooGoodToBeTrueWaitsForASample(t *testing.T) {
	for name, to := range map[string]float64{"to nothing": 0, "by more than half": 3} {
		t.Run(name, func(t *testing.T) {
			w, p := falling(t)
			w.series(plainPath, map[string]float64{"": to})
			w.expectUnknown("adopted", "fell from 250 to")
			w.run(12 * hour)
			w.expect(p, v1alpha1.PhaseActive)
			w.restart() // it is remembered
			w.run(6 * hour)
			w.expect(p, v1alpha1.PhaseActive)
			w.run(8 * hour)
			w.expect(p, v1alpha1.PhaseAchieved)
		})
	}
	t.Run("and back", func(t *testing.T) {
		w, p := falling(t)
		w.series(plainPath, map[string]float64{"": 0})
		w.run(12 * hour)
		w.series(plainPath, map[string]float64{"": 240})
		w.expectValue("adopted", 240)
		w.series(plainPath, map[string]float64{"": 0})
		w.run(20 * hour) // the wait began anew
		w.expect(p, v1alpha1.PhaseActive)
	})
	t.Run("through an outage", func(t *testing.T) {
		w, p := falling(t)
		w.series(plainPath, map[string]float64{"": 0})
		w.run(12 * hour)
		w.away()
		w.run(3 * day)
		w.back()
		w.run(20 * hour)
		w.expect(p, v1alpha1.PhaseActive)
		w.run(8 * hour)
		w.expect(p, v1alpha1.PhaseAchieved)
	})
}

func TestWhatIsVouchedForFallsAtOnce(t *testing.T) {
	t.Run("by a watch", func(t *testing.T) {
		w, p := falling(t)
		w.counts(plainPath, map[string]float64{"": 0})
		w.run(hour)
		w.expect(p, v1alpha1.PhaseAchieved)
	})
	t.Run("by a proof of life", func(t *testing.T) {
		w, p := falling(t)
		w.metric("adopted").Heartbeat = objectsQuery("Up")
		w.series("adopted].heartbeat", map[string]float64{"": 1})
		w.series(plainPath, map[string]float64{"": 0})
		w.run(hour)
		w.expect(p, v1alpha1.PhaseAchieved)
	})
	t.Run("by its steps", func(t *testing.T) {
		w, p := falling(t)
		for v := 250.0; v > 5; v *= 0.6 {
			w.series(plainPath, map[string]float64{"": v})
			w.run(25 * hour)
		}
		w.series(plainPath, map[string]float64{"": 5})
		w.run(hour)
		w.expect(p, v1alpha1.PhaseAchieved)
	})
}

// TestAnOldRouteThatVanishesInOneAnswerIsNotBelieved has a share become perfect because
// whatever counts the old route has died.
func TestAnOldRouteThatVanishesInOneAnswerIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	m := w.metric("adopted")
	m.Rate, m.Share, m.Dimension = nil, &v1alpha1.Share{New: *objectsQuery("A"), Legacy: *objectsQuery("B")}, v1alpha1.DimensionRouteShare
	w.series("share.new", map[string]float64{"": 60})
	w.series("share.legacy", map[string]float64{"": 40})
	p := w.phase("moved", targeting("adopted", "95%"))
	w.begin()
	w.run(6 * hour)
	w.series("share.legacy", map[string]float64{"": 0})
	w.expectUnknown("adopted", "share.legacy fell from 40 to 0 in one answer")
	w.run(12 * hour)
	w.expect(p, v1alpha1.PhaseActive)
	w.run(14 * hour)
	w.expect(p, v1alpha1.PhaseAchieved)
}

// TestAFallInStepsWithinADayIsAFall goes down by less than half each hour.
func TestAFallInStepsWithinADayIsAFall(t *testing.T) {
	w, p := falling(t)
	for _, v := range []float64{130, 70, 40, 22, 12, 7, 4} {
		w.series(plainPath, map[string]float64{"": v})
		w.run(hour)
	}
	w.run(6 * hour)
	w.expect(p, v1alpha1.PhaseActive)
	w.run(30 * hour)
	w.expect(p, v1alpha1.PhaseAchieved)
}

// TestAFallOfOneSegmentIsDoubtedWhereItIsLookedAt has one of two segments vanish, which
// is less than half of the whole.
func TestAFallOfOneSegmentIsDoubtedWhereItIsLookedAt(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media")
	m := w.plain(v1alpha1.DimensionReach, v1alpha1.FormatNumber)
	m.Direction = v1alpha1.DirectionDecrease
	w.counts("population.query", map[string]float64{"cart": 10, "media": 10})
	w.series(plainPath, map[string]float64{"cart": 40, "media": 60})
	cart := w.phase("cart", targetingMost("adopted", "0"), forSegments("cart"))
	share := w.phase("share", with(func(s *v1alpha1.PhaseSpec) {
		s.Targets = []v1alpha1.Target{{Metric: "adopted", AtMost: "0", SegmentShare: "50%"}}
	}))
	b := w.barrier("old", func(s *v1alpha1.BarrierSpec) {
		s.Severity, s.Segments = v1alpha1.SeverityBlocking, append(s.Segments, "cart")
		s.Detect = &v1alpha1.Detect{Metric: "adopted", AtLeast: "1"}
	})
	w.begin()
	w.run(6 * hour)
	w.series(plainPath, map[string]float64{"cart": 0, "media": 60})
	w.run(20 * hour)
	w.restart()
	w.run(hour)
	w.expect(cart, v1alpha1.PhaseActive)
	w.expect(share, v1alpha1.PhaseActive)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
	w.expectValue("adopted", 60)
	w.run(6 * hour)
	w.expect(cart, v1alpha1.PhaseAchieved)
}

func TestWhatIsHiddenFallsToNothingNoSooner(t *testing.T) {
	w := newWorld(t)
	m := w.plain(v1alpha1.DimensionReach, v1alpha1.FormatNumber)
	m.Direction = v1alpha1.DirectionDecrease
	least := int32(50)
	w.program.Spec.MinGroupSize = &least
	w.counts("population.query", map[string]float64{"": 40})
	w.series(plainPath, map[string]float64{"": 30})
	p := w.phase("gone", targetingMost("adopted", "5"))
	w.begin()
	w.run(6 * hour)
	w.series(plainPath, map[string]float64{"": 0})
	w.run(12 * hour)
	w.expect(p, v1alpha1.PhaseActive)
	if strings.Contains(w.program.Status.Metrics[0].Fall.Believed, "30") {
		t.Errorf("the hidden number is stored: %s", w.program.Status.Metrics[0].Fall.Believed)
	}
}

func TestOnlyAnswersThatCanBeUsedMakeAFallLast(t *testing.T) {
	w, p := falling(t)
	w.series(plainPath, map[string]float64{"": 0})
	w.run(2 * hour)
	w.answers[plainPath].Rows[0].Unknown = "the value is NaN"
	w.run(23 * hour)
	w.series(plainPath, map[string]float64{"": 0})
	w.run(6 * hour)
	w.expect(p, v1alpha1.PhaseActive)
}

func TestAProofOfLifeThatIsDividedIsWantedOfEachSegment(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media")
	m := w.plain(v1alpha1.DimensionReach, v1alpha1.FormatNumber)
	m.Direction, m.OnEmpty = v1alpha1.DirectionDecrease, v1alpha1.OnEmptyZero
	m.Heartbeat = objectsQuery("Up")
	m.Heartbeat.SegmentBy = &v1alpha1.SegmentBy{Label: "team"}
	w.counts("population.query", map[string]float64{"cart": 10, "media": 10})
	w.series(plainPath, map[string]float64{"cart": 3, "media": 60})
	w.series("adopted].heartbeat", map[string]float64{"cart": 2, "media": 2})
	p := w.phase("gone", with(func(s *v1alpha1.PhaseSpec) {
		s.Targets = []v1alpha1.Target{{Metric: "adopted", AtMost: "0", Scope: v1alpha1.ScopeEach}}
	}))
	w.begin()
	w.run(hour)
	w.series(plainPath, map[string]float64{"cart": 0})
	w.series("adopted].heartbeat", map[string]float64{"cart": 2, "media": 0})
	w.run(day)
	w.expect(p, v1alpha1.PhaseActive)
	if !strings.Contains(p.Status.Summary, "is not positive in segment media") {
		t.Errorf("%q", p.Status.Summary)
	}
}
