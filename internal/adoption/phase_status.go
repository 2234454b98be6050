// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// describe fills everything of the status that is derived from the state.
func (p *phaseStep) describe() {
	st := p.status
	st.ObservedGeneration = p.phase.Generation
	p.due = p.dueAt()
	if !p.due.IsZero() {
		st.Due = p.calendar.day(p.due)
		p.agenda.at(p.due)
	} else {
		st.Due = ""
	}
	if p.waits == nil && st.State == v1alpha1.PhaseWaiting && !p.unjudgeable() {
		p.waits = p.startsAfter()
	}
	st.WaitsFor = Clip(strings.Join(p.waits, ", "), 512)
	if !p.unjudgeable() {
		st.Targets = p.targetStatuses()
		p.describeTargets()
		p.measured()
	}
	p.concealTargets()
	p.track = p.onTrack()
	st.Order = p.orders[p.phase.Name]
	st.Health = p.health(p.track)
	p.setConditions(p.track)
	st.Summary = Clip(p.summary(), 1024)
}

// targetStatuses keeps what a phase was achieved with, and the last known
// verdicts while measurements are on their way after a start of the operator.
func (p *phaseStep) targetStatuses() []v1alpha1.TargetStatus {
	statuses := make([]v1alpha1.TargetStatus, 0, len(p.targets.verdicts))
	for i, v := range p.targets.verdicts {
		st := v1alpha1.TargetStatus{
			Metric: string(v.target.Metric), Needs: Clip(v.needs, 128), Value: Clip(v.value, 64), Met: v.met, Missing: v.missing,
		}
		old := p.oldTarget(i)
		r := p.readings[st.Metric]
		if old != nil && r.Pending {
			statuses = append(statuses, *old)
			continue
		}
		if p.blindTo(i, v) { // what is too old is not shown as the present
			st.Met, st.Value, st.Missing = metav1.ConditionUnknown, "unknown", nil
		}
		if st.Met == metav1.ConditionUnknown {
			st.Last = Clip(p.lastKnown(i), 64)
		}
		now := stamp(p.now)
		st.Since = &now
		if old != nil && old.Since != nil && !p.inFuture(old.Since.Time, 0) && (old.Met == metav1.ConditionUnknown) == (st.Met == metav1.ConditionUnknown) {
			st.Since = old.Since
		}
		if old != nil {
			p.keepOld(&st, old, v)
		}
		if p.status.State == v1alpha1.PhaseActive || p.status.State == v1alpha1.PhaseHolding {
			st.History = p.rememberTarget(st.History, v, &r)
		}
		statuses = append(statuses, st)
	}
	return statuses
}

// oldTarget is what the status has of a target that has not changed since.
func (p *phaseStep) oldTarget(i int) *v1alpha1.TargetStatus {
	old := p.status.Targets
	if p.status.TargetsHash != p.targetsHash(p.phase) || len(old) != len(p.targets.verdicts) {
		return nil
	}
	return &old[i]
}

// keepOld keeps what a target was achieved with, and the points since its phase started.
func (p *phaseStep) keepOld(st, old *v1alpha1.TargetStatus, v verdict) {
	if !p.startedAnew {
		st.History = old.History
	}
	if !p.done() {
		return
	}
	st.AchievedValue = old.AchievedValue
	// What is hidden only while nothing is known of it keeps its reference.
	if small := v.hidden && v.met != metav1.ConditionUnknown; !small {
		st.AchievedWith = old.AchievedWith
	}
}

// concealTargets hides what targets said of segments that are too small since.
func (p *phaseStep) concealTargets() {
	targets := slices.Clone(p.status.Targets)
	for i := range targets {
		r := p.readings[targets[i].Metric]
		targets[i].Missing = r.concealSegments(targets[i].Missing)
		if v := p.verdictOf(i); v != nil && v.hidden && !v.each {
			targets[i].AchievedValue, targets[i].History = "", ""
			if targets[i].Last != "" {
				targets[i].Last = suppressed
			}
		}
	}
	p.status.Targets = targets
	// Messages of transitions told the values of that time.
	p.status.Transitions = slices.Clone(p.status.Transitions)
	for _, v := range p.targets.verdicts {
		if !v.hidden || v.each {
			continue
		}
		told := regexp.MustCompile(`(` + regexp.QuoteMeta(string(v.target.Metric)) + `|has) -?[0-9][0-9a-z]*(\.[0-9]+)?[%a-z]*`)
		for i := range p.status.Transitions {
			t := &p.status.Transitions[i]
			t.Message = told.ReplaceAllString(t.Message, "$1 "+suppressed)
		}
	}
}

