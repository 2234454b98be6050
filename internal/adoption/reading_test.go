// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// reads returns the reading of a metric after one poll.
func (w *world) reads(name string) Reading {
	w.t.Helper()
	w.poll()
	w.settle()
	return w.last.Readings[name]
}

func (w *world) expectValue(name string, want float64) {
	w.t.Helper()
	r := w.reads(name)
	if !r.Fresh || !r.Total.Known || math.Abs(r.Total.Amount-want) > 1e-9 {
		w.t.Errorf("%s is %+v (fresh %v, %s), want %v", name, r.Total, r.Fresh, r.Why, want)
	}
}

func (w *world) expectUnknown(name, why string) {
	w.t.Helper()
	r := w.reads(name)
	if r.Fresh && r.Total.Known {
		w.t.Errorf("%s is %v, want unknown", name, r.Total.Amount)
	}
	if text := r.Why + r.Total.Why; !strings.Contains(text, why) {
		w.t.Errorf("%s is unknown because %q, want %q", name, text, why)
	}
}

func teamsOf(n int, value float64) map[string]float64 {
	m := map[string]float64{}
	for i := range n {
		m[fmt.Sprintf("team-%02d", i)] = value
	}
	return m
}

func TestSixtyTeamsOfWhichTwentyAppearAreTwentyOfSixty(t *testing.T) {
	w := newWorld(t).discovering()
	w.counts("population.query", teamsOf(60, 1))
	w.series("rate.active", teamsOf(20, 1))
	w.expectValue("adopted", 20.0/60)
	if p := w.program.Status.Population; p.Segments != 60 || p.Eligible != "60" {
		t.Errorf("population %+v", p)
	}
}

func TestATeamSeenBeforeAndGoneIsUnknown(t *testing.T) {
	for name, complete := range map[string]bool{"from a time series database": false, "from a synced watch": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).discovering()
			w.counts("population.query", teamsOf(60, 1))
			w.answers["rate.active"] = answer(teamsOf(20, 1), complete)
			w.expectValue("adopted", 20.0/60)
			w.restart() // it is remembered
			fewer := teamsOf(20, 1)
			delete(fewer, "team-07")
			w.answers["rate.active"] = answer(fewer, complete)
			if complete {
				w.expectValue("adopted", 19.0/60)
				return
			}
			w.expectUnknown("adopted", "had a row for segment team-07")
			w.metric("adopted").OnEmpty = v1alpha1.OnEmptyZero
			w.expectValue("adopted", 19.0/60)
		})
	}
}

func TestASegmentGoneFromAnIncompletePopulationIsHeldBack(t *testing.T) {
	w := newWorld(t).discovering()
	w.series("population.query", teamsOf(12, 10))
	active := teamsOf(12, 10)
	active["team-03"] = 0
	w.series("rate.active", active)
	p := w.phase("only", targetingEach("adopted", "100%"))
	w.begin()
	w.expect(p, v1alpha1.PhaseActive)
	fewer := teamsOf(12, 10)
	delete(fewer, "team-03") // the laggard goes missing
	w.series("population.query", fewer)
	w.run(12 * hour)
	w.expect(p, v1alpha1.PhaseActive)
	w.expectUnknown("adopted", "PopulationDropped")
	w.run(2 * day) // it lasts: believed
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestADroppedPopulationIsHeldBackForOneSample(t *testing.T) {
	w := newWorld(t)
	w.is(50, 100)
	w.begin()
	w.is(50, 60)
	w.run(2 * hour)
	w.expectUnknown("adopted", "PopulationDropped: 60 of 100 eligible are left; believed when it lasts for 1d")
	w.run(day)
	w.expectValue("adopted", 50.0/60)
	w.is(50, 50) // less than a fifth: believed at once
	w.run(hour)
	w.expectValue("adopted", 1)
}

func TestWhatIsUnknown(t *testing.T) {
	tests := map[string]struct {
		arrange func(*world)
		why     string
	}{
		"a negative count":          {func(w *world) { w.is(-1, 100) }, "negative"},
		"a percentage for a count":  {func(w *world) { w.answers["rate.active"].Rows[0].Percent = true }, "percentage where a count is needed"},
		"more active than eligible": {func(w *world) { w.is(120, 100) }, "count only those whom population counts"},
		"an empty answer":           {func(w *world) { w.series("rate.active", nil) }, "answered with nothing"},
		"a source that is down":     {func(w *world) { w.away() }, "connection refused"},
		"a row out of date": {func(w *world) {
			w.answers["rate.active"].Rows[0].Expires = w.now.Add(-day)
		}, "out of date"},
		"no answer yet": {func(w *world) { w.answers = map[string]*Measurement{} }, "waiting for the first answer"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.is(90, 100)
			p := w.phase("only", targeting("adopted", "80%"))
			test.arrange(w)
			w.expectUnknown("adopted", test.why)
			w.run(day)
			w.expect(p, v1alpha1.PhaseActive)
		})
	}
}

