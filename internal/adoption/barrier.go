// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	sight   sighting
}

// sighting is what measurements say about a barrier.
type sighting struct {
	// there says whether the obstacle is seen; ok whether that is known and fresh.
	there, ok bool
	at        time.Time
	value     string
	why       string
	// summary is what the operator found, in its words.
	summary string
	rule    windowRule
}

// stepBarrier decides on one barrier.
func (s *stepper) stepBarrier(b *v1alpha1.Barrier, tooMany bool) BarrierOutcome {
	step := &barrierStep{stepper: s, barrier: b, status: b.Status.DeepCopy()}
	step.found = s.checkBarrier(b, tooMany)
	step.problem = step.found.problem()
	if step.problem == nil || !step.problem.stalled && !step.problem.has(v1alpha1.ReasonSegmentNotFound) {
		step.sight = step.look()
		step.transition()
	}
	step.describe()
	if s.readings[step.metric()].Pending && sameButValues(&b.Status, step.status, barrierMeaning) {
		step.status = b.Status.DeepCopy()
	}
	return BarrierOutcome{Barrier: b, Status: *step.status, Write: worthWriting(s, &b.Status, step.status, barrierMeaning, &step.status.ValuesAt)}
}

// watched says that measurements open and close the barrier. One whose metric is
// gone is left to people.
func (b *barrierStep) watched() bool {
	if cause := b.barrier.Spec.Cause; cause != nil {
		_, ok := b.readings[string(cause.Metric)]
		return ok || cause.Type == v1alpha1.CauseRegression
	}
	return b.barrier.Spec.Detect != nil
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

// look asks the measurements.
func (b *barrierStep) look() sighting {
	switch {
	case b.barrier.Spec.Cause != nil:
		return b.lookForCause(*b.barrier.Spec.Cause)
	case b.barrier.Spec.Detect == nil:
		return sighting{}
	}
	d := b.barrier.Spec.Detect
	r := b.readings[string(d.Metric)]
	limit, err := detectBound(d, r.Format)
	if err != nil {
		return sighting{why: err.Error()}
	}
	audience := b.audience()
	if r.undivided && len(b.barrier.Spec.Segments) == 0 {
		audience = nil
	}
	if d.Scope == v1alpha1.DetectAny {
		return b.lookAtEach(&r, audience, limit)
	}
	value := b.over(&r, audience)
	sight := sighting{at: r.At, rule: newWindowRule(durationOr(d.For, 0), 0, r.slowest, 0)}
	if !value.Known {
		sight.value, sight.why = "unknown", first(r.Why, value.Why, nobodyEligible)
		return sight
	}
	sight.value = suppressed
	if !b.hidesFrom(&r, audience) {
		sight.value = formatValue(value.Amount, r.Format, worse(limit))
	}
	sight.there, sight.ok, sight.why = limit.met(value.Amount), r.Fresh && !b.calendar.quietAt(r.At), r.Why
	return sight
}

// audience is whom a barrier is about: its segments, or those of the phases that it
// names; nil is everybody.
func (b *barrierStep) audience() map[string]bool {
	spec := &b.barrier.Spec
	if len(spec.Segments) > 0 || len(spec.Phases) == 0 {
		return audienceOf(&v1alpha1.Phase{Spec: v1alpha1.PhaseSpec{Segments: spec.Segments}}, &v1alpha1.Target{})
	}
	all := map[string]bool{}
	for _, name := range spec.Phases {
		phase, ok := b.phaseByName[string(name)]
		if !ok || len(phase.Spec.Segments) == 0 {
			return nil
		}
		for _, segment := range phase.Spec.Segments {
			all[string(segment)] = true
		}
	}
	return all
}

// lookAtEach looks for the obstacle in every segment by itself: one that is known to
// have it decides, and only when all are known to be without it is it gone.
func (b *barrierStep) lookAtEach(r *Reading, audience map[string]bool, limit bound) sighting {
	d := b.barrier.Spec.Detect
	sight := sighting{at: r.At, rule: newWindowRule(durationOr(d.For, 0), 0, r.slowest, 0), value: "unknown"}
	var in []string
	known := 0
	for _, seg := range r.Segments {
		switch {
		case audience != nil && !audience[seg.Name] || seg.Value.NotApplicable:
		case !seg.Value.Known:
			sight.why = first(r.Why, seg.Value.Why)
		case limit.met(seg.Value.Amount):
			known++
			in = append(in, seg.Name)
		default:
			known++
		}
	}
	sight.there = len(in) > 0
	fresh := r.Fresh && !b.calendar.quietAt(r.At)
	switch {
	case known == 0 || !sight.there && sight.why != "":
		sight.why = first(sight.why, r.Why, r.Total.Why, nobodyEligible)
		return sight
	case sight.there:
		sight.value = fmt.Sprintf("in %d of %d segments: %s", len(in), known, listed(in, 3))
	default:
		sight.value = fmt.Sprintf("in 0 of %d segments", known)
	}
	sight.ok = fresh
	return sight
}

func detectBound(d *v1alpha1.Detect, format v1alpha1.Format) (bound, error) {
	return targetBound(&v1alpha1.Target{AtLeast: d.AtLeast, AtMost: d.AtMost}, format)
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
	if b.barrier.Spec.Cause != nil && b.sight.summary != "" {
		b.status.Detected = Clip(b.sight.summary, 512)
	}
	b.to(v1alpha1.BarrierOpen, reason, "Open: "+strings.TrimSuffix(b.wording(), ".")+b.measured()+".")
}

// wording is what a barrier is about: as measured when the operator opened it, or as
// people put it.
func (b *barrierStep) wording() string { return first(b.status.Detected, b.barrier.Spec.Summary) }

func wording(b *v1alpha1.Barrier) string { return first(b.Status.Detected, b.Spec.Summary) }

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
		case resolved && b.sight.ok && !b.sight.there:
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
	if !b.sight.ok {
		return
	}
	window, full := b.sight.rule.run(b.status.Detect.DeepCopy(), b.sight.at, b.sight.there)
	b.status.Detect = window
	if full {
		b.open(v1alpha1.ReasonDetected)
	}
}

