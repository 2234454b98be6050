// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// checkSchedule refuses dates that cannot be met, whatever people do. What the
// clock decides is no mistake of the spec: a deadline that has passed is told as
// late, and a hold that no longer fits as a risk.
func (s *stepper) checkSchedule(f *findings, phase *v1alpha1.Phase) {
	spec := &phase.Spec
	if hasStarted(phase) || spec.Deadline == "" || s.cycles[phase.Name] != "" || spec.Checkpoint != nil {
		return
	}
	due, err := s.calendar.parseEnd(spec.Deadline)
	if err != nil {
		return
	}
	if t, err := s.calendar.parse(spec.NotBefore); spec.NotBefore != "" && err == nil && !t.Before(due) {
		f.invalid("spec.notBefore", "%s is after the deadline %s: move one of them", spec.NotBefore, spec.Deadline)
		return
	}
	s.checkDependenciesDue(f, phase, due)
	because := s.earliestStart(phase)
	start := because.at
	if start.IsZero() {
		return
	}
	ends := s.calendar.soonest(start, durationOr(holdOf(phase), 0))
	switch {
	case !start.Before(due) && because.freeze:
		f.invalid("spec.deadline", "freezes last from %s to the deadline %s, so that the phase can never start: move the deadline", because, spec.Deadline)
	case !start.Before(due):
		f.invalid("spec.deadline", "%s cannot be met, because the phase starts on %s at the earliest (%s): move the deadline", spec.Deadline, s.calendar.day(start), because)
	case ends.After(due):
		f.invalid("spec.hold.for", "%s do not fit between %s and the deadline %s: move the deadline to %s or later, or shorten the hold", spec.Hold.For, because, spec.Deadline, s.calendar.fittingDay(ends, due))
	case s.calendar.freezeAt(ends) != nil && !s.calendar.firstOutsideFreezes(ends).Before(due):
		f.invalid("spec.deadline", "freezes last to the deadline %s from when the phase could be achieved (%s): move the deadline", spec.Deadline, s.calendar.day(ends))
	}
}

// checkDependenciesDue warns of a phase that should be achieved before those that it
// waits for.
func (s *stepper) checkDependenciesDue(f *findings, phase *v1alpha1.Phase, due time.Time) {
	for i, d := range phase.Spec.DependsOn {
		other, ok := s.phaseByName[string(d)]
		if !ok || other.Spec.Deadline == "" || other.Status.State == v1alpha1.PhaseAchieved {
			continue
		}
		if t, err := s.calendar.parseEnd(other.Spec.Deadline); err == nil && t.After(due) {
			f.warn("spec.deadline", "%s is before that of phase %s (%s), for which it waits (spec.dependsOn[%d]): move one of them", phase.Spec.Deadline, other.Name, other.Spec.Deadline, i)
		}
	}
}

func holdOf(phase *v1alpha1.Phase) v1alpha1.Duration {
	if phase.Spec.Hold == nil {
		return ""
	}
	return phase.Spec.Hold.For
}

// earliest is when a phase could start at the earliest, and why not earlier. Zero
// when nothing says so.
type earliest struct {
	at time.Time
	// what and date say why: "notBefore 2027-03-25".
	what, date string
	// freeze says that freezes put it off from there.
	freeze bool
}

func (e earliest) String() string { return e.what + " " + e.date }

// earliestStart is when a phase could start if everything went at once: not before
// its notBefore, not before those that it depends on could be achieved, and in no
// freeze. Phases that have started put nothing off.
func (s *stepper) earliestStart(phase *v1alpha1.Phase) earliest {
	if known, ok := s.starts[phase.Name]; ok {
		return known
	}
	s.starts[phase.Name] = earliest{} // of a cycle nothing is known
	var start earliest
	if t, err := s.calendar.parse(phase.Spec.NotBefore); phase.Spec.NotBefore != "" && err == nil {
		start = earliest{at: t, what: "notBefore", date: string(phase.Spec.NotBefore)}
	}
	for _, d := range phase.Spec.DependsOn {
		other, ok := s.phaseByName[string(d)]
		if !ok || hasStarted(other) {
			continue
		}
		begins := s.earliestStart(other).at
		if begins.IsZero() {
			continue
		}
		if done := s.calendar.firstOutsideFreezes(s.calendar.soonest(begins, durationOr(holdOf(other), 0))); done.After(start.at) {
			start = earliest{at: done, what: "phase " + other.Name + ", achieved on", date: s.calendar.day(done)}
		}
	}
	if !start.at.IsZero() {
		free := s.calendar.firstOutsideFreezes(start.at)
		start.at, start.freeze = free, free.After(start.at)
	}
	s.starts[phase.Name] = start
	return start
}
