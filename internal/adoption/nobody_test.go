// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// plain makes the program's metric a query's own value.
func (w *world) plain(dimension v1alpha1.Dimension, format v1alpha1.Format) *v1alpha1.Metric {
	m := w.metric("adopted")
	m.Rate, m.Query, m.Dimension, m.Format = nil, objectsQuery("Plain"), dimension, format
	return m
}

const plainPath = "adopted].query"

func TestRowsWithoutASegmentKeepAWholeFromLookingComplete(t *testing.T) {
	for name, complete := range map[string]bool{"a watch": true, "a database": false} {
		for _, discovered := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				if discovered {
					w.discovering()
				} else {
					w.withSegments("cart", "media")
				}
				// Of five namespaces three have no team, and those with one have adopted.
				w.answers["population.query"] = answer(map[string]float64{"cart": 1, "media": 1, "": 3}, complete)
				w.answers["rate.active"] = answer(map[string]float64{"cart": 1, "media": 1}, complete)
				p := w.phase("all", targeting("adopted", "100%"))
				w.expectValue("adopted", 2.0/5)
				w.expect(p, v1alpha1.PhaseActive)
				if got := w.program.Status.Population.Unmatched; got != "3" {
					t.Errorf("population.unmatched is %q", got)
				}
				// That they have adopted makes the whole no better.
				w.answers["rate.active"] = answer(map[string]float64{"cart": 1, "media": 1, "": 3}, complete)
				w.expectValue("adopted", 2.0/5)
				w.expect(p, v1alpha1.PhaseActive)
			})
		}
	}
}

func TestWhatShouldFallIsNotBetterForRowsOfNobody(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media")
	m := w.metric("adopted")
	m.Direction = v1alpha1.DirectionDecrease
	w.counts("population.query", map[string]float64{"cart": 10, "media": 10, "": 20})
	w.counts("rate.active", map[string]float64{"cart": 1, "media": 1, "": 4})
	w.expectValue("adopted", 6.0/20)
}