// cleared says that every check of the window did not see the obstacle.
func (b *barrierStep) cleared() bool {
	if !b.sight.ok {
		return false
	}
	window, full := b.sight.rule.run(b.status.Detect.DeepCopy(), b.sight.at, !b.sight.there)
	b.status.Detect = window
	return full
}

func (b *barrierStep) measured() string {
	if b.barrier.Spec.Detect == nil || b.sight.value == "" {
		return ""
	}
	return fmt.Sprintf(" (%s %s)", b.barrier.Spec.Detect.Metric, b.sight.value)
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
	case b.sight.ok && b.sight.there:
		b.open(v1alpha1.ReasonAcceptanceEnded)
	case b.sight.ok:
		b.to(v1alpha1.BarrierWatching, v1alpha1.ReasonAcceptanceEnded, "The acceptance is over; watched for: "+b.barrier.Spec.Summary)
	}
}

// ahead says that an end is absent or not reached.
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
	if isTrue(b.program.Spec.Suspend) {
		return
	}
	why := ""
	if isTrue(b.barrier.Spec.RequiresExecutiveAction) {
		why = "it needs executive action"
	}
	after := b.escalateAfter()
	opened := stamp(b.now)
	if b.status.OpenedAt != nil {
		opened = *b.status.OpenedAt
	}
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

func (b *barrierStep) escalateAfter() time.Duration {
	otherwise := defaultEscalateAfter
	if a := b.program.Spec.Accountability; a != nil {
		otherwise = durationOr(a.EscalateAfter, otherwise)
	}
	return durationOr(b.barrier.Spec.EscalateAfter, otherwise)
}

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

// concerns says whether a barrier is about a phase and its audience. A blocking one
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