func (p *phaseStep) verdictOf(i int) *verdict {
	if i < len(p.targets.verdicts) {
		return &p.targets.verdicts[i]
	}
	return nil
}

func (p *phaseStep) describeTargets() {
	st := p.status
	met := 0
	shown := &v1alpha1.TargetStatus{}
	for i := range st.Targets {
		t := &st.Targets[i]
		if t.Met == metav1.ConditionTrue {
			met++
		} else if shown.Metric == "" {
			shown = t
		}
	}
	if shown.Metric == "" && len(st.Targets) > 0 {
		shown = &st.Targets[0]
	}
	st.Met = fmt.Sprintf("%d/%d", met, len(st.Targets))
	st.Value, st.Needs = Clip(shown.Value, 64), Clip(shown.Needs, 64)
}

// dueAt is the deadline; zero when there is none.
func (p *phaseStep) dueAt() time.Time {
	spec := &p.phase.Spec
	switch {
	case spec.Deadline != "":
		if t, err := p.calendar.parseEnd(spec.Deadline); err == nil {
			if _, isDay := parseDay(spec.Deadline); isDay {
				t = t.Add(-time.Second) // the last moment of the day
			}
			return t
		}
	case spec.MaxDuration != "" && p.status.StartedAt != nil:
		return p.calendar.after(p.notAhead(p.status.StartedAt.Time), durationOr(spec.MaxDuration, 0))
	}
	return time.Time{}
}

func (p *phaseStep) done() bool {
	return p.status.State == v1alpha1.PhaseAchieved || p.status.State == v1alpha1.PhaseRegressed
}

// missed reports whether the deadline passed before the phase was achieved. That is
// found on a fresh measurement, or where none is needed.
func (p *phaseStep) missed() bool {
	if p.done() || p.due.IsZero() || !p.now.After(p.due) {
		return false
	}
	for _, kind := range []string{v1alpha1.ConditionOnTrack, v1alpha1.ConditionStalled} {
		if was := meta.FindStatusCondition(p.phase.Status.Conditions, kind); was != nil && was.Reason == v1alpha1.ReasonDeadlineMissed {
			return true // said before, and missing data takes nothing back
		}
	}
	if !p.started() {
		return true
	}
	_, ok := p.targets.decides()
	return ok && p.targets.at.After(p.due)
}

// started reports whether the phase has begun: before that no measurement matters to it.
func (p *phaseStep) started() bool {
	return p.status.State != v1alpha1.PhaseWaiting && p.status.State != ""
}

// onTrack answers in the order of importance.
func (p *phaseStep) onTrack() Finding {
	switch {
	case p.unjudgeable():
		return maybe(v1alpha1.ReasonNotJudged, "The phase cannot be judged: "+p.problem.message)
	case p.lacksData():
		return maybe(v1alpha1.ReasonUnknown, "Measurements are missing: "+p.whyUnknown())
	case p.status.State == v1alpha1.PhaseRegressed:
		return no(v1alpha1.ReasonRegressed, p.fellBack())
	case p.blocked():
		return no(v1alpha1.ReasonBlocked, p.blockMessage())
	case p.missed():
		return no(v1alpha1.ReasonDeadlineMissed, p.missedMessage())
	case p.status.State == v1alpha1.PhaseAchieved:
		return p.achievedOnTrack()
	case p.outOfTime():
		return no(v1alpha1.ReasonAtRisk, p.outOfTimeMessage())
	}
	if b := p.majorBarrier(); b != nil {
		return no(v1alpha1.ReasonAtRisk, "Barrier "+b.Name+" is open: "+asSentence(b.Spec.Summary))
	}
	return yes(v1alpha1.ReasonOnTrack, "Nothing stands in the way.")
}

