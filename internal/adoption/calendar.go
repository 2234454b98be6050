// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"time"

	"k8s.io/utils/ptr"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

const day = 24 * time.Hour

// calendar reads the dates of one program.
type calendar struct {
	zone    *time.Location
	freezes []freeze
	// broken says that dates of the program cannot be read, so that what it
	// forbids is not known.
	broken bool
}

type freeze struct {
	from, to time.Time
	// until is the last day, as people wrote it.
	until  string
	reason string
	quiet  bool
}

// newCalendar never fails: what cannot be read is left out and reported by
// checkProgram.
func newCalendar(spec *v1alpha1.AdoptionProgramSpec) calendar {
	c := calendar{zone: time.UTC}
	zone, err := time.LoadLocation(spec.TimeZone)
	if err == nil {
		c.zone = zone
	}
	c.broken = err != nil
	for _, f := range spec.Freezes {
		from, err1 := c.parse(f.From)
		to, err2 := c.parseEnd(f.To)
		if err1 == nil && err2 == nil && from.Before(to) {
			c.freezes = append(c.freezes, freeze{from, to, c.lastDay(f.To, to), f.Reason, ptr.Deref(f.Quiet, false)})
			continue
		}
		c.broken = true
	}
	return c
}

// Days are dates of the calendar and not lengths of time: a day begins with the
// first instant of its date, and ends where the next one begins. That is not
// always midnight: where the clocks go forward at midnight there is none, and
// where they go back shortly after it, it comes twice (the first counts).

// parse reads a date; a day begins with its first instant in the program's time zone.
func (c calendar) parse(d v1alpha1.Date) (time.Time, error) {
	date, isDay := parseDay(d)
	if !isDay {
		return parseMoment(d)
	}
	begin := c.begin(date)
	if c.day(begin) != string(d) {
		return time.Time{}, fmt.Errorf("%q did not exist in %s, where the calendar left it out: write the day before or after", d, c.zone)
	}
	return begin, nil
}

// parseEnd reads a date that ends something: a day counts to its end.
func (c calendar) parseEnd(d v1alpha1.Date) (time.Time, error) {
	t, err := c.parse(d)
	if date, isDay := parseDay(d); err == nil && isDay {
		t = c.begin(date.AddDate(0, 0, 1))
	}
	return t, err
}

// parseDay reads a day of the calendar, as midnight in UTC.
func parseDay(d v1alpha1.Date) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, string(d))
	return t, err == nil && inCalendar(t)
}

func parseMoment(d v1alpha1.Date) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, string(d))
	if err != nil || !inCalendar(t) {
		return time.Time{}, fmt.Errorf("%q is not a date: write a day that exists, such as \"2026-12-01\", or RFC 3339", d)
	}
	return t, nil
}

func inCalendar(t time.Time) bool { return t.Year() >= 1970 && t.Year() <= 2999 }

// farthestOffset is more than any zone's distance from UTC.
const farthestOffset = 26 * time.Hour

// begin is the first instant at which calendars in the zone show a date, given as
// its midnight in UTC, or a later one.
func (c calendar) begin(date time.Time) time.Time {
	at := date.Add(-farthestOffset)
	for {
		local := at.In(c.zone)
		_, offset := local.Zone()
		_, changes := local.ZoneBounds()
		midnight := date.Add(-time.Duration(offset) * time.Second)
		if midnight.Before(at) {
			midnight = at // the clocks went forward over it
		}
		if changes.IsZero() || midnight.Before(changes) {
			return midnight.In(c.zone)
		}
		at = changes
	}
}

// lastDay is the last day before an end, for people: what ends with a day is told
// by that day and not by the one that begins then.
func (c calendar) lastDay(d v1alpha1.Date, end time.Time) string {
	if _, isDay := parseDay(d); isDay {
		return string(d)
	}
	return c.day(end)
}

// ahead reports whether a date has not come yet. A day has come when it began
// anywhere on earth: whoever writes today's date is right.
func (c calendar) ahead(d v1alpha1.Date, now time.Time) (from time.Time, ahead bool) {
	from, err := c.parse(d)
	if err != nil {
		return time.Time{}, false
	}
	if date, isDay := parseDay(d); isDay {
		from = earlier(from, date.Add(-14*time.Hour))
	}
	return from, from.After(now)
}

// later adds a length to a moment. From the beginning of a day, days are those of
// the calendar, whatever the clocks do in between.
func (c calendar) later(t time.Time, d time.Duration) time.Time {
	y, m, dd := t.In(c.zone).Date()
	date := time.Date(y, m, dd, 0, 0, 0, 0, time.UTC)
	if d%day != 0 || !c.begin(date).Equal(t) {
		return t.Add(d)
	}
	return c.begin(date.AddDate(0, 0, int(d/day)))
}

// soonest adds a length to a moment; where clocks go forward, days may be shorter:
// people who write two days mean the two of the calendar.
func (c calendar) soonest(t time.Time, d time.Duration) time.Time {
	if d%day != 0 {
		return t.Add(d)
	}
	return earlier(earlier(t.Add(d), c.later(t, d)), t.In(c.zone).AddDate(0, 0, int(d/day)))
}

// fittingDay is the first day that as a deadline is late enough for a moment, and
// later than the deadline that is too early for it.
func (c calendar) fittingDay(t, tooEarly time.Time) string {
	t = c.firstOutsideFreezes(t)
	y, m, d := t.In(c.zone).Date()
	next := c.begin(time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC))
	if t.After(next.Add(-time.Second)) || c.day(t) == c.day(tooEarly) {
		t = next
	}
	return c.day(t)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// firstOutsideFreezes is a moment, or the end of the freezes that it is in.
func (c calendar) firstOutsideFreezes(t time.Time) time.Time {
	for {
		f := c.freezeAt(t)
		if f == nil {
			return t
		}
		t = f.to
	}
}

// day writes the day of a moment in the program's time zone.
func (c calendar) day(t time.Time) string { return t.In(c.zone).Format(time.DateOnly) }

// freezeAt returns the freeze at a moment, the one that ends last.
func (c calendar) freezeAt(t time.Time) *freeze {
	var found *freeze
	for i := range c.freezes {
		f := &c.freezes[i]
		if !t.Before(f.from) && t.Before(f.to) && (found == nil || f.to.After(found.to)) {
			found = f
		}
	}
	return found
}

// quietAt reports whether measurements at a moment judge nothing.
func (c calendar) quietAt(t time.Time) bool {
	for _, f := range c.freezes {
		if f.quiet && !t.Before(f.from) && t.Before(f.to) {
			return true
		}
	}
	return false
}

// after adds working time to a moment: time in freezes is left out.
func (c calendar) after(start time.Time, d time.Duration) time.Time {
	t, left := start, d
	for {
		if f := c.freezeAt(t); f != nil {
			t = f.to
			continue
		}
		end := t.Add(left)
		next := end
		for _, f := range c.freezes {
			if f.from.After(t) && f.from.Before(next) {
				next = f.from
			}
		}
		left -= next.Sub(t)
		t = next
		if left <= 0 {
			return t
		}
	}
}

// agenda collects the moments at which time alone may change something.
type agenda struct {
	now  time.Time
	next time.Time
}

func (a *agenda) at(t time.Time) {
	if t.After(a.now) && (a.next.IsZero() || t.Before(a.next)) {
		a.next = t
	}
}

func (a *agenda) recheck() time.Duration {
	if a.next.IsZero() {
		return 0
	}
	return a.next.Sub(a.now)
}