// describe fills everything of the status that is derived from the state.
func (b *barrierStep) describe() {
	st := b.status
	st.ObservedGeneration = b.barrier.Generation
	st.Opened = ""
	if st.OpenedAt != nil {
		st.Opened = b.calendar.day(st.OpenedAt.Time)
	}
	var blocked []string
	if isOpen(st.State) && b.barrier.Spec.Severity == v1alpha1.SeverityBlocking {
		for _, p := range b.phases {
			if p.Status.State != v1alpha1.PhaseAchieved && p.Status.State != v1alpha1.PhaseRegressed && b.concerns(b.barrier, p) {
				blocked = append(blocked, p.Name)
			}
		}
	}
	st.Blocks = Clip(listed(blocked, 6), 512)
	if b.sight.value != "" {
		st.Value = Clip(b.sight.value, 64)
	}
	c := conditions{&st.Conditions, b.barrier.Generation, b.now}
	c.problem(b.problem)
	if b.problem != nil {
		c.set(v1alpha1.ConditionReady, no(b.problem.reason, b.problem.message))
	} else {
		c.set(v1alpha1.ConditionReady, b.ready())
	}
	c.finish()
	st.Summary = Clip(b.summary(), 1024)
}

func (b *barrierStep) ready() Finding {
	r := b.barrier.Spec.Resolution
	if r != nil && r.State == v1alpha1.ResolutionResolved && isOpen(b.status.State) && b.watched() {
		if b.sight.ok && b.sight.there {
			return yes(v1alpha1.ReasonStillDetected, "People resolved it, and measurements still show it"+b.measured()+": it stays open.")
		}
		return yes(v1alpha1.ReasonTracked, "People resolved it; waits for a fresh measurement that shows so.")
	}
	return yes(v1alpha1.ReasonTracked, b.summary()+b.found.warnings())
}

// summary says what is there, and what is done next by whom.
func (b *barrierStep) summary() string {
	if b.problem != nil && b.problem.stalled {
		return asSentence(b.problem.message)
	}
	about := asSentence(b.wording())
	switch b.status.State {
	case v1alpha1.BarrierWatching:
		return fmt.Sprintf("Not detected; watching for%s: %s", b.measured(), about)
	case v1alpha1.BarrierAccepted:
		return "Accepted: " + about
	case v1alpha1.BarrierResolved:
		return "Resolved: " + about
	default: // open, or about to be
	}
	state := "Open"
	if b.status.State == v1alpha1.BarrierEscalated {
		state = "With " + b.sponsor()
	}
	owner := "Nobody owns it: set spec.owner."
	if b.barrier.Spec.Owner != "" {
		owner = "Owner: " + b.barrier.Spec.Owner + "."
	}
	due := ""
	if b.barrier.Spec.DueBy != "" {
		due = "Due " + string(b.barrier.Spec.DueBy) + "."
	}
	return joined([]string{state + ": " + about, b.nextPlay(), owner, due})
}

// nextPlay is the first action that is not done.
func (b *barrierStep) nextPlay() string {
	for _, p := range b.barrier.Spec.Plays {
		if isTrue(p.Done) {
			continue
		}
		who := ""
		if p.Owner != "" {
			who = " (" + p.Owner + ")"
		}
		return "Next: " + strings.TrimSuffix(p.Action, ".") + who + "."
	}
	return ""
}

func (b *barrierStep) sponsor() string {
	if a := b.program.Spec.Accountability; a != nil && a.ExecutiveSponsor != "" {
		return a.ExecutiveSponsor
	}
	return "the executive sponsor"
}

func barrierMeaning(status *v1alpha1.BarrierStatus) *v1alpha1.BarrierStatus {
	m := status.DeepCopy()
	m.ValuesAt, m.Summary, m.Value = nil, "", ""
	m.Conditions = meanings(m.Conditions)
	return m
}

// durationText writes a duration as people do: 14d, 1h30m, 45s.
func durationText(d time.Duration) string {
	text := model.Duration(d).String()
	if weeks := d / (7 * day); weeks > 0 && d%(7*day) == 0 {
		text = fmt.Sprintf("%dd", d/day) // days, not weeks, as the fields are written
	}
	return text
}