// blocked reports whether a blocking barrier keeps the phase back now.
func (p *phaseStep) blocked() bool {
	if len(p.blockers) == 0 || p.done() {
		return false
	}
	if p.status.State != v1alpha1.PhaseWaiting && p.status.State != "" {
		return true
	}
	for _, d := range p.phase.Spec.DependsOn {
		if other, ok := p.phaseByName[string(d)]; !ok || other.Status.State != v1alpha1.PhaseAchieved {
			return false // its turn has not come
		}
	}
	return true
}

func (p *phaseStep) blockMessage() string {
	texts := make([]string, len(p.blockers))
	for i, b := range p.blockers {
		texts[i] = fmt.Sprintf("%s (%s)", strings.TrimSuffix(wording(b), "."), cmp.Or(b.Spec.Owner, "no owner"))
		if why := p.unknownConcern(b); why != "" {
			texts[i] = fmt.Sprintf("barrier %s blocks every phase until it is mended: %s", b.Name, why)
		}
	}
	return Clip("Blocked: "+strings.Join(texts, "; ")+".", 1000)
}

// health is the first that applies.
func (p *phaseStep) health(onTrack Finding) string {
	switch onTrack.Reason {
	case v1alpha1.ReasonUnknown, v1alpha1.ReasonNotJudged:
		return v1alpha1.HealthUnknown
	case v1alpha1.ReasonRegressed:
		return v1alpha1.HealthRegressed
	case v1alpha1.ReasonBlocked:
		return v1alpha1.HealthBlocked
	case v1alpha1.ReasonDeadlineMissed:
		return v1alpha1.HealthDelayed
	case v1alpha1.ReasonAtRisk, v1alpha1.ReasonBelowTarget, v1alpha1.ReasonPopulationGrew:
		return v1alpha1.HealthAtRisk
	default:
		return v1alpha1.HealthOnTrack
	}
}

func (p *phaseStep) setConditions(onTrack Finding) {
	c := conditions{&p.status.Conditions, p.phase.Generation, p.now}
	problem := p.problem
	gate := p.phase.Spec.Reporting == v1alpha1.ReportingGate
	if problem == nil && gate && p.missed() {
		// Whoever waits for this phase should stop waiting, whatever keeps it back.
		problem = specProblem(v1alpha1.ReasonDeadlineMissed, p.missedMessage()+" Change the deadline, the targets, or help people get there.")
	}
	c.problem(problem)
	c.set(v1alpha1.ConditionReady, p.ready(problem, gate))
	c.set(v1alpha1.ConditionOnTrack, onTrack)
	if !p.unjudgeable() {
		c.onceTrue(v1alpha1.ConditionTargetsMet, p.targetsMet())
		p.setSustained(c)
		p.setClockJumped(c)
	}
	p.setApproved(c)
	p.setAchieved(c)
	c.onlyWhileTrue(v1alpha1.ConditionBlocked, p.blocked(), v1alpha1.ReasonBarrierOpen, p.blockMessage())
	switch {
	case ptr.Deref(p.phase.Spec.Suspend, false):
		c.set(v1alpha1.ConditionSuspended, yes(v1alpha1.ReasonSuspended, "No transition while spec.suspend is true."))
	case ptr.Deref(p.program.Spec.Suspend, false):
		c.set(v1alpha1.ConditionSuspended, yes(v1alpha1.ReasonProgramSuspended, "No transition while the program's spec.suspend is true."))
	default:
		c.remove(v1alpha1.ConditionSuspended)
	}
	c.finish()
}

// ready is what clients take for the health of the object.
func (p *phaseStep) ready(problem *problem, gate bool) Finding {
	switch {
	case problem != nil:
		return no(problem.reason, problem.message)
	case gate && !p.done():
		return no(v1alpha1.ReasonNotAchieved, p.summary())
	default:
		state := string(p.status.State)
		return yes(cmp.Or(state, string(v1alpha1.PhaseWaiting)), p.summary()+p.found.warnings())
	}
}

