// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// defaultEscalateAfter applies to programs without accountability.
const defaultEscalateAfter = 14 * day

// barrierStep is one barrier in one step.
type barrierStep struct {
	*stepper
	barrier *v1alpha1.Barrier
	status  *v1alpha1.BarrierStatus
	found   findings
	problem *problem
	seen    detection
}

// stepBarrier decides on one barrier.
func (s *stepper) stepBarrier(b *v1alpha1.Barrier, tooMany bool) BarrierOutcome {
	step := &barrierStep{stepper: s, barrier: b, status: b.Status.DeepCopy()}
	step.found = s.checkBarrier(b, tooMany)
	step.problem = step.found.problem()
	if step.problem == nil || !step.problem.stalled && !step.problem.has(v1alpha1.ReasonSegmentNotFound) {
		step.seen = step.detect()
		step.transition()
		if step.seen.known() && !step.ofPhases() {
			step.status.MeasuredAt = s.newerOf(b.Status.MeasuredAt, step.seen.at, b.Status.ObservedGeneration == b.Generation)
		}
	}
	step.describe()
	if s.readings[step.metric()].Pending && equalIgnoringValues(&b.Status, step.status, barrierMeaning) {
		step.status = b.Status.DeepCopy()
	}
	return BarrierOutcome{Barrier: b, Status: *step.status, Write: worthWriting(s, &b.Status, step.status, barrierMeaning, &step.status.ValuesAt)}
}

// watched reports whether measurements open and close the barrier. One whose metric is
// gone is left to people.
func (b *barrierStep) watched() bool {
	if cause := b.barrier.Spec.Cause; cause != nil {
		_, ok := b.readings[string(cause.Metric)]
		return ok || cause.Type == v1alpha1.CauseRegression
	}
	return b.barrier.Spec.Detect != nil
}

// ofPhases reports whether the barrier is told from the state of phases, and from no
// measurement of its own.
func (b *barrierStep) ofPhases() bool {
	cause := b.barrier.Spec.Cause
	return cause != nil && cause.Type == v1alpha1.CauseRegression
}

// metric is the name of the metric that the barrier is seen in; empty: none.
func (b *barrierStep) metric() string {
	switch spec := &b.barrier.Spec; {
	case spec.Cause != nil:
		return string(spec.Cause.Metric)
	case spec.Detect != nil:
		return string(spec.Detect.Metric)
	}
	return ""
}

func (b *barrierStep) to(state v1alpha1.BarrierState, reason, message string) {
	b.status.Transitions = advance(b.status.Transitions, string(b.status.State), string(state), reason, message, b.now)
	b.status.State, b.status.Detect, b.status.ResolvedBy = state, nil, b.decidedBy(reason)
	now := stamp(b.now)
	b.status.Since = &now
	if state == v1alpha1.BarrierOpen {
		b.status.OpenedAt = &now
	}
}

// open words what the operator found anew: what was measured the last time is not
// what is there now.
func (b *barrierStep) open(reason string) {
	if b.barrier.Spec.Cause != nil && b.seen.summary != "" {
		b.status.Detected = Clip(b.seen.summary, 512)
	}
	b.to(v1alpha1.BarrierOpen, reason, "Open: "+strings.TrimSuffix(b.wording(), ".")+b.measured()+".")
}

// transition makes at most one change of state.
func (b *barrierStep) transition() {
	resolution := b.barrier.Spec.Resolution
	accepted := resolution != nil && resolution.State == v1alpha1.ResolutionAccepted && b.ahead(resolution.Until)
	resolved := resolution != nil && resolution.State == v1alpha1.ResolutionResolved
	switch b.status.State {
	case "":
		b.enter(resolved)
	case v1alpha1.BarrierWatching:
		if accepted {
			b.accept()
			return
		}
		b.openWhenSeen()
	case v1alpha1.BarrierOpen, v1alpha1.BarrierEscalated:
		switch {
		case accepted:
			b.accept()
		case resolved && !b.watched():
			b.to(v1alpha1.BarrierResolved, v1alpha1.ReasonResolvedByPeople, b.byPeople("Resolved"))
		case resolved && b.seen.presence == absent:
			b.to(v1alpha1.BarrierResolved, v1alpha1.ReasonResolvedByPeople, b.byPeople("Resolved"))
		case b.watched() && b.cleared():
			b.to(v1alpha1.BarrierResolved, v1alpha1.ReasonCleared, "Measurements show that it is gone"+b.measured()+".")
		case b.status.State == v1alpha1.BarrierOpen:
			b.escalate()
		}
	case v1alpha1.BarrierAccepted:
		if !accepted {
			b.endAcceptance()
		}
	case v1alpha1.BarrierResolved:
		switch {
		case accepted:
			return // nothing to accept: it is gone
		case b.watched():
			b.openWhenSeen()
		case !resolved:
			b.open(v1alpha1.ReasonResolutionWithdrawn)
		}
	}
}