func TestTheSkewOfTwoQueriesCountsAsAHundredPercent(t *testing.T) {
	w := newWorld(t)
	w.is(101, 100)
	w.expectValue("adopted", 1)
}

func TestNobodyEligibleIsNotApplicable(t *testing.T) {
	w := newWorld(t).withSegments("cart", "empty")
	w.counts("population.query", map[string]float64{"cart": 10})
	w.counts("rate.active", map[string]float64{"cart": 5})
	p := w.phase("only", targetingEach("adopted", "50%"))
	w.expectValue("adopted", 0.5)
	w.expect(p, v1alpha1.PhaseAchieved) // met in the one segment that has somebody
	if na := w.program.Status.Population.NotApplicable; len(na) != 1 || na[0] != "empty" {
		t.Errorf("not applicable: %v", na)
	}
}

func TestRowsOfNoKnownSegmentAreShownAndNotCounted(t *testing.T) {
	w := newWorld(t).withSegments("cart")
	w.counts("population.query", map[string]float64{"cart": 10})
	w.counts("rate.active", map[string]float64{"cart": 5, "crat": 3, "": 2})
	w.expectValue("adopted", 0.5)
	if got := w.program.Status.Metrics[0].Unmatched; got != "5" {
		t.Errorf("unmatched %q", got)
	}
}

func TestExemptionsAreTakenOffUntilTheyExpire(t *testing.T) {
	w := newWorld(t).withSegments("cart")
	w.program.Spec.Segments[0].Exemptions = []v1alpha1.Exemption{{Count: 4, Reason: "leaving", ApprovedBy: "CIO", Expires: "2026-11-04"}}
	w.counts("population.query", map[string]float64{"cart": 20})
	w.counts("rate.active", map[string]float64{"cart": 8})
	w.expectValue("adopted", 8.0/16)
	if m := condition(w.program.Status.Conditions, "Ready"); m != "True/Measuring" {
		t.Errorf("Ready is %s", m)
	}
	if s := meta.FindStatusCondition(w.program.Status.Conditions, "Ready").Message; !strings.Contains(s, "20% of the eligible are exempt") {
		t.Errorf("no warning in %q", s)
	}
	w.run(3*day + hour)
	w.expectValue("adopted", 8.0/20)
}

