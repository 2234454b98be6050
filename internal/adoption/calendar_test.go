// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"archive/zip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // as the operator has it

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// allZones are those of the tz database that Go has built in.
func allZones(t *testing.T) []*time.Location {
	t.Helper()
	archive, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")) //nolint:staticcheck // the toolchain that runs the test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	var zones []*time.Location
	for _, file := range archive.File {
		if strings.HasSuffix(file.Name, "/") {
			continue
		}
		zone, err := time.LoadLocation(file.Name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	if len(zones) < 400 {
		t.Fatalf("only %d zones", len(zones))
	}
	return zones
}

// daysWithChanges are the days around each change of a zone's clocks.
func daysWithChanges(zone *time.Location, from, to time.Time) map[string]bool {
	days := map[string]bool{}
	for at := from; at.Before(to); {
		_, end := at.In(zone).ZoneBounds()
		if end.IsZero() {
			break
		}
		for i := -2; i <= 2; i++ {
			days[end.UTC().AddDate(0, 0, i).Format(time.DateOnly)] = true
		}
		at = end
	}
	return days
}

// In every zone each day begins with the first instant of its date and ends where
// the next one begins, whatever the clocks do.
func TestADayEndsWhereTheNextOneBeginsInEveryZone(t *testing.T) {
	from, to := time.Date(1970, 1, 3, 0, 0, 0, 0, time.UTC), time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)
	skipped := map[string]bool{}
	for _, zone := range allZones(t) {
		c := calendar{zone: zone}
		for text := range daysWithChanges(zone, from, to) {
			date, _ := parseDay(v1alpha1.Date(text))
			if date.Before(from) {
				continue
			}
			next := v1alpha1.Date(date.AddDate(0, 0, 1).Format(time.DateOnly))
			begin, err := c.parse(v1alpha1.Date(text))
			if err != nil {
				skipped[zone.String()+" "+text] = true
				if !c.begin(date).Equal(c.begin(date.AddDate(0, 0, 1))) {
					t.Errorf("%s: %s is refused and lasts", zone, text)
				}
				continue
			}
			end, err := c.parseEnd(v1alpha1.Date(text))
			if nextBegin, nextErr := c.parse(next); err != nil || nextErr == nil && !end.Equal(nextBegin) {
				t.Fatalf("%s: %s ends at %s and %s begins at %s (%v)", zone, text, end, next, nextBegin, err)
			}
			before := begin.Add(-time.Second)
			switch {
			case c.day(begin) != text:
				t.Errorf("%s: %s begins on %s", zone, text, c.day(begin))
			case c.day(before) >= text:
				t.Errorf("%s: a second before %s it is %s", zone, text, c.day(before))
			case c.day(end.Add(-time.Second)) != text:
				t.Errorf("%s: the last second of %s is on %s", zone, text, c.day(end.Add(-time.Second)))
			case end.Sub(begin) < 12*hour || end.Sub(begin) > 48*hour:
				t.Errorf("%s: %s lasts for %s", zone, text, end.Sub(begin))
			}
			// Nothing before the beginning shows the date, second by second around it.
			for at := begin.Add(-3 * hour); at.Before(begin); at = at.Add(7 * time.Minute) {
				if c.day(at) >= text {
					t.Errorf("%s: at %s it is %s already", zone, at, text)
				}
			}
		}
	}
	for _, day := range []string{"Pacific/Apia 2011-12-30", "Pacific/Fakaofo 2011-12-30", "Pacific/Kwajalein 1993-08-21"} {
		if !skipped[day] {
			t.Errorf("%s is taken for a day", day)
		}
	}
}

func TestDaysThatPeopleKnow(t *testing.T) {
	for _, test := range []struct{ zone, day, begins, ends string }{
		{"Europe/Zurich", "2027-03-28", "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z"},
		{"Africa/Cairo", "2027-04-30", "2027-04-29T22:00:00Z", "2027-04-30T21:00:00Z"},
		{"Africa/Cairo", "2027-04-29", "2027-04-28T22:00:00Z", "2027-04-29T22:00:00Z"},
		{"America/Santiago", "2027-09-05", "2027-09-05T04:00:00Z", "2027-09-06T03:00:00Z"},
		{"America/Havana", "2027-03-14", "2027-03-14T05:00:00Z", "2027-03-15T04:00:00Z"},
		{"Atlantic/Azores", "2027-03-28", "2027-03-28T01:00:00Z", "2027-03-29T00:00:00Z"},
		{"Australia/Lord_Howe", "2027-04-04", "2027-04-03T13:00:00Z", "2027-04-04T13:30:00Z"},
		{"America/St_Johns", "2006-10-29", "2006-10-29T02:30:00Z", "2006-10-30T03:30:00Z"},
		{"Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
	} {
		zone, err := time.LoadLocation(test.zone)
		if err != nil {
			t.Fatal(err)
		}
		c := calendar{zone: zone}
		begin, err1 := c.parse(v1alpha1.Date(test.day))
		end, err2 := c.parseEnd(v1alpha1.Date(test.day))
		if got := begin.UTC().Format(time.RFC3339); err1 != nil || got != test.begins {
			t.Errorf("%s: %s begins at %s, want %s (%v)", test.zone, test.day, got, test.begins, err1)
		}
		if got := end.UTC().Format(time.RFC3339); err2 != nil || got != test.ends {
			t.Errorf("%s: %s ends at %s, want %s (%v)", test.zone, test.day, got, test.ends, err2)
		}
	}
}

func TestADayThatAZoneLeftOutIsRefused(t *testing.T) {
	zone, err := time.LoadLocation("Pacific/Apia")
	if err != nil {
		t.Fatal(err)
	}
	_, err = calendar{zone: zone}.parse("2011-12-30")
	if err == nil || !strings.Contains(err.Error(), "did not exist in Pacific/Apia") {
		t.Errorf("it is told %v", err)
	}
}

// A phase is due on the day that people wrote, to the end of that day, and not late before.
func TestAPhaseIsDueOnTheDayThatIsWritten(t *testing.T) {
	for _, test := range []struct{ zone, deadline, due, lastInstant string }{
		{"Africa/Cairo", "2027-04-30", "2027-04-30", "2027-04-30T20:59:59Z"},
		{"America/Santiago", "2027-09-05", "2027-09-05", "2027-09-06T02:59:59Z"},
		{"America/Santiago", "2027-09-04", "2027-09-04", "2027-09-05T03:59:59Z"},
		{"America/Havana", "2027-03-13", "2027-03-13", "2027-03-14T04:59:59Z"},
		{"Europe/Zurich", "2027-03-28", "2027-03-28", "2027-03-28T21:59:59Z"},
		{"UTC", "2027-03-31T00:00:00Z", "2027-03-31", "2027-03-31T00:00:00Z"},
	} {
		t.Run(test.zone+" "+test.deadline, func(t *testing.T) {
			w := newWorld(t)
			w.is(10, 100)
			w.program.Spec.TimeZone = test.zone
			p := w.phase("only", targeting("adopted", "80%"), dated("", v1alpha1.Date(test.deadline)))
			w.now, _ = time.Parse(time.RFC3339, test.lastInstant)
			w.begin()
			if got := condition(p.Status.Conditions, "OnTrack"); p.Status.Due != test.due || got != "True/OnTrack" {
				t.Errorf("due on %s; in the last second it is %s", p.Status.Due, got)
			}
			w.now = w.now.Add(time.Second)
			w.begin()
			if got := condition(p.Status.Conditions, "OnTrack"); p.Status.Due != test.due || got != "False/DeadlineMissed" {
				t.Errorf("due on %s; afterwards it is %s", p.Status.Due, got)
			}
		})
	}
}

// Everything that ends with a day ends with the same instant.
func TestEveryDateIsReadInTheSameWay(t *testing.T) {
	const day, last, after = "2027-09-05", "2027-09-06T02:59:59Z", "2027-09-06T03:00:00Z"
	w := newWorld(t).withSegments("staff")
	w.program.Spec.TimeZone = "America/Santiago"
	w.program.Spec.Freezes = []v1alpha1.Freeze{{From: day, To: day, Reason: "Census"}}
	w.program.Spec.Segments[0].Exemptions = []v1alpha1.Exemption{{Count: 1, Reason: "r", ApprovedBy: "CIO", Expires: day}}
	w.counts("population.query", map[string]float64{"staff": 10})
	w.counts("rate.active", map[string]float64{"staff": 1})
	accepted := w.barrier("accepted", func(s *v1alpha1.BarrierSpec) {
		s.Resolution = &v1alpha1.Resolution{State: v1alpha1.ResolutionAccepted, Until: day}
	})
	due := w.barrier("due", func(s *v1alpha1.BarrierSpec) { s.DueBy = day; s.EscalateAfter = "9y" })
	waiting := w.phase("waiting", targeting("adopted", "80%"))
	w.phase("from-then-on", targeting("adopted", "80%"), dated(day, ""))
	at := func(moment string) {
		w.now, _ = time.Parse(time.RFC3339, moment)
		w.begin()
	}
	at("2027-09-05T04:00:00Z") // the day begins, at one o'clock
	if w.phases[1].Status.WaitsFor != "the end of a freeze on 2027-09-05 (Census)" {
		t.Errorf("in the freeze of its first day it waits for %s", w.phases[1].Status.WaitsFor)
	}
	at(last)
	w.expectBarrier(accepted, v1alpha1.BarrierAccepted)
	w.expectBarrier(due, v1alpha1.BarrierOpen)
	w.expect(waiting, v1alpha1.PhaseWaiting)
	if w.program.Status.Population.Exempt != "1" {
		t.Errorf("%s are exempt on the last day", w.program.Status.Population.Exempt)
	}
	at(after)
	w.expectBarrier(accepted, v1alpha1.BarrierOpen)
	w.expectBarrier(due, v1alpha1.BarrierEscalated)
	w.expect(waiting, v1alpha1.PhaseActive)
	if w.program.Status.Population.Exempt != "" {
		t.Errorf("%s are exempt afterwards", w.program.Status.Population.Exempt)
	}
}
