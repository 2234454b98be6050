// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"time"

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
	reason   string
	quiet    bool
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
			c.freezes = append(c.freezes, freeze{from, to, f.Reason, f.Quiet != nil && *f.Quiet})
			continue
		}
		c.broken = true
	}
	return c
}

// parse reads a date; a day begins at midnight in the program's time zone.
func (c calendar) parse(d v1alpha1.Date) (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, string(d), c.zone)
	if err == nil && c.day(t) != string(d) {
		t = t.Add(time.Hour) // the clocks went forward at midnight
	}
	if err != nil {
		t, err = time.Parse(time.RFC3339, string(d))
	}
	if err != nil || t.Year() < 1970 || t.Year() > 2999 {
		return time.Time{}, fmt.Errorf("%q is not a date: write a day that exists, such as \"2026-12-01\", or RFC 3339", d)
	}
	return t, nil
}

// parseEnd reads a date that ends something: a day counts to its end.
func (c calendar) parseEnd(d v1alpha1.Date) (time.Time, error) {
	t, err := c.parse(d)
	if err == nil && len(d) == len(time.DateOnly) {
		t = t.AddDate(0, 0, 1)
	}
	return t, err
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

// quietAt says whether measurements at a moment judge nothing.
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
