// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// checkProgram returns everything that is wrong with a program's own spec, and
// what its queries name and is not there.
func (s *stepper) checkProgram() findings {
	var f findings
	spec := &s.program.Spec
	if _, err := time.LoadLocation(spec.TimeZone); err != nil {
		f.invalid("spec.timeZone", "%q is not an IANA time zone: write for example Europe/Zurich", spec.TimeZone)
	}
	s.checkFreezes(&f)
	s.checkPast(&f, FindingSpec, "it was reviewed", datedField{"spec.reviewedAt", spec.ReviewedAt})
	if spec.ReviewedBy != "" && spec.ReviewedAt == "" {
		f.invalid("spec.reviewedBy", "who reviewed is named and not when: set spec.reviewedAt")
	}
	checkLengths(&f, false, lengthField{"spec.interval", spec.Interval}, lengthField{"spec.reviewEvery", spec.ReviewEvery})
	if a := spec.Accountability; a != nil {
		checkLengths(&f, false, lengthField{"spec.accountability.escalateAfter", a.EscalateAfter})
	}
	s.checkSegments(&f)
	s.checkPopulation(&f)
	for i := range spec.Metrics {
		s.checkMetric(&f, &spec.Metrics[i])
	}
	for _, use := range Queries(s.program) {
		if m := s.measurements[use.Path]; m.Problem != nil && m.Problem.Kind != ProblemData {
			kind := FindingReference
			if m.Problem.Kind == ProblemSpec {
				kind = FindingSpec
			}
			f.add(kind, m.Problem.Reason, use.Path, m.Problem.Message)
		}
	}
	return f
}

func (s *stepper) checkFreezes(f *findings) {
	for i, freeze := range s.program.Spec.Freezes {
		path := fmt.Sprintf("spec.freezes[%d]", i)
		s.checkDates(f, datedField{path + ".from", freeze.From}, datedField{path + ".to", freeze.To})
		from, err1 := s.calendar.parse(freeze.From)
		to, err2 := s.calendar.parseEnd(freeze.To)
		if err1 == nil && err2 == nil && !from.Before(to) {
			f.invalid(path, "to is before from: exchange them")
		}
	}
}

// checkSegments wants every name to be of one segment: an answer's row belongs to
// nobody, or to one.
func (s *stepper) checkSegments(f *findings) {
	owner := map[v1alpha1.SegmentName]int{}
	for i, seg := range s.program.Spec.Segments {
		owner[seg.Name] = i
	}
	for i, seg := range s.program.Spec.Segments {
		path := fmt.Sprintf("spec.segments[%s]", seg.Name)
		for j, alias := range seg.Aliases {
			other, taken := owner[alias]
			switch {
			case !taken:
				owner[alias] = i
			case other == i:
				f.invalid(fmt.Sprintf("%s.aliases[%d]", path, j), "%q is the name of the segment itself: leave it out", alias)
			default:
				f.invalid(fmt.Sprintf("%s.aliases[%d]", path, j), "%q is also a name of segment %q: a row belongs to one segment, take it out of one of them", alias, s.program.Spec.Segments[other].Name)
			}
		}
		for j, e := range seg.Exemptions {
			s.checkDates(f, datedField{fmt.Sprintf("%s.exemptions[%d].expires", path, j), e.Expires})
		}
	}
}

// checkPopulation compares a declared population with what is taken off it.
func (s *stepper) checkPopulation(f *findings) {
	spec := &s.program.Spec
	for _, seg := range s.pop.segments {
		if seg.eligible.known && seg.exempt > seg.eligible.value {
			many := fmt.Sprintf("%s are exempt of %s who are eligible", decimal(seg.exempt), decimal(seg.eligible.value))
			if s.leastCohort() > 0 {
				many = "more are exempt than are eligible"
			}
			f.warn(fmt.Sprintf("spec.segments[%s].exemptions", seg.name), "%s: correct the counts, or let an exemption expire", many)
		}
	}
	if spec.Population == nil || spec.Population.Count == nil {
		return
	}
	count := float64(*spec.Population.Count)
	if exempt := s.declaredExempt(); exempt > count {
		f.invalid("spec.segments", "%s are exempt, and spec.population.count is %s: correct the exemptions or the count", decimal(exempt), decimal(count))
	}
	if least := spec.MinGroupSize; least != nil && float64(*least) > count {
		f.invalid("spec.minGroupSize", "no number would ever be shown, because %d is more than spec.population.count (%s): make it smaller", *least, decimal(count))
	}
}

// declaredExempt is how many all segments exempt now, those that no answer has
// shown yet included.
func (s *stepper) declaredExempt() float64 {
	total := 0.0
	for _, seg := range s.program.Spec.Segments {
		total += exemptions(seg, s.calendar, s.agenda)
	}
	return total
}
