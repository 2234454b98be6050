// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// checkPhase returns everything that keeps a phase from being judged.
func (s *stepper) checkPhase(phase *v1alpha1.Phase, tooMany bool) findings {
	var f findings
	if tooMany {
		f.add(FindingSpec, v1alpha1.ReasonTooMany, "", fmt.Sprintf("the program has more than %d phases and the oldest are served: delete phases that are not needed", MaxPhases))
		return f
	}
	spec := &phase.Spec
	s.checkDates(&f, datedField{"spec.notBefore", spec.NotBefore}, datedField{"spec.deadline", spec.Deadline})
	s.checkCheckpoint(&f, phase)
	checkLengths(&f, false, lengthField{"spec.maxDuration", spec.MaxDuration})
	s.checkWindows(&f, phase)
	scopes := scopesOf(phase)
	for i := range spec.Targets {
		s.checkTarget(&f, phase, i, scopes)
	}
	s.checkTargetsTogether(&f, phase, scopes)
	s.checkMargin(&f, phase)
	if cycle := s.cycles[phase.Name]; cycle != "" {
		f.add(FindingSpec, v1alpha1.ReasonDependencyCycle, "spec.dependsOn", fmt.Sprintf("the phases wait for each other (%s): take one dependency out", cycle))
	}
	s.checkSchedule(&f, phase)
	s.checkAudience(&f, "spec.segments", spec.Segments)
	s.checkAudienceMatters(&f, phase)
	s.checkDependencies(&f, phase)
	return f
}

// checkAudienceMatters warns of an audience that no target looks at: a number that is
// not divided guards every phase, and is of everybody.
func (s *stepper) checkAudienceMatters(f *findings, phase *v1alpha1.Phase) {
	if len(phase.Spec.Segments) == 0 || !s.pop.segmented {
		return
	}
	text := ""
	for i := range phase.Spec.Targets {
		t := &phase.Spec.Targets[i]
		r, ok := s.readings[string(t.Metric)]
		if !ok || inEach(t) || len(t.Segments) > 0 {
			return
		}
		why, _ := s.undividedQuery(r.Metric)
		if why == "" {
			return
		}
		text = cmp.Or(text, fmt.Sprintf("they have no effect, since %s is that of everybody: take segments out; or divide the number: %s", t.Metric, why))
	}
	f.warn("spec.segments", "%s", text)
}

// checkDependencies matters only to a phase that has not started.
func (s *stepper) checkDependencies(f *findings, phase *v1alpha1.Phase) {
	if hasStarted(phase) {
		return
	}
	for i, d := range phase.Spec.DependsOn {
		if _, ok := s.phaseByName[string(d)]; !ok {
			others := without(s.phaseNames(), phase.Name)
			f.add(FindingReference, v1alpha1.ReasonDependencyNotFound, fmt.Sprintf("spec.dependsOn[%d]", i), notFound("phase", string(d), others))
		}
	}
}

func hasStarted(phase *v1alpha1.Phase) bool {
	return phase.Status.State != v1alpha1.PhaseWaiting && phase.Status.State != ""
}

// checkCheckpoint wants a checkpoint to tell what has been.
func (s *stepper) checkCheckpoint(f *findings, phase *v1alpha1.Phase) {
	c := phase.Spec.Checkpoint
	if c == nil {
		return
	}
	if hasStarted(phase) { // too late for the checkpoint to be honoured, and to harm
		s.checkDates(f, datedField{"spec.checkpoint.achievedAt", c.AchievedAt}, datedField{"spec.checkpoint.startedAt", c.StartedAt})
	} else {
		s.checkPast(f, FindingSpec, "it was achieved", datedField{"spec.checkpoint.achievedAt", c.AchievedAt})
		s.checkPast(f, FindingSpec, "it started", datedField{"spec.checkpoint.startedAt", c.StartedAt})
	}
	started, err1 := s.calendar.parse(c.StartedAt)
	achieved, err2 := s.calendar.parse(c.AchievedAt)
	end, _ := s.calendar.parseEnd(c.AchievedAt)
	if err1 == nil && err2 == nil && started.After(achieved) && !started.Before(end) {
		f.invalid("spec.checkpoint", "startedAt (%s) is after achievedAt (%s): exchange them", c.StartedAt, c.AchievedAt)
	}
	var gates []string
	for _, g := range phase.Spec.Gates {
		gates = append(gates, string(g.Name))
	}
	for _, a := range c.Approvals {
		path := fmt.Sprintf("spec.checkpoint.approvals[%s]", a.Gate)
		s.checkPast(f, FindingSpec, "it was approved", datedField{path + ".at", a.At})
		if !slices.Contains(gates, string(a.Gate)) {
			f.warn(path, "%s", notFound("gate", string(a.Gate), gates))
		}
	}
}

