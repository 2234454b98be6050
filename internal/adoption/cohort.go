// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"slices"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// What is shown of cohorts smaller than minGroupSize would identify people. Their
// numbers are used for decisions and never shown: not by themselves, not as the
// difference between a whole and its other parts.

// suppressed is what is shown instead of a number.
const suppressed = "suppressed"

// leastCohort is minGroupSize, or 0 when everything may be shown.
func (s *stepper) leastCohort() float64 {
	if least := s.program.Spec.MinGroupSize; least != nil {
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
	hidden, some, blank := 0.0, false, false
	for i := range r.Segments {
		seg := &r.Segments[i]
		size, sized := s.cohortOf(seg)
		seg.size = size
		switch {
		case seg.Value.NotApplicable: // has no number, and counts for none
		case !sized && !seg.Value.Known: // no number to hide, and none to tell it from
			seg.Suppressed, seg.blank, blank = true, true, true
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
	if r.addedUp {
		// What the whole was goes while a part of it is not known.
		r.Suppressed = blank || s.hides(r, func(SegmentReading) bool { return true })
		return
	}
	// A number that does not come from the segments tells nothing of them.
	size, ok := cohort(r.Total, s.pop.total, s.pop.exempt)
	r.Suppressed = ok && size < least
}

// cohortOf is how many people a segment's number is about; false when nobody knows.
func (s *stepper) cohortOf(seg *SegmentReading) (size float64, ok bool) {
	p, _ := s.pop.find(seg.Name)
	return cohort(seg.Value, p.eligible, p.exempt)
}

// cohort is how many people a number is about: those it was divided by, and never
// more than there are; false when nobody knows.
func cohort(v Value, eligible amount, exempt float64) (size float64, ok bool) {
	counted := v.Known && v.HasParts
	switch {
	case counted && eligible.known:
		return min(v.Denominator, eligible.value-exempt), true
	case counted:
		return v.Denominator, true
	case eligible.known:
		return eligible.value - exempt, true
	default:
		return 0, false
	}
}

// hidesFrom reports whether a value over an audience is not shown; nil is everybody.
func (s *stepper) hidesFrom(r *Reading, audience map[string]bool) bool {
	if audience == nil {
		return r.Suppressed
	}
	return s.hides(r, func(seg SegmentReading) bool { return audience[seg.Name] })
}

// hides reports whether the value of some segments together is not shown: because only
// some of the hidden ones are among them, and two such values would differ by the
// others; or because all that are hidden are too few together.
func (s *stepper) hides(r *Reading, among func(SegmentReading) bool) bool {
	var within, without bool
	hidden := 0.0
	for _, seg := range r.Segments {
		if !seg.Suppressed || seg.blank {
			continue
		}
		hidden += seg.size
		within, without = within || among(seg), without || !among(seg)
	}
	if within && r.isExtreme() {
		return true // the smallest or largest value may be that of a hidden one
	}
	return within && without || (within || without) && hidden < s.leastCohort()
}

// isExtreme reports whether a value over segments is that of a single one.
func (r *Reading) isExtreme() bool {
	m := r.Metric
	return m != nil && m.Query != nil && (m.Aggregation == v1alpha1.AggregationMin || m.Aggregation == v1alpha1.AggregationMax)
}

// isSuppressed reports whether a segment's number is not shown, by its name as a status has it.
func (r *Reading) isSuppressed(shown string) bool {
	return slices.ContainsFunc(r.Segments, func(seg SegmentReading) bool { return seg.Suppressed && statusName(seg.Name) == shown })
}

// concealSegments takes the numbers of suppressed segments out of what was shown
// before they were: a segment may shrink, and minGroupSize may be set at any time.
func (r *Reading) concealSegments(shown []v1alpha1.SegmentValue) []v1alpha1.SegmentValue {
	kept := slices.Clone(shown)
	for i, seg := range kept {
		if r.isSuppressed(seg.Name) {
			kept[i] = v1alpha1.SegmentValue{Name: seg.Name, Value: suppressed}
		}
	}
	return kept
}
