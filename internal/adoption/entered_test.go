// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// surveyed is a program with one metric that people enter.
func surveyed(t testing.TB, segments ...string) *world {
	w := newWorld(t).withSegments(segments...)
	w.interval = 6 * hour
	w.program.Spec.Population = nil
	w.program.Spec.Metrics = []v1alpha1.Metric{{
		Name: "satisfied", Dimension: "Satisfaction", Format: v1alpha1.FormatPercent,
		Query: &v1alpha1.Query{ConfigMap: &v1alpha1.ConfigMapQuery{Name: "survey", Key: "satisfied"}},
	}}
	return w
}

// enter is the newest row of a segment.
func (w *world) enter(segment, date string, value float64) {
	w.t.Helper()
	at, err := w.dateOf(date)
	if err != nil {
		w.t.Fatal(err)
	}
	m := w.answers["satisfied].query"]
	if m == nil {
		m = &Measurement{}
		w.answers["satisfied].query"] = m
	}
	row := Row{Segment: segment, Value: value, Percent: true, Date: at}
	rows := []Row{row}
	for _, old := range m.Rows {
		if old.Segment != segment {
			rows = append(rows, old)
		}
	}
	w.answers["satisfied].query"] = &Measurement{Rows: rows, Segmented: segment != ""}
}

func (w *world) dateOf(date string) (time.Time, error) {
	return newCalendar(&w.program.Spec).parse(v1alpha1.Date(date))
}