func (s *stepper) checkWindows(f *findings, phase *v1alpha1.Phase) {
	if sustain := phase.Spec.Sustain; sustain != nil {
		checkLengths(f, true, lengthField{"spec.sustain.for", sustain.For})
	}
	h := phase.Spec.Hold
	if h == nil {
		return
	}
	checkLengths(f, true, lengthField{"spec.hold.for", h.For})
	checkLengths(f, false, lengthField{"spec.hold.every", h.Every})
	length, every := durationOr(h.For, 0), durationOr(h.Every, 0)
	switch {
	case every > 0 && length > maxChecks*every:
		f.invalid("spec.hold.every", "%s in %s are more than %d checks: check every %s or less often", h.Every, h.For, maxChecks, ((length-1)/(maxChecks*time.Second)+1)*time.Second)
	case every > length && length > 0:
		f.invalid("spec.hold.every", "%s is longer than hold.for (%s): make it shorter", h.Every, h.For)
	}
	checks := newWindowRule(length, every, 0, 0).checks
	if allowed := h.MissesAllowed; allowed != nil && length > 0 && int(*allowed) >= checks {
		f.invalid("spec.hold.missesAllowed", "%d misses of %d checks are no hold: allow fewer", *allowed, checks)
	}
	if limit := durationOr(phase.Spec.MaxDuration, 0); limit > 0 && length > limit {
		f.invalid("spec.maxDuration", "%s are over before the hold of %s is: make maxDuration longer, or the hold shorter", phase.Spec.MaxDuration, h.For)
	}
}

// checkMargin wants a margin to fit at least one target (the others have none), and
// to leave something that would be a regression, of one target at least.
func (s *stepper) checkMargin(f *findings, phase *v1alpha1.Phase) {
	if phase.Spec.Sustain == nil || phase.Spec.Sustain.Margin == "" {
		return
	}
	text := phase.Spec.Sustain.Margin
	var last error
	fits, falls, never := false, false, ""
	for i := range phase.Spec.Targets {
		t := &phase.Spec.Targets[i]
		r, ok := s.readings[string(t.Metric)]
		if !ok {
			falls = true // told elsewhere
			continue
		}
		margin, err := ParseNumber(string(text), r.Format)
		if err != nil {
			last, falls = fmt.Errorf("metric %s: %w", t.Metric, err), true
			continue
		}
		if margin < 0 {
			f.invalid("spec.sustain.margin", "%s is below zero: a margin makes a target easier", text)
			return
		}
		fits = true
		why := neverFalls(t, r, margin)
		falls, never = falls || why == "", cmp.Or(never, why)
	}
	switch {
	case !fits && last != nil:
		f.invalid("spec.sustain.margin", "%v", last)
	case !falls && never != "":
		f.invalid("spec.sustain.margin", "%s %s, so that it would never fall back: make the margin smaller", text, never)
	}
}

// neverFalls says why a target cannot be missed with a margin; empty: it can.
func neverFalls(t *v1alpha1.Target, r Reading, margin float64) string {
	limit, err := targetBound(t, r.Format)
	switch {
	case err != nil:
		return ""
	case limit.least && neverNegative(r.Metric) && limit.value > 0 && limit.value-margin <= 0:
		return fmt.Sprintf("below %s at least %s is nothing", t.Metric, t.AtLeast)
	case !limit.least && isShareOfWhole(r.Metric) && limit.value < 1 && limit.value+margin >= 1:
		return fmt.Sprintf("above %s at most %s is everything", t.Metric, t.AtMost)
	default:
		return ""
	}
}