func TestASegmentWithoutARowIsUnknownWhileRowsBelongToNobody(t *testing.T) {
	tests := map[string]struct {
		rows     map[string]float64
		complete bool
		onEmpty  v1alpha1.OnEmpty
		why      string // empty: it is a zero
	}{
		"another name":                     {map[string]float64{"media": 5, "shop": 5}, false, "", `rows of nobody (shop); if one of them is meant, make it an alias`},
		"no name":                          {map[string]float64{"media": 5, "": 5}, false, "", "rows without a segment"},
		"all in place":                     {map[string]float64{"media": 5}, false, "", ""},
		"nobody has nothing":               {map[string]float64{"media": 5, "shop": 0, "": 0}, false, "", ""},
		"a watch sees another team":        {map[string]float64{"media": 5, "shop": 5}, true, "", ""},
		"a watch sees a name that is near": {map[string]float64{"media": 5, "Cart": 5}, true, "", `the nearest name is "Cart"`},
		"a watch sees no name":             {map[string]float64{"media": 5, "": 5}, true, "", "rows without a segment"},
		"declared zero, and another":       {map[string]float64{"media": 5, "shop": 5}, false, v1alpha1.OnEmptyZero, ""},
		"declared zero, and one near":      {map[string]float64{"media": 5, "c-a-r-t": 5}, false, v1alpha1.OnEmptyZero, `the nearest name is "c-a-r-t"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).withSegments("cart", "media")
			w.metric("adopted").OnEmpty = test.onEmpty
			w.counts("population.query", map[string]float64{"cart": 10, "media": 10})
			w.answers["rate.active"] = answer(test.rows, test.complete)
			if test.why == "" {
				w.expectValue("adopted", 5.0/20)
				return
			}
			w.expectUnknown("adopted", test.why)
		})
	}
}

func TestAFallingRatioIsNotAchievedOnNamesThatMatchNothing(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media")
	m := w.metric("adopted")
	m.Rate, m.Ratio, m.Direction = nil, &v1alpha1.Ratio{Numerator: *objectsQuery("A"), Denominator: *objectsQuery("B")}, v1alpha1.DirectionDecrease
	w.series("ratio.numerator", map[string]float64{"cart-x": 3, "media-x": 2})
	w.series("ratio.denominator", map[string]float64{"cart": 10, "media": 10})
	each := w.phase("each", with(func(s *v1alpha1.PhaseSpec) {
		s.Targets = []v1alpha1.Target{{Metric: "adopted", AtMost: "0%", Scope: v1alpha1.ScopeEach}}
	}))
	whole := w.phase("whole", targetingMost("adopted", "0%"))
	w.expectUnknown("adopted", "rows of nobody (cart-x, media-x)")
	w.run(3 * day)
	w.expect(each, v1alpha1.PhaseActive)
	w.expect(whole, v1alpha1.PhaseActive)
	if got := w.program.Status.Metrics[0].UnmatchedNames; !slices.Equal(got, []string{"cart-x", "media-x"}) {
		t.Errorf("names %v", got)
	}
}

func TestTotalRowsAreNoticed(t *testing.T) {
	for name, label := range map[string]string{"ROLLUP": "", "named": "Total"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).discovering()
			w.series("population.query", map[string]float64{"cart": 10, "media": 30, label: 40})
			w.series("rate.active", map[string]float64{"cart": 10, "media": 30})
			p := w.phase("all", targeting("adopted", "100%"))
			w.expectUnknown("adopted", "is the sum of the others")
			w.expect(p, v1alpha1.PhaseActive)
		})
	}
	for _, segmented := range []bool{true, false} { // without segments all is added up
		w := newWorld(t)
		if segmented {
			w.withSegments("cart", "media")
		}
		w.counts("population.query", map[string]float64{"cart": 10, "media": 90})
		w.series("rate.active", map[string]float64{"cart": 5, "media": 25, "": 30})
		w.expectUnknown("adopted", "leave the total (ROLLUP, or sum() without by) out of the query")
	}
}

func TestALabelThatNothingCarriesIsSaid(t *testing.T) {
	w := newWorld(t).discovering()
	w.program.Spec.SegmentBy = &v1alpha1.SegmentBy{NamespaceLabel: "teem"}
	w.answers["population.query"] = &Measurement{Complete: true, Segmented: true, Rows: []Row{{Value: 10}}}
	w.answers["rate.active"] = &Measurement{Complete: true, Segmented: true, Rows: []Row{{Value: 4}}}
	w.begin()
	status := w.program.Status
	if got := condition(status.Conditions, "SourcesHealthy"); got != "False/QueryFailing" {
		t.Errorf("SourcesHealthy is %s", got)
	}
	for _, text := range []string{meta.FindStatusCondition(status.Conditions, "SourcesHealthy").Message, status.Summary} {
		if !strings.Contains(text, "no namespace carries the label teem") {
			t.Errorf("not said in %q", text)
		}
	}
	if status.Health != v1alpha1.HealthUnknown {
		t.Errorf("health is %s", status.Health)
	}
}

func TestARowThatIsOutOfDateConcernsItsSegmentAlone(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media", "ads")
	w.plain(v1alpha1.DimensionSatisfaction, v1alpha1.FormatNumber).Aggregation = v1alpha1.AggregationMean
	w.counts("population.query", map[string]float64{"cart": 10, "media": 10, "ads": 10})
	w.series(plainPath, map[string]float64{"cart": 4, "media": 5, "search": 1, "ads": 3})
	rows := w.answers[plainPath].Rows
	two := w.phase("two", targeting("adopted", "4"), with(func(s *v1alpha1.PhaseSpec) { s.Segments = append(s.Segments, "cart", "media") }))
	all := w.phase("all", targeting("adopted", "1"))
	for i := range rows {
		if rows[i].Segment == "search" || rows[i].Segment == "ads" { // one is in no program
			rows[i].Expires = w.now.Add(-day)
		}
	}
	w.begin()
	w.expect(two, v1alpha1.PhaseAchieved)
	if two.Status.Health != v1alpha1.HealthOnTrack {
		t.Errorf("the phase of two segments is %s: %s", two.Status.Health, two.Status.Summary)
	}
	w.run(day)
	w.expect(all, v1alpha1.PhaseActive)
	if !strings.Contains(all.Status.Summary, "for segment ads is out of date") || strings.Contains(all.Status.Summary, "search") {
		t.Errorf("%q", all.Status.Summary)
	}
}

// TestARenameIsSeenAsOneAndAnAliasCarriesItOver renames a segment at the source, with
// a cohort rule that must not explain it as privacy.
func TestARenameIsSeenAsOneAndAnAliasCarriesItOver(t *testing.T) {
	w := newWorld(t).withSegments("faculty", "staff")
	least := int32(5)
	w.program.Spec.MinGroupSize = &least
	w.series("population.query", map[string]float64{"faculty": 980, "staff": 2700})
	w.series("rate.active", map[string]float64{"faculty": 900, "staff": 2600})
	faculty := w.phase("faculty", targeting("adopted", "95%"), forSegments("faculty"))
	staff := w.phase("staff", targeting("adopted", "99%"), forSegments("staff"))
	w.begin()
	w.run(day)
	w.series("population.query", map[string]float64{"academics": 980, "staff": 2700})
	w.series("rate.active", map[string]float64{"academics": 900, "staff": 2600})
	w.run(3 * day)
	if text := faculty.Status.Summary; !strings.Contains(text, "academics") || strings.Contains(text, "too few") {
		t.Errorf("%q", text)
	}
	if staff.Status.Value != "96.2%" {
		t.Errorf("the other segment shows %q: %s", staff.Status.Value, staff.Status.Summary)
	}
	w.program.Spec.Segments[0].Aliases = []v1alpha1.SegmentName{"academics"}
	w.run(2 * day)
	if want := "Needs 95% adopted, has 91.8%."; faculty.Status.Summary != want {
		t.Errorf("%q, want %q", faculty.Status.Summary, want)
	}
}

// TestWhatShouldFallIsNotGoneUnderANameThatIsAlike has a segment's own row say 0 while
// what is left stands under its name in capitals.
func TestWhatShouldFallIsNotGoneUnderANameThatIsAlike(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media")
	m := w.plain(v1alpha1.DimensionReach, v1alpha1.FormatNumber)
	m.Direction = v1alpha1.DirectionDecrease
	w.counts("population.query", map[string]float64{"cart": 10, "media": 10})
	w.counts(plainPath, map[string]float64{"cart": 0, "Cart": 50, "media": 0})
	p := w.phase("gone", targetingMost("adopted", "0"))
	w.expectUnknown("adopted", `one of nobody for "Cart", which may be the same`)
	w.expect(p, v1alpha1.PhaseActive)
}

// TestPeoplesNewestNumberCountsWhateverNameItStandsUnder carries a segment over by an
// alias whose old rows are still in the file.
func TestPeoplesNewestNumberCountsWhateverNameItStandsUnder(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media")
	w.program.Spec.Segments[0].Aliases = []v1alpha1.SegmentName{"checkout"}
	w.counts("population.query", map[string]float64{"cart": 30, "media": 30})
	w.answers["rate.active"] = &Measurement{Segmented: true, Rows: []Row{
		{Segment: "cart", Value: 12, Date: w.now}, {Segment: "checkout", Value: 11, Date: w.now.Add(-30 * day)}, {Segment: "media", Value: 20, Date: w.now},
	}}
	w.expectValue("adopted", 32.0/60)
}

func TestTotalsByNameAndRowsWithoutOneAreNotAddedUp(t *testing.T) {
	for name, rows := range map[string]map[string]float64{
		"by name": {"a": 30, "b": 30, "Total": 55}, "by name, in German": {"a": 30, "b": 30, "Gesamt": 60},
		"without a name": {"a": 30, "b": 30, "": 55}, "of one": {"a": 30, "Total": 30},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			count := int64(140)
			w.program.Spec.Population = &v1alpha1.Population{Count: &count}
			w.series("rate.active", rows)
			w.expectUnknown("adopted", "total")
		})
	}
}