// One old number stays as it is, however often it is read.
func TestAHoldIsNotFilledByOneOldNumber(t *testing.T) {
	w := surveyed(t)
	p := w.phase("only", targeting("satisfied", "80%"), holdingFor("14d", "1d", 0))
	w.enter("", "2026-08-10", 0.85)
	w.begin()
	w.run(40 * day)
	w.expect(p, v1alpha1.PhaseActive)
	if want := "the newest row of satisfied is of 2026-08-10, before the phase began on 2026-11-02: add a new one"; !strings.Contains(p.Status.Summary, want) {
		t.Errorf("it is told %q", p.Status.Summary)
	}
	w.enter("", "2026-12-10", 0.85)
	w.run(60 * day)
	w.expect(p, v1alpha1.PhaseHolding)
	if want := "Held; waits for a row of satisfied of 2026-12-24 or later (the newest is of 2026-12-10)"; !strings.Contains(p.Status.Summary, want) {
		t.Errorf("it is told %q", p.Status.Summary)
	}
	w.enter("", "2026-12-23", 0.9)
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseHolding)
	w.enter("", "2026-12-24", 0.9)
	w.run(day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestAHoldOnEnteredNumbersIsBrokenByANewRow(t *testing.T) {
	w := surveyed(t)
	p := w.phase("only", targeting("satisfied", "80%"), holdingFor("14d", "1d", 0))
	w.enter("", "2026-11-02", 0.85)
	w.begin()
	w.run(5 * day)
	w.expect(p, v1alpha1.PhaseHolding)
	w.enter("", "2026-11-07", 0.5)
	w.run(day)
	w.expect(p, v1alpha1.PhaseActive)
	w.enter("", "2026-11-08", 0.85)
	w.run(20 * day)
	w.enter("", "2026-11-16", 0.85) // as long after the first row, not after the one that began the hold
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseHolding)
	w.enter("", "2026-11-22", 0.85)
	w.run(day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

// A new row of one segment says nothing of another.
func TestEverySegmentsRowsAreOfTheHoldsTime(t *testing.T) {
	w := surveyed(t, "staff", "students", "guests")
	p := w.phase("only", targetingEach("satisfied", "80%"), holdingFor("7d", "1d", 0), inSegments("staff"))
	both := w.phase("both", targetingEach("satisfied", "80%"), holdingFor("7d", "1d", 0), inSegments("staff", "students"))
	w.enter("staff", "2026-11-02", 0.85)
	w.enter("students", "2026-11-03", 0.85)
	w.enter("guests", "2026-01-01", 0.85)
	w.begin()
	w.run(10 * day)
	w.enter("staff", "2026-11-12", 0.85)
	w.run(day)
	w.expect(p, v1alpha1.PhaseAchieved)
	w.expect(both, v1alpha1.PhaseHolding)
	w.enter("students", "2026-11-12", 0.85)
	w.run(day)
	w.expect(both, v1alpha1.PhaseAchieved)
}

// Without a hold the newest number counts: README's first program rests on it.
func TestWithoutAHoldTheNewestNumberCounts(t *testing.T) {
	w := surveyed(t)
	p := w.phase("only", targeting("satisfied", "80%"))
	w.enter("", "2026-10-20", 0.85)
	w.begin()
	w.run(day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

// Fourteen days on the calendar are fourteen days, also when one has 23 hours.
func TestDaysBetweenRowsAreThoseOfTheCalendar(t *testing.T) {
	w := surveyed(t)
	w.program.Spec.TimeZone = "Europe/Zurich"
	w.now = time.Date(2027, 3, 20, 12, 0, 0, 0, time.UTC)
	p := w.phase("only", targeting("satisfied", "80%"), holdingFor("14d", "1d", 0))
	w.begin()
	w.enter("", "2027-03-20", 0.85)
	w.run(15 * day)
	w.expect(p, v1alpha1.PhaseHolding)
	w.enter("", "2027-04-03", 0.85)
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

// Whatever is entered when: achieved is a phase with a hold only by two rows that
// are met, of its own time, and as far apart as the hold is long.
func TestAHoldRestsOnRowsOfItsOwnTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := surveyed(t)
		w.interval = day
		length := rapid.IntRange(1, 30).Draw(rt, "days")
		hold := time.Duration(length) * day
		misses := rapid.Int32Range(0, 2).Draw(rt, "misses")
		p := w.phase("only", targeting("satisfied", "80%"), with(func(s *v1alpha1.PhaseSpec) {
			s.Hold = &v1alpha1.Hold{For: v1alpha1.Duration(durationText(hold)), MissesAllowed: &misses}
		}))
		began := w.now
		w.begin()
		var met []time.Time
		newest := time.Time{}
		for range rapid.IntRange(1, 12).Draw(rt, "rows") {
			date := w.now.Truncate(day).AddDate(0, 0, -rapid.IntRange(0, 40).Draw(rt, "old"))
			value := rapid.SampledFrom([]float64{0.9, 0.9, 0.9, 0.5}).Draw(rt, "value")
			if !date.Before(newest) { // the newest row is what the source gives
				newest = date
				w.enter("", date.Format(time.DateOnly), value)
				if value > 0.8 {
					met = append(met, date)
				}
			}
			w.run(time.Duration(rapid.IntRange(1, 20).Draw(rt, "wait")) * day)
			if p.Status.State != v1alpha1.PhaseAchieved {
				continue
			}
			for _, a := range met {
				for _, b := range met {
					if !a.Before(began) && b.Sub(a) >= hold {
						return
					}
				}
			}
			rt.Fatalf("achieved a hold of %s by rows of %v, and began on %s", hold, met, began)
		}
	})
}

// TestARowWithoutANumberDoesNotMakeOthersNumbersOfNow has an old row of one segment
// beside one of another that cannot be used.
func TestARowWithoutANumberDoesNotMakeOthersNumbersOfNow(t *testing.T) {
	w := newWorld(t).withSegments("cart", "media")
	w.counts("population.query", map[string]float64{"cart": 30, "media": 30})
	w.answers["rate.active"] = &Measurement{Segmented: true, Rows: []Row{
		{Segment: "cart", Value: 20, Date: w.now.Add(-30 * day), Expires: w.now.Add(90 * day)}, {Segment: "media", Unknown: "the only row is dated tomorrow"},
	}}
	p := w.phase("cart", targeting("adopted", "50%"), forSegments("cart"), holdingFor("2d", "", 0))
	w.begin()
	w.run(10 * day)
	w.expect(p, v1alpha1.PhaseActive)
}
