// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"slices"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func isOpen(state v1alpha1.BarrierState) bool {
	return state == v1alpha1.BarrierOpen || state == v1alpha1.BarrierEscalated
}

// blocking returns the barriers that keep a phase back: open and blocking by
// their persisted state. One that people just reported blocks before its status
// is written: nothing starts in between.
func (s *stepper) blocking(phase *v1alpha1.Phase) []*v1alpha1.Barrier {
	var found []*v1alpha1.Barrier
	for i, b := range s.barriers {
		justReported := b.Status.State == "" && b.Spec.Detect == nil && b.Spec.Cause == nil && b.Spec.Resolution == nil
		if i < MaxBarriers && b.Spec.Severity == v1alpha1.SeverityBlocking && (isOpen(b.Status.State) || justReported) && s.concerns(b, phase) {
			found = append(found, b)
		}
	}
	return found
}

// concerns reports whether a barrier is about a phase and its audience. A blocking one
// that names something that is not there may mean any of them: it concerns all, until
// it is mended.
func (s *stepper) concerns(b *v1alpha1.Barrier, phase *v1alpha1.Phase) bool {
	return s.unknownConcern(b) != "" || concerns(b, phase)
}

// unknownConcern says which phase or segment that a blocking barrier names is not there.
func (s *stepper) unknownConcern(b *v1alpha1.Barrier) string {
	if b.Spec.Severity != v1alpha1.SeverityBlocking {
		return ""
	}
	for _, name := range b.Spec.Phases {
		if _, ok := s.phaseByName[string(name)]; !ok {
			return notFound("phase", string(name), s.phaseNames())
		}
	}
	var found findings
	s.checkAudience(&found, "spec.segments", b.Spec.Segments)
	if len(found) > 0 {
		return found[0].Message
	}
	return ""
}

// majorBarrier is an open barrier that puts a started phase at risk.
func (p *phaseStep) majorBarrier() *v1alpha1.Barrier {
	if p.status.State != v1alpha1.PhaseActive && p.status.State != v1alpha1.PhaseHolding {
		return nil
	}
	for _, b := range p.barriers {
		if b.Spec.Severity == v1alpha1.SeverityMajor && isOpen(b.Status.State) && concerns(b, p.phase) {
			return b
		}
	}
	return nil
}

func concerns(b *v1alpha1.Barrier, phase *v1alpha1.Phase) bool {
	if len(b.Spec.Phases) > 0 && !slices.Contains(b.Spec.Phases, v1alpha1.ObjectName(phase.Name)) {
		return false
	}
	if len(b.Spec.Segments) == 0 || len(phase.Spec.Segments) == 0 {
		return true
	}
	return slices.ContainsFunc(b.Spec.Segments, func(n v1alpha1.SegmentName) bool { return slices.Contains(phase.Spec.Segments, n) })
}
