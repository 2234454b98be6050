// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// What people count has the date on which they counted. It is asked for every few
// minutes, and stays one number: a hold on it rests on the dates of its rows. It
// begins with a row of the phase's own time, and is over when there is a row as much
// later as the hold is long. Without a hold the newest number counts as it is.

// enteredRow is the oldest date that the verdict on a target rests on.
type enteredRow struct {
	metric v1alpha1.Name
	date   time.Time
}

// enteredRows are the targets on numbers that people enter, each with its date.
func (p *phaseStep) enteredRows() []enteredRow {
	var rows []enteredRow
	if durationOr(holdOf(p.phase), 0) == 0 {
		return nil
	}
	for i := range p.phase.Spec.Targets {
		t := &p.phase.Spec.Targets[i]
		if date, ok := p.enteredAt(t); ok {
			rows = append(rows, enteredRow{t.Metric, date})
		}
	}
	return rows
}

// enteredAt is the date that a target's verdict rests on: that of the oldest row of
// its audience, because a new row of one segment says nothing of another. Where
// only a share of the segments has to meet it, that many have to be as new.
func (p *phaseStep) enteredAt(t *v1alpha1.Target) (time.Time, bool) {
	r := p.readings[string(t.Metric)]
	if r.Metric == nil || r.counted.IsZero() {
		return time.Time{}, false
	}
	uses := metricQueries(r.Metric)
	if len(uses) == 0 {
		return r.counted, true
	}
	m := p.measurements[uses[0].Path]
	audience := audienceOf(p.phase, t)
	var dates []time.Time
	for _, row := range m.Rows {
		if p.pop.segmented && m.Segmented && !p.inAudience(row.Segment, audience) {
			continue
		}
		dates = append(dates, row.Date)
	}
	if len(dates) == 0 {
		return r.counted, true
	}
	slices.SortFunc(dates, func(a, b time.Time) int { return b.Compare(a) }) // newest first
	needed := int(math.Ceil(shareOf(t)*float64(len(dates)) - 1e-9))
	return dates[min(max(needed, 1), len(dates))-1], true
}

// inAudience reports whether a row belongs to a segment that a target looks at.
func (p *phaseStep) inAudience(name string, audience map[string]bool) bool {
	if of := p.segmentWithAlias(v1alpha1.SegmentName(name)); of != "" {
		name = string(of)
	}
	_, known := p.pop.find(name)
	return known && (audience == nil || audience[name])
}

// firstDay is the beginning of the day on which the attempt started: a row of that
// day is of the phase's own time.
func (p *phaseStep) firstDay() time.Time {
	if p.status.StartedAt == nil {
		return time.Time{}
	}
	y, m, d := p.notAhead(p.status.StartedAt.Time).In(p.calendar.zone).Date()
	return p.calendar.begin(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
}

// rowsBeforeStart names a number from before the phase began, which no hold begins
// with; empty: there is none.
func (p *phaseStep) rowsBeforeStart() string {
	for _, row := range p.enteredRows() {
		if row.date.Before(p.firstDay()) {
			return fmt.Sprintf("the newest row of %s is of %s, before the phase began on %s: add a new one",
				row.metric, p.calendar.day(row.date), p.calendar.day(p.firstDay()))
		}
	}
	return ""
}

// startHold begins a hold, at a measurement and at the newest of the rows behind it.
func (p *phaseStep) startHold() *v1alpha1.CheckWindow {
	return p.holdWithRows(startWindow(p.targets.at, p.holdRule()))
}

// holdWithRows notes with which row a hold began. One that an earlier version began,
// or that people's numbers came into later, begins with the rows of now, if they are
// of the phase's own time.
func (p *phaseStep) holdWithRows(w *v1alpha1.CheckWindow) *v1alpha1.CheckWindow {
	if w == nil || w.Entered != nil || p.rowsBeforeStart() != "" {
		return w
	}
	var newest time.Time
	for _, row := range p.enteredRows() {
		if row.date.After(newest) {
			newest = row.date
		}
	}
	if !newest.IsZero() {
		began := stamp(newest)
		w.Entered = &began
	}
	return w
}

// rowsAwaited lists the numbers that people have yet to enter for a hold to be over.
func (p *phaseStep) rowsAwaited() []string {
	rows := p.enteredRows()
	if len(rows) == 0 || p.status.Hold == nil {
		return nil
	}
	until := p.firstDay()
	if p.status.Hold.Entered != nil {
		until = p.calendar.later(p.status.Hold.Entered.Time, durationOr(holdOf(p.phase), 0))
	}
	var waits []string
	for _, row := range rows {
		if row.date.Before(until) {
			wait := fmt.Sprintf("a row of %s of %s or later (the newest is of %s)", row.metric, p.firstDayFrom(until), p.calendar.day(row.date))
			if !slices.Contains(waits, wait) {
				waits = append(waits, wait)
			}
		}
	}
	return waits
}

// firstDayFrom is the first day that begins at a moment or after it: rows are dated
// by days.
func (p *phaseStep) firstDayFrom(t time.Time) string {
	y, m, d := t.In(p.calendar.zone).Date()
	if day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC); p.calendar.begin(day).Before(t) {
		return day.AddDate(0, 0, 1).Format(time.DateOnly)
	}
	return p.calendar.day(t)
}
