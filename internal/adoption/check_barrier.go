// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// checkBarrier returns everything that is wrong with a barrier.
func (s *stepper) checkBarrier(b *v1alpha1.Barrier, tooMany bool) findings {
	var f findings
	if tooMany {
		f.add(FindingSpec, v1alpha1.ReasonTooMany, "", fmt.Sprintf("the program has more than %d barriers and the oldest are served: delete barriers that are not needed", MaxBarriers))
		return f
	}
	spec := &b.Spec
	s.checkPast(&f, FindingWarning, "it was reported", datedField{"spec.reportedAt", spec.ReportedAt})
	s.checkDates(&f, datedField{"spec.dueBy", spec.DueBy})
	reported, err1 := s.calendar.parse(spec.ReportedAt)
	due, err2 := s.calendar.parseEnd(spec.DueBy)
	if err1 == nil && err2 == nil && !reported.Before(due) {
		f.invalid("spec.dueBy", "%s is before reportedAt (%s): exchange them", spec.DueBy, spec.ReportedAt)
	}
	if r := spec.Resolution; r != nil {
		s.checkDates(&f, datedField{"spec.resolution.until", r.Until})
	}
	checkLengths(&f, false, lengthField{"spec.escalateAfter", spec.EscalateAfter})
	s.checkDetect(&f, spec)
	if cause := spec.Cause; cause != nil && cause.Type != v1alpha1.CauseRegression {
		s.checkMetricName(&f, FindingReference, "spec.cause.metric", cause.Metric, "; resolve the barrier, or delete it")
	}
	s.checkAudience(&f, "spec.segments", spec.Segments)
	for i, name := range spec.Phases {
		if _, ok := s.phaseByName[string(name)]; !ok {
			f.add(FindingReference, v1alpha1.ReasonPhaseNotFound, fmt.Sprintf("spec.phases[%d]", i), notFound("phase", string(name), s.phaseNames()))
		}
	}
	s.checkConcernsSomebody(&f, b)
	return f
}

// checkDetect refuses a bound that always or never detects.
func (s *stepper) checkDetect(f *findings, spec *v1alpha1.BarrierSpec) {
	d := spec.Detect
	if d == nil {
		return
	}
	checkLengths(f, true, lengthField{"spec.detect.for", d.For})
	r, ok := s.checkMetricName(f, FindingSpec, "spec.detect.metric", d.Metric, "")
	if !ok {
		return
	}
	limit, err := detectBound(d, r.Format)
	if err != nil {
		f.invalid("spec.detect", "metric %s: %v", d.Metric, err)
		return
	}
	never, whole := neverNegative(r.Metric), isShareOfWhole(r.Metric)
	switch {
	case limit.least && never && limit.value <= 0:
		f.invalid("spec.detect.atLeast", "metric %s is never below 0, so that %s is always detected: write more, or atMost", d.Metric, d.AtLeast)
	case limit.least && whole && limit.value > 1:
		f.invalid("spec.detect.atLeast", "metric %s is never above 100%%, so that %s is never detected: write less", d.Metric, d.AtLeast)
	case !limit.least && whole && limit.value >= 1:
		f.invalid("spec.detect.atMost", "metric %s is never above 100%%, so that %s is always detected: write less, or atLeast", d.Metric, d.AtMost)
	case !limit.least && never && limit.value < 0:
		f.invalid("spec.detect.atMost", "metric %s is never below 0, so that %s is never detected: write 0 or more", d.Metric, d.AtMost)
	}
}

// checkConcernsSomebody warns of phases and segments that have nothing in common:
// such a barrier keeps nobody back.
func (s *stepper) checkConcernsSomebody(f *findings, b *v1alpha1.Barrier) {
	if len(b.Spec.Phases) == 0 || len(b.Spec.Segments) == 0 {
		return
	}
	for _, name := range b.Spec.Phases {
		if p, ok := s.phaseByName[string(name)]; !ok || concerns(b, p) {
			return
		}
	}
	f.warn("spec.segments", "none of them is in the audience of a phase of spec.phases, so that the barrier concerns nobody: leave one of the two out")
}