// enter gives a new barrier its first state.
func (b *barrierStep) enter(resolved bool) {
	switch {
	case b.barrier.Spec.Cause != nil:
		b.open(v1alpha1.ReasonDetected)
	case b.barrier.Spec.Detect != nil:
		b.to(v1alpha1.BarrierWatching, v1alpha1.ReasonWatching, "Watched for: "+b.barrier.Spec.Summary)
	case resolved:
		b.to(v1alpha1.BarrierResolved, v1alpha1.ReasonResolvedByPeople, b.byPeople("Resolved"))
	default:
		b.open(v1alpha1.ReasonReported)
	}
}

// openWhenSeen opens a barrier that every check of the window saw. A human
// resolution does not keep a measured obstacle closed.
func (b *barrierStep) openWhenSeen() {
	if !b.seen.known() {
		return
	}
	window, full := b.seen.rule.run(b.detected(), b.seen.at, b.seen.presence == present)
	b.status.Detect = window
	if full {
		b.open(v1alpha1.ReasonDetected)
	}
}

// detected is the run of checks under way; nil when its times cannot be compared any
// more, so that it begins anew.
func (b *barrierStep) detected() *v1alpha1.CheckWindow {
	if b.windowStrayed(b.status.Detect, b.seen.rule, b.barrier.Status.MeasuredAt) {
		return nil
	}
	return b.status.Detect.DeepCopy()
}

// cleared reports whether every check of the window did not see the obstacle.
func (b *barrierStep) cleared() bool {
	if !b.seen.known() {
		return false
	}
	window, full := b.seen.rule.run(b.detected(), b.seen.at, b.seen.presence != present)
	b.status.Detect = window
	return full
}

func (b *barrierStep) measured() string {
	if b.barrier.Spec.Detect == nil || b.seen.value == "" {
		return ""
	}
	return fmt.Sprintf(" (%s %s)", b.barrier.Spec.Detect.Metric, b.seen.value)
}

func (b *barrierStep) accept() {
	r := b.barrier.Spec.Resolution
	text := b.byPeople("Accepted")
	if r.Until != "" {
		text += " Until " + string(r.Until) + "."
	}
	b.to(v1alpha1.BarrierAccepted, v1alpha1.ReasonAcceptedByPeople, text)
}

// endAcceptance opens or watches again; without data on a measured barrier it waits.
func (b *barrierStep) endAcceptance() {
	switch {
	case !b.watched():
		b.open(v1alpha1.ReasonAcceptanceEnded)
	case b.seen.presence == present:
		b.open(v1alpha1.ReasonAcceptanceEnded)
	case b.seen.known():
		b.to(v1alpha1.BarrierWatching, v1alpha1.ReasonAcceptanceEnded, "The acceptance is over; watched for: "+b.barrier.Spec.Summary)
	}
}

// ahead reports whether an end is absent or not reached.
func (b *barrierStep) ahead(until v1alpha1.Date) bool {
	if until == "" {
		return true
	}
	end, err := b.calendar.parseEnd(until)
	if err != nil {
		return false
	}
	b.agenda.at(end)
	return b.now.Before(end)
}

// escalate takes an open barrier to the sponsor when its time is over.
func (b *barrierStep) escalate() {
	if ptr.Deref(b.program.Spec.Suspend, false) {
		return
	}
	why := ""
	if ptr.Deref(b.barrier.Spec.RequiresExecutiveAction, false) {
		why = "it needs executive action"
	}
	after := b.escalateAfter()
	opened := b.openedAt()
	if t, err := b.calendar.parse(b.barrier.Spec.ReportedAt); b.barrier.Spec.ReportedAt != "" && err == nil && t.Before(opened.Time) {
		opened = metav1.NewTime(t)
	}
	deadlines := []struct {
		at  time.Time
		why string
	}{{opened.Add(after), "open for " + durationText(after)}}
	if due, err := b.calendar.parseEnd(b.barrier.Spec.DueBy); b.barrier.Spec.DueBy != "" && err == nil {
		deadlines = append(deadlines, struct {
			at  time.Time
			why string
		}{due, "past its due date " + string(b.barrier.Spec.DueBy)})
	}
	for _, d := range deadlines {
		b.agenda.at(d.at)
		if why == "" && !b.now.Before(d.at) {
			why = d.why
		}
	}
	if why == "" {
		return
	}
	b.to(v1alpha1.BarrierEscalated, v1alpha1.ReasonEscalated, fmt.Sprintf("Escalated to %s, %s: %s", b.sponsor(), why, b.wording()))
}

// openedAt is when the barrier was opened. Where that lies in the future it was not
// before the newest thing that happened to it in the past.
func (b *barrierStep) openedAt() metav1.Time {
	switch at := b.status.OpenedAt; {
	case at == nil:
		return stamp(b.now)
	case !b.inFuture(at.Time, 0):
		return *at
	}
	newest := b.barrier.CreationTimestamp
	for _, t := range b.status.Transitions {
		if t.Time.After(newest.Time) && !b.inFuture(t.Time.Time, 0) {
			newest = t.Time
		}
	}
	return newest
}

func (b *barrierStep) escalateAfter() time.Duration {
	otherwise := defaultEscalateAfter
	if a := b.program.Spec.Accountability; a != nil {
		otherwise = durationOr(a.EscalateAfter, otherwise)
	}
	return durationOr(b.barrier.Spec.EscalateAfter, otherwise)
}
