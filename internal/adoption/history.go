// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// historyPoints bounds a history; the newest half is never thinned.
const historyPoints = 60

// point is one value of a history.
type point struct {
	at    time.Time
	value float64
	text  string // as it stands in the history
}

// history reads "2026-11-20=41.3% 2026-11-21=41.9%". What cannot be read is
// left out: the text is the operator's own.
func (s *stepper) history(text string) []point {
	var points []point
	for field := range strings.FieldsSeq(text) {
		date, number, ok := strings.Cut(field, "=")
		if !ok {
			continue
		}
		at, err := s.calendar.parse(v1alpha1.Date(date))
		if err != nil {
			continue
		}
		if value, ok := parseShown(number); ok {
			points = append(points, point{at, value, field})
		}
	}
	return points
}

// parseShown reads a value as formatValue writes it.
func parseShown(text string) (float64, bool) {
	for _, format := range []v1alpha1.Format{v1alpha1.FormatPercent, v1alpha1.FormatNumber, v1alpha1.FormatDuration} {
		if v, err := ParseNumber(text, format); err == nil {
			return v, true
		}
	}
	return 0, false
}

// loudPoints leaves out what judges nothing.
func (s *stepper) loudPoints(points []point) []point {
	return slices.DeleteFunc(points, func(p point) bool { return s.calendar.quietAt(p.at) })
}

// remember adds a fresh value to a history when its time has come, and thins it.
func (s *stepper) remember(text string, r *Reading) string {
	if !r.Fresh || !r.Total.Known || r.Suppressed {
		return text
	}
	return s.addPoint(text, r, r.Total.Amount, historyPoints)
}

// targetPoints is how many points of a target are kept: what a plateau looks at.
const targetPoints = causeSamples + 2

// rememberTarget adds what a target looks at to its points.
func (p *phaseStep) rememberTarget(text string, v verdict, r *Reading) string {
	if r.Metric == nil || !r.Fresh || !v.overall.Known || v.hidden {
		return text
	}
	text = p.addPoint(text, r, v.overall.Amount, 2*targetPoints)
	if fields := strings.Fields(text); len(fields) > targetPoints {
		text = strings.Join(fields[len(fields)-targetPoints:], " ")
	}
	return text
}

// addPoint adds a value when its time has come, and thins what is too long.
func (s *stepper) addPoint(text string, r *Reading, amount float64, most int) string {
	every := durationOr(r.Metric.SampleEvery, day)
	points := slices.DeleteFunc(s.history(text), func(p point) bool { return s.inFuture(p.at, 0) })
	if n := len(points); n > 0 && !s.sampleDue(points[n-1].at, r.At, every) {
		return text
	}
	stampText := s.calendar.day(r.At)
	if every < day {
		stampText = r.At.UTC().Format(time.RFC3339)
	}
	points = append(points, point{text: stampText + "=" + formatValue(amount, r.Format, r.Direction)})
	if len(points) > most {
		points = thin(points)
	}
	fields := make([]string, len(points))
	for i, p := range points {
		fields[i] = p.text
	}
	return strings.Join(fields, " ")
}

// sampleDue counts in calendar days where samples are days apart, so that a day
// of 23 hours has its sample.
func (s *stepper) sampleDue(last, at time.Time, every time.Duration) bool {
	if every < day {
		return !at.Before(last.Add(every - every/10))
	}
	y, m, d := last.In(s.calendar.zone).Date()
	return !at.Before(s.calendar.begin(time.Date(y, m, d+int(every/day), 0, 0, 0, 0, time.UTC)))
}

// thin drops every second point of the older half; the first stays.
func thin(points []point) []point {
	half := len(points) / 2
	kept := make([]point, 0, len(points))
	for i, p := range points {
		if i >= half || i%2 == 0 {
			kept = append(kept, p)
		}
	}
	return kept
}

// trend compares the newest three points with the three before them.
func (s *stepper) trend(text string) string {
	points := s.history(text)
	if len(points) < 6 {
		return ""
	}
	mean := func(ps []point) float64 {
		sum := 0.0
		for _, p := range ps {
			sum += p.value
		}
		return sum / float64(len(ps))
	}
	n := len(points)
	before, now := mean(points[n-6:n-3]), mean(points[n-3:])
	flat := 0.01 * max(math.Abs(before), math.Abs(now))
	switch {
	case now > before+flat:
		return "Up"
	case now < before-flat:
		return "Down"
	default:
		return "Flat"
	}
}
