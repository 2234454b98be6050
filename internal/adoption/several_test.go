// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func TestARowWithoutANumberTaintsItsSegmentAndTheWhole(t *testing.T) {
	w := newWorld(t).withSegments("a", "b")
	w.counts("population.query", map[string]float64{"a": 10, "b": 10})
	w.series("rate.active", map[string]float64{"a": 9, "b": 9})
	onlyA := w.phase("only-a", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Segments = []v1alpha1.SegmentName{"a"} }))
	both := w.phase("both", targeting("adopted", "80%"))
	w.answers["rate.active"].Rows[1] = Row{Segment: "b", Unknown: "the value is NaN"}
	w.begin()
	w.run(2 * day)
	w.expect(onlyA, v1alpha1.PhaseAchieved)
	w.expect(both, v1alpha1.PhaseActive)
	w.expectUnknown("adopted", "segment b: spec.metrics[adopted].rate.active: the value is NaN")
}

// fromClusters is an answer that several sources were added up for.
func fromClusters(rows ...Row) *Measurement {
	return &Measurement{Segmented: true, Rows: rows, Sources: []string{"east", "west"}}
}

func TestASegmentThatOneOfSeveralSourcesHasLostIsUnknown(t *testing.T) {
	for _, plain := range []bool{false, true} {
		w := newWorld(t).withSegments("a")
		path := "rate.active"
		if plain {
			m := w.metric("adopted")
			m.Rate, m.Query, path = nil, objectsQuery("Plain"), "adopted].query"
		}
		w.counts("population.query", map[string]float64{"a": 10})
		w.answers[path] = fromClusters(Row{Segment: "a", Value: 9, From: []string{"east", "west"}})
		goal := "80%"
		if plain {
			goal = "8"
		}
		p := w.phase("only", targeting("adopted", goal), sustained("0", "3d", v1alpha1.OnRegressionFlag))
		if !plain {
			p.Spec.Sustain.Margin = "0%"
		}
		w.begin()
		w.run(day)
		w.expect(p, v1alpha1.PhaseAchieved)

		w.answers[path] = fromClusters(Row{Segment: "a", Value: 4, From: []string{"east"}})
		w.run(20 * day)
		w.expect(p, v1alpha1.PhaseAchieved)
		w.expectUnknown("adopted", "west had a row for segment a and has none now")
		w.restart()
		w.run(2 * day)
		w.expect(p, v1alpha1.PhaseAchieved)

		// A cluster that is taken out of the selection is gone on purpose, if it lasts.
		w.answers[path].Sources = []string{"east"}
		w.answers[path].Rows[0].Value = 8.5
		w.run(20 * hour)
		w.expectUnknown("adopted", "a source is no longer selected; remaining: east. The new total is accepted after 24h")
		w.restart()
		w.run(6 * hour)
		if m := w.program.Status.Metrics[0]; m.Unknown != "" {
			t.Errorf("a source that is selected no more is still missed: %s", m.Unknown)
		}
	}
}

func TestASegmentThatOneOfSeveralSourcesNeverHadIsFine(t *testing.T) {
	w := newWorld(t).withSegments("a", "b")
	w.counts("population.query", map[string]float64{"a": 10, "b": 10})
	w.answers["rate.active"] = fromClusters(
		Row{Segment: "a", Value: 9, From: []string{"east"}}, Row{Segment: "b", Value: 9, From: []string{"west"}})
	p := w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.run(day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestASourceThatIsSelectedNoMoreMovesNothingAtOnce(t *testing.T) {
	w := newWorld(t)
	m := w.metric("adopted")
	m.Rate, m.Share = nil, &v1alpha1.Share{New: *objectsQuery("New"), Legacy: *objectsQuery("Old")}
	w.program.Spec.Population = nil
	sum := func(v float64, names ...string) *Measurement {
		return &Measurement{Complete: true, Rows: []Row{{Value: v, From: names}}, Sources: names}
	}
	w.answers["share.new"] = sum(50, "east", "west")
	w.answers["share.legacy"] = sum(50, "east", "west")
	p := w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.run(3 * day)
	w.answers["share.new"] = sum(45, "east")
	w.answers["share.legacy"] = sum(5, "east") // west, where the old is, was deleted
	w.run(hour)
	if p.Status.State != v1alpha1.PhaseActive {
		t.Errorf("%s: %s", p.Status.State, w.program.Status.Metrics[0].Value)
	}
}

func TestAPopulationWhoseSourceIsSelectedNoMoreIsHeldBack(t *testing.T) {
	w := newWorld(t).withSegments("a")
	from := func(eligible float64, names ...string) *Measurement {
		return &Measurement{Segmented: true, Complete: true, Sources: names, Rows: []Row{{Segment: "a", Value: eligible, From: names}}}
	}
	w.answers["population.query"] = from(100, "east", "west")
	w.counts("rate.active", map[string]float64{"a": 75})
	p := w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.run(2 * day)
	w.answers["population.query"] = from(90, "east") // too few to be a drop by number
	w.run(20 * hour)
	w.expect(p, v1alpha1.PhaseActive)
	w.expectUnknown("adopted", "1 of the sources are selected no more")
	w.restart()
	w.run(6 * hour)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestASourceThatComesBackInTimeLeavesNoWait(t *testing.T) {
	w := newWorld(t).withSegments("a")
	w.counts("population.query", map[string]float64{"a": 10})
	both := fromClusters(Row{Segment: "a", Value: 5, From: []string{"east", "west"}})
	one := fromClusters(Row{Segment: "a", Value: 3, From: []string{"east"}})
	one.Sources = []string{"east"}
	for range 3 { // each departure has a wait of its own
		w.answers["rate.active"] = both
		w.begin()
		w.run(hour)
		w.expectValue("adopted", 0.5)
		w.answers["rate.active"] = one
		w.run(20 * hour)
		w.expectUnknown("adopted", "a source is no longer selected")
	}
}