func TestThreeValuedTargets(t *testing.T) {
	tests := map[string]struct {
		values map[string]float64 // -1: unknown
		share  string
		want   string
	}{
		"all met":                          {map[string]float64{"a": 9, "b": 9, "c": 9}, "", "True"},
		"one known miss decides":           {map[string]float64{"a": 9, "b": 1, "c": -1}, "", "False"},
		"otherwise one unknown":            {map[string]float64{"a": 9, "b": 9, "c": -1}, "", "Unknown"},
		"a share met despite an unknown":   {map[string]float64{"a": 9, "b": 9, "c": -1}, "60%", "True"},
		"a share out of reach":             {map[string]float64{"a": 1, "b": 1, "c": -1}, "60%", "False"},
		"a share that the unknown decides": {map[string]float64{"a": 9, "b": 1, "c": -1}, "60%", "Unknown"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).withSegments("a", "b", "c")
			population := map[string]float64{"a": 10, "b": 10, "c": 10}
			active := map[string]float64{}
			// a negative count is unknown
			maps.Copy(active, test.values)
			w.counts("population.query", population)
			w.counts("rate.active", active)
			p := w.phase("only", targetingEach("adopted", "80%"))
			p.Spec.Targets[0].SegmentShare = v1alpha1.Percentage(test.share)
			w.begin()
			if got := string(p.Status.Targets[0].Met); got != test.want {
				t.Errorf("met is %s, want %s", got, test.want)
			}
		})
	}
}

func TestADeadExporterUnderAMetricThatShouldFall(t *testing.T) {
	w := newWorld(t)
	w.is(1, 100)
	w.program.Spec.Metrics = append(w.program.Spec.Metrics, v1alpha1.Metric{
		Name: "legacy", Direction: v1alpha1.DirectionDecrease, Query: objectsQuery("x"), OnEmpty: v1alpha1.OnEmptyZero,
		Heartbeat: objectsQuery("y"), SampleEvery: "1d",
	})
	w.series("legacy].query", map[string]float64{"": 40})
	w.series("legacy].heartbeat", map[string]float64{"": 1})
	p := w.phase("only", targetingMost("legacy", "5"))
	w.begin()
	w.series("legacy].query", nil) // the exporter died, and its heartbeat with it
	w.series("legacy].heartbeat", nil)
	w.run(10 * day)
	w.expect(p, v1alpha1.PhaseActive)
	w.expectUnknown("legacy", "heartbeat is not positive")
	w.series("legacy].heartbeat", map[string]float64{"": 1}) // alive, and nothing left
	w.run(2 * hour)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestASmoothedRateIsTheRatioOfSumsAndSurvivesARestart(t *testing.T) {
	w := newWorld(t)
	w.interval = 6 * hour
	w.metric("adopted").Smooth = &v1alpha1.Smooth{Over: "7d", Function: v1alpha1.SmoothMean}
	w.is(10, 100)
	w.begin()
	w.run(2 * day)
	w.expectUnknown("adopted", "of at least 4 samples")
	w.run(2 * day)
	w.is(90, 100)
	w.restart()
	w.run(2 * day)
	r := w.reads("adopted")
	if !r.Total.Known || r.Total.Amount <= 0.1 || r.Total.Amount >= 0.9 {
		t.Errorf("smoothed value is %+v", r.Total)
	}
	w.run(8 * day)
	w.expectValue("adopted", 0.9)
}

func TestStatusStaysSmallWithFiveThousandSegments(t *testing.T) {
	w := newWorld(t).discovering()
	eligible, active := map[string]float64{}, map[string]float64{}
	for i := range 5000 {
		name := fmt.Sprintf("a-team-with-a-rather-long-name-%04d", i)
		eligible[name], active[name] = 20, float64(i%21)
	}
	w.counts("population.query", eligible)
	w.series("rate.active", active)
	p := w.phase("only", targetingEach("adopted", "80%"))
	w.begin()
	if size := jsonSize(t, w.program); size > 100_000 {
		t.Errorf("the program is %d bytes", size)
	}
	if size := jsonSize(t, p); size > 100_000 {
		t.Errorf("the phase is %d bytes", size)
	}
	if len(w.program.Status.Metrics[0].Laggards) != 10 {
		t.Errorf("laggards: %v", w.program.Status.Metrics[0].Laggards)
	}
	if !strings.Contains(p.Status.Summary, "each of 5000 segments") {
		t.Errorf("summary %q", p.Status.Summary)
	}
}
