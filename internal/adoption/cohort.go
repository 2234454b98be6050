// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"slices"
)

// What is shown of cohorts smaller than minCohort would identify people. Their
// numbers are used for decisions and never shown: not by themselves, not as the
// difference between a whole and its other parts.

// suppressed is what is shown instead of a number.
const suppressed = "suppressed"

// leastCohort is minCohort, or 0 when everything may be shown.
func (s *stepper) leastCohort() float64 {
	if least := s.program.Spec.MinCohort; least != nil {
		return float64(*least)
	}
	return 0
}

// suppress marks the segments whose numbers are not shown: those that are too
// small, and the next larger ones until all that is hidden is large enough
// together. Otherwise the whole less the segments that are shown would tell.
func (s *stepper) suppress(r *Reading) {
	least := s.leastCohort()
	if least == 0 {
		return
	}
	var shown []*SegmentReading
	hidden, some := 0.0, false
	for i := range r.Segments {
		seg := &r.Segments[i]
		seg.size = s.cohortOf(seg)
		switch {
		case seg.Value.NotApplicable:
		case seg.size < least:
			seg.Suppressed, some = true, true
			hidden += seg.size
		default:
			shown = append(shown, seg)
		}
	}
	slices.SortStableFunc(shown, func(a, b *SegmentReading) int { return cmp.Compare(a.size, b.size) })
	for _, seg := range shown {
		if !some || hidden >= least {
			break
		}
		seg.Suppressed = true
		hidden += seg.size
	}
	r.Suppressed = s.hides(r, func(SegmentReading) bool { return true })
}

// cohortOf is how many people a segment's number is about; 0 when nobody knows.
func (s *stepper) cohortOf(seg *SegmentReading) float64 {
	if p, ok := s.pop.find(seg.Name); ok && p.eligible.known {
		return p.eligible.value
	}
	if seg.Value.HasParts && seg.Value.Known {
		return seg.Value.Denominator
	}
	return 0
}

// hides says that the value of some segments together is not shown: because those
// of them that are hidden, or those left out that are, are too few together.
func (s *stepper) hides(r *Reading, among func(SegmentReading) bool) bool {
	least := s.leastCohort()
	switch {
	case least == 0:
		return false
	case len(r.Segments) == 0 && s.pop.total.known:
		return s.pop.total.value < least
	case len(r.Segments) == 0:
		return r.Total.HasParts && r.Total.Known && r.Total.Denominator < least
	}
	var within, without float64
	var someWithin, someWithout bool
	for _, seg := range r.Segments {
		switch {
		case !seg.Suppressed:
		case among(seg):
			within, someWithin = within+seg.size, true
		default:
			without, someWithout = without+seg.size, true
		}
	}
	return someWithin && within < least || someWithout && without < least
}
