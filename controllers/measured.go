// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/poll"
	"github.com/uptake-dev/uptake/internal/source"
)

// measured says in the core's words what the scheduler knows.
func measured(m poll.Measurement, interval time.Duration) adoption.Measurement {
	out := adoption.Measurement{At: m.Asked, Segmented: m.Answer.Segmented, Complete: m.Answer.Complete, NamesWithheld: m.Answer.NamesWithheld, Hint: m.Answer.Hint, Interval: interval}
	out.Rows = make([]adoption.Row, len(m.Answer.Rows))
	for i, row := range m.Answer.Rows {
		out.Rows[i] = adoption.Row{Segment: row.Segment, Value: row.Value, Percent: row.Percent, Unknown: row.Unknown, Date: row.Date, Expires: row.Expires}
	}
	if m.Err == nil {
		return out
	}
	out.Problem = problemOf(m.Err)
	out.Problem.Failures, out.Problem.Since = m.Failures, m.FailingSince
	return out
}

// problemOf says whose business a failure is.
func problemOf(failure *source.Error) *adoption.Problem {
	problem := &adoption.Problem{Message: failure.Message}
	switch failure.Class {
	case source.InvalidQuery:
		problem.Kind, problem.Reason = adoption.ProblemSpec, v1alpha1.ReasonInvalidQuery
	case source.NotAllowed:
		problem.Kind, problem.Reason = adoption.ProblemSpec, v1alpha1.ReasonSourceNotAllowed
	case source.NotServed:
		problem.Kind, problem.Reason = adoption.ProblemReference, v1alpha1.ReasonNotServed
	default: // the source's trouble, not the program's
	}
	return problem
}

// part is what one of several sources said.
type part struct {
	name string
	adoption.Measurement
}

// addition makes one measurement of those of several sources. A part is never
// taken for the whole.
type addition struct {
	// bySource makes a segment of each source.
	bySource bool
	// emptyIsZero says that a source without anything has a zero.
	emptyIsZero bool
	// alive wants a positive number of each source: one that is dead is not hidden
	// behind those that live.
	alive bool
}

// sum adds up. False: not every source has been asked yet, and none has failed.
func (a addition) sum(parts []part, sources int) (adoption.Measurement, bool) {
	sum := adoption.Measurement{Complete: true, Segmented: a.bySource}
	for _, p := range parts {
		if p.Problem != nil && (sum.Problem == nil || p.Problem.Kind > sum.Problem.Kind) {
			problem := *p.Problem
			problem.Message = p.name + ": " + problem.Message
			sum.Problem = &problem
		}
	}
	if sum.Problem == nil && len(parts) < sources {
		return sum, false
	}
	answered, index := 0, map[string]int{}
	for _, p := range parts {
		sum.Sources = append(sum.Sources, p.name)
		sum.Interval = max(sum.Interval, p.Interval)
		if p.At.IsZero() {
			continue
		}
		answered++
		if sum.At.IsZero() || p.At.Before(sum.At) {
			sum.At = p.At
		}
		sum.Complete = sum.Complete && p.Complete
		sum.NamesWithheld = sum.NamesWithheld || p.NamesWithheld && !a.bySource
		if why := a.misfit(p, &sum, answered == 1); why != "" && sum.Problem == nil {
			sum.Problem = &adoption.Problem{Message: p.name + ": " + why}
		}
		a.add(&sum, index, p)
	}
	if answered < sources {
		sum.At, sum.Rows = time.Time{}, nil // a partial sum is none
	}
	slices.SortFunc(sum.Rows, func(x, y adoption.Row) int { return strings.Compare(x.Segment, y.Segment) })
	return sum, true
}

// misfit says why an answer cannot be added to the others.
func (a addition) misfit(p part, sum *adoption.Measurement, isFirst bool) string {
	if isFirst && !a.bySource {
		sum.Segmented = p.Segmented
	}
	switch {
	case len(p.Rows) == 0 && !p.Complete && !a.emptyIsZero:
		return "answered with nothing: check the names and labels that it asks for; only if nothing means zero, set onEmpty: Zero"
	case a.alive && !isPositive(p.Rows):
		return "is not positive: what reports this metric there is not running"
	case a.bySource && p.Segmented:
		return "answers for each segment, and segmentBy.source needs one number from each source"
	case p.Segmented != sum.Segmented && !a.bySource:
		return "answers for each segment and another source does not, or the other way round"
	}
	for _, row := range p.Rows {
		if row.Percent && !a.bySource {
			return "answers with percentages, which cannot be added up: ask for counts"
		}
	}
	return ""
}

func isPositive(rows []adoption.Row) bool {
	total := 0.0
	for _, row := range rows {
		total += row.Value
	}
	return total > 0
}

func (a addition) add(sum *adoption.Measurement, index map[string]int, p part) {
	for _, row := range p.Rows {
		if a.bySource {
			row.Segment = p.name
		}
		row.From = []string{p.name}
		if row.Unknown != "" {
			row.Unknown = p.name + ": " + row.Unknown
		}
		i, known := index[row.Segment]
		if !known {
			index[row.Segment] = len(sum.Rows)
			sum.Rows = append(sum.Rows, row)
			continue
		}
		at := &sum.Rows[i]
		at.Value += row.Value
		at.Unknown = cmp.Or(at.Unknown, row.Unknown)
		at.From = append(at.From, p.name)
		if at.Expires.IsZero() || !row.Expires.IsZero() && row.Expires.Before(at.Expires) {
			at.Expires = row.Expires
		}
	}
}