func (p *phaseStep) targetsMet() Finding {
	if p.anyPending() {
		if was := meta.FindStatusCondition(p.phase.Status.Conditions, v1alpha1.ConditionTargetsMet); was != nil {
			return Finding{was.Status, was.Reason, was.Message}
		}
	}
	met := p.targets.met
	if p.lacksData() { // what is too old is not told as the present
		met = metav1.ConditionUnknown
	}
	switch met {
	case metav1.ConditionTrue:
		return yes(v1alpha1.ReasonTargetsMet, "Every target is met: "+p.values()+".")
	case metav1.ConditionFalse:
		return no(v1alpha1.ReasonTargetsMissed, "Needs "+p.firstUnmet().needsPhrase()+".")
	default:
		return maybe(v1alpha1.ReasonUnknown, "Measurements are missing: "+p.whyUnknown())
	}
}

func (p *phaseStep) anyPending() bool {
	return slices.ContainsFunc(p.phase.Spec.Targets, func(t v1alpha1.Target) bool { return p.readings[string(t.Metric)].Pending })
}

func (p *phaseStep) whyUnknown() string {
	for _, v := range p.targets.verdicts {
		if why := cmp.Or(v.why, p.readings[string(v.target.Metric)].Why); why != "" {
			return why
		}
	}
	return "waiting for the first answers"
}

func (p *phaseStep) setSustained(c conditions) {
	if p.phase.Spec.Sustain == nil {
		c.remove(v1alpha1.ConditionSustained)
		return
	}
	switch {
	case p.status.State == v1alpha1.PhaseRegressed:
		c.onceTrue(v1alpha1.ConditionSustained, no(v1alpha1.ReasonRegressed, "Fell back beyond target and margin."))
	case p.status.State != v1alpha1.PhaseAchieved:
		c.remove(v1alpha1.ConditionSustained)
	case p.calendar.quietAt(p.now):
		c.onceTrue(v1alpha1.ConditionSustained, yes(v1alpha1.ReasonQuiet, "Measurements judge nothing in a quiet freeze."))
	case p.anyPending():
		// Nothing is known yet after a start: what was said stays.
	case p.withMargin.met == metav1.ConditionUnknown || p.lacksData():
		c.onceTrue(v1alpha1.ConditionSustained, maybe(v1alpha1.ReasonUnknown, "Measurements are missing: "+p.whyUnknown()))
	default:
		c.set(v1alpha1.ConditionSustained, yes(v1alpha1.ReasonSustained, "No regression."))
	}
}

// setClockJumped tells that a window began anew, for as long as that window is open.
func (p *phaseStep) setClockJumped(c conditions) {
	switch {
	case p.jumped != "":
		c.remove(v1alpha1.ConditionClockJumped) // a second jump is news as well
		c.set(v1alpha1.ConditionClockJumped, yes(v1alpha1.ReasonClockJumped, p.jumped))
	case p.status.Hold == nil && p.status.Sustain == nil:
		c.remove(v1alpha1.ConditionClockJumped)
	}
}

func (p *phaseStep) setApproved(c conditions) {
	if len(p.phase.Spec.Gates) == 0 {
		c.remove(v1alpha1.ConditionApproved)
		return
	}
	missing := append(p.missingGates(v1alpha1.GateAtStart), p.missingGates(v1alpha1.GateAtFinish)...)
	if len(missing) > 0 {
		c.onceTrue(v1alpha1.ConditionApproved, no(v1alpha1.ReasonNotApproved, "Waits for "+strings.Join(missing, ", ")+"."))
		return
	}
	c.set(v1alpha1.ConditionApproved, yes(v1alpha1.ReasonApproved, "Every gate is approved"+p.approvedForOther()+"."))
}

func (p *phaseStep) setAchieved(c conditions) {
	switch {
	case p.done():
		c.set(v1alpha1.ConditionAchieved, yes(v1alpha1.ReasonAchieved, "The targets were met for the whole hold."))
	case len(p.status.Transitions) > 0 && c.get(v1alpha1.ConditionAchieved) != nil:
		reason := v1alpha1.ReasonTargetsChanged
		if p.status.Attempt > 1 {
			reason = v1alpha1.ReasonReopened
		}
		c.set(v1alpha1.ConditionAchieved, no(reason, "Not achieved again yet."))
	}
}
