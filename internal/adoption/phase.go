// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// phaseStep is one phase in one step.
type phaseStep struct {
	*stepper
	phase      *v1alpha1.Phase
	status     *v1alpha1.PhaseStatus
	found      findings
	problem    *problem
	targets    overall
	withMargin overall // the same targets, with the margin
	waits      []string
	due        time.Time
	blockers   []*v1alpha1.Barrier
	track      Finding // whether it is on track
	// startedAnew says that an attempt begins in this step: points from before it
	// tell nothing of it.
	startedAnew bool
	// jumped tells that a window began anew because the clock was set.
	jumped string
}

// stepPhase decides on one phase. What it rests on is the persisted state of
// the other objects.
func (s *stepper) stepPhase(phase *v1alpha1.Phase, tooMany bool) PhaseOutcome {
	p := &phaseStep{stepper: s, phase: phase, status: phase.Status.DeepCopy()}
	p.found = s.checkPhase(phase, tooMany)
	p.problem = p.found.problem()
	p.blockers = s.blocking(phase)
	p.approve() // also of a phase that cannot be judged: of what people see there
	if !p.unjudgeable() {
		p.targets = s.judgeAll(phase, nil)
		p.withMargin = s.judgeAll(phase, s.margins(phase))
		if !p.suspended() {
			p.transition()
		}
	}
	p.describe()
	if p.anyPending() && equalIgnoringValues(&phase.Status, p.status, phaseMeaning) {
		p.status = phase.Status.DeepCopy()
	}
	return PhaseOutcome{Phase: phase, Status: *p.status, Write: worthWriting(s, &phase.Status, p.status, phaseWords, &p.status.ValuesAt)}
}

// unjudgeable reports whether the phase cannot be judged: its own spec cannot work, or a
// segment of its audience is gone. Then nothing moves.
func (p *phaseStep) unjudgeable() bool {
	return p.problem != nil && (p.problem.stalled || p.problem.has(v1alpha1.ReasonSegmentNotFound))
}

func (p *phaseStep) suspended() bool {
	return ptr.Deref(p.phase.Spec.Suspend, false) || ptr.Deref(p.program.Spec.Suspend, false)
}

// transition makes at most one change of state.
func (p *phaseStep) transition() {
	switch p.status.State {
	case "":
		p.enter()
	case v1alpha1.PhaseWaiting:
		p.fromWaiting()
	case v1alpha1.PhaseActive:
		p.fromActive()
	case v1alpha1.PhaseHolding:
		p.fromHolding()
	case v1alpha1.PhaseAchieved:
		p.fromAchieved()
	case v1alpha1.PhaseRegressed:
		p.fromRegressed()
	}
}

// to records a transition.
func (p *phaseStep) to(state v1alpha1.PhaseState, reason, message string) {
	p.status.Transitions = advance(p.status.Transitions, string(p.status.State), string(state), reason, message, p.now)
	p.status.State = state
	now := stamp(p.now)
	p.status.Since = &now
}

// enter gives a new object its first state: Waiting, which is no transition, or
// what its checkpoint says.
func (p *phaseStep) enter() {
	now := stamp(p.now)
	p.status.Attempt = 1
	p.status.TargetsHash = p.targetsHash(p.phase)
	if c := p.phase.Spec.Checkpoint; c != nil {
		achieved, started := p.past(c.AchievedAt), p.past(c.StartedAt)
		switch {
		case achieved != nil:
			p.status.StartedAt, p.status.AchievedAt = cmp.Or(started, achieved), achieved
			p.to(v1alpha1.PhaseAchieved, v1alpha1.ReasonCheckpoint, "Achieved before, as spec.checkpoint says.")
			return
		case started != nil:
			p.status.StartedAt = started
			p.to(v1alpha1.PhaseActive, v1alpha1.ReasonCheckpoint, "Started before, as spec.checkpoint says.")
			return
		}
	}
	p.status.State = v1alpha1.PhaseWaiting
	p.status.Since = &now
}

// past reads a date of the checkpoint; nil when it is absent or not in the past.
func (p *phaseStep) past(d v1alpha1.Date) *metav1.Time {
	t, err := p.calendar.parse(d)
	if d == "" || err != nil || t.After(p.now) {
		return nil
	}
	at := stamp(t)
	return &at
}

func (p *phaseStep) fromWaiting() {
	p.waits = p.startsAfter()
	if len(p.waits) > 0 || p.problem != nil {
		return
	}
	now := stamp(p.now)
	p.status.StartedAt, p.startedAnew = &now, true
	p.status.TargetsHash = p.targetsHash(p.phase)
	p.to(v1alpha1.PhaseActive, v1alpha1.ReasonStarted, "Started.")
}

func (p *phaseStep) fromActive() {
	p.status.TargetsHash = p.targetsHash(p.phase)
	if met, ok := p.targets.decides(); !ok || !met {
		return
	}
	if p.rowsBeforeStart() != "" {
		return
	}
	p.status.Hold = p.startHold()
	p.to(v1alpha1.PhaseHolding, v1alpha1.ReasonTargetsMet, "Targets met: "+p.values()+".")
}

func (p *phaseStep) fromHolding() {
	if hash := p.targetsHash(p.phase); hash != p.status.TargetsHash {
		p.status.TargetsHash, p.status.Hold = hash, nil
		p.to(v1alpha1.PhaseActive, v1alpha1.ReasonTargetsChanged, "The targets changed: the hold begins anew.")
		return
	}
	met, ok := p.targets.decides()
	if !ok {
		p.waits = append(p.rowsAwaited(), p.finishesAfter()...)
		return
	}
	rule := p.holdRule()
	if p.status.Hold == nil {
		p.status.Hold = p.startHold()
	}
	if p.holdStrayed() {
		p.holdAnew(met)
	}
	p.status.Hold = p.holdWithRows(p.status.Hold.DeepCopy())
	rule.record(p.status.Hold, p.targets.at, met)
	if rule.broken(p.status.Hold) {
		p.status.Hold = nil
		p.to(v1alpha1.PhaseActive, v1alpha1.ReasonTargetsMissed, "Targets missed during the hold: needs "+p.firstUnmet().needsPhrase()+".")
		return
	}
	p.waits = append(p.rowsAwaited(), p.finishesAfter()...)
	if !met || !rule.full(p.status.Hold, p.targets.at) || len(p.waits) > 0 {
		return
	}
	p.achieve(v1alpha1.ReasonAchieved, "Achieved: "+p.values()+".")
}

func (p *phaseStep) holdStrayed() bool {
	return p.windowStrayed(p.status.Hold, p.holdRule(), p.phase.Status.MeasuredAt)
}

func (p *phaseStep) sustainStrayed() bool {
	return p.windowStrayed(p.status.Sustain, p.sustainRule(), p.phase.Status.MeasuredAt)
}

// holdAnew begins a hold anew whose times cannot be compared any more. What people
// entered has dates of its own, which stay.
func (p *phaseStep) holdAnew(met bool) {
	entered := p.status.Hold.Entered
	p.status.Hold = startWindow(p.targets.at, p.holdRule())
	p.status.Hold.Entered = entered
	if !met {
		p.status.Hold.Checks = "x"
	}
	p.jumped = p.clockJumped("the hold")
}

func (p *phaseStep) clockJumped(what string) string {
	return fmt.Sprintf("The clock of the operator was set: %s began anew on %s. Nothing is to be done here; let the nodes keep time (NTP).",
		what, p.now.In(p.calendar.zone).Format("2006-01-02 15:04"))
}

// sustainAnew gives up a run of checks whose times cannot be compared any more.
func (p *phaseStep) sustainAnew() {
	if p.sustainStrayed() {
		p.status.Sustain, p.jumped = nil, p.clockJumped("the time that a change has to last")
	}
}

// achieve stores what a regression is later measured against.
func (p *phaseStep) achieve(reason, message string) {
	now := stamp(p.now)
	p.status.AchievedAt, p.status.Hold, p.status.Sustain = &now, nil, nil
	p.to(v1alpha1.PhaseAchieved, reason, message)
	p.keepReference()
}

// keepReference stores the numbers of the active that a regression is told from.
func (p *phaseStep) keepReference() {
	p.status.Targets = p.targetStatuses()
	for i, v := range p.targets.verdicts {
		if v.hasParts && !v.hidden {
			p.status.Targets[i].AchievedWith = decimal(v.numerator)
		}
		if !v.hidden || v.each {
			p.status.Targets[i].AchievedValue = Clip(v.value, 64)
		}
	}
}

// hasReference reports whether every rate and share has a number to compare with.
func (p *phaseStep) hasReference() bool {
	for i, v := range p.targets.verdicts {
		m := p.readings[string(v.target.Metric)].Metric
		compared := m != nil && (m.Rate != nil || m.Share != nil) && !v.hidden
		if compared && (i >= len(p.status.Targets) || p.status.Targets[i].AchievedWith == "") {
			return false
		}
	}
	return true
}

func (p *phaseStep) fromAchieved() {
	if hash := p.targetsHash(p.phase); hash != p.status.TargetsHash {
		p.judgeChangedTargets(hash)
		return
	}
	if p.phase.Spec.Sustain == nil || !p.latestOnItsTargets() {
		p.status.Sustain = nil
		return
	}
	if p.calendar.quietAt(p.withMargin.at) {
		return // judges nothing, and ends no run
	}
	if _, ok := p.targets.decides(); ok && !p.hasReference() {
		p.keepReference() // achieved elsewhere: measured against from here on
		return
	}
	met, ok := p.withMargin.decides()
	fewer, known := p.fewerThanAchieved()
	if !ok || !met && !known {
		return
	}
	fallen := !met && fewer
	p.sustainAnew()
	var full bool
	p.status.Sustain, full = p.sustainRule().run(p.status.Sustain.DeepCopy(), p.withMargin.at, fallen)
	if full {
		p.status.Sustain = nil
		p.to(v1alpha1.PhaseRegressed, v1alpha1.ReasonRegressed, "Fell back: needs "+p.firstUnmet().needsPhrase()+".")
	}
}

// judgeChangedTargets takes an achieved phase back to Active when it does not
// meet its new targets; that is no regression, and not decided without data.
func (p *phaseStep) judgeChangedTargets(hash string) {
	met, ok := p.targets.decides()
	if !ok {
		return
	}
	p.status.TargetsHash, p.status.Sustain = hash, nil
	if !met {
		p.status.AchievedAt = nil
		p.to(v1alpha1.PhaseActive, v1alpha1.ReasonTargetsChanged, "The targets changed: needs "+p.firstUnmet().needsPhrase()+".")
		return
	}
	p.keepReference()
}

func (p *phaseStep) fromRegressed() {
	if p.phase.Spec.Sustain != nil && p.phase.Spec.Sustain.OnRegression == v1alpha1.OnRegressionReopen {
		now := stamp(p.now)
		p.status.Attempt++
		p.startedAnew = true
		p.status.StartedAt, p.status.AchievedAt, p.status.Hold, p.status.Sustain = &now, nil, nil, nil
		p.spendApprovals()
		p.status.TargetsHash = p.targetsHash(p.phase)
		p.to(v1alpha1.PhaseActive, v1alpha1.ReasonReopened, fmt.Sprintf("Reopened: attempt %d begins.", p.status.Attempt))
		return
	}
	p.status.TargetsHash = p.targetsHash(p.phase)
	met, ok := p.targets.decides()
	if !ok {
		return
	}
	p.sustainAnew()
	var full bool
	p.status.Sustain, full = p.sustainRule().run(p.status.Sustain.DeepCopy(), p.targets.at, met)
	if full {
		p.status.Sustain = nil
		p.to(v1alpha1.PhaseAchieved, v1alpha1.ReasonRecovered, "Recovered: "+p.values()+".")
	}
}

// fewerThanAchieved tells a real fall from one that only the denominator made:
// for rates and shares, fewer must be active than when the phase was achieved. A
// number that lacks unknown segments is not compared: it is not known.
func (p *phaseStep) fewerThanAchieved() (fewer, known bool) {
	known = true
	for i, v := range p.withMargin.verdicts {
		if v.met != metav1.ConditionFalse || !v.fresh {
			continue
		}
		m := p.readings[string(v.target.Metric)].Metric
		if m == nil || m.Rate == nil && m.Share == nil || v.hidden {
			return true, true // there is no number to compare with, or none that may be stored
		}
		if v.partial {
			known = false
			continue
		}
		if i >= len(p.status.Targets) || p.status.Targets[i].AchievedWith == "" {
			known = false // nothing to compare with yet
			continue
		}
		before, err := parseDecimal(p.status.Targets[i].AchievedWith, "", "")
		if err != nil || !atLeast(v.numerator, before-0.005) {
			return true, true // the stored number has two decimals
		}
	}
	return false, known
}

// latestOnItsTargets reports whether no later achieved phase, watched for regression
// itself, judges the same metrics for the same audience: of several only the latest is judged.
func (p *phaseStep) latestOnItsTargets() bool {
	for _, other := range p.phases {
		if other == p.phase || other.Spec.Sustain == nil || other.Status.State != v1alpha1.PhaseAchieved && other.Status.State != v1alpha1.PhaseRegressed {
			continue
		}
		if other.Status.AchievedAt == nil || p.status.AchievedAt == nil || !sameAudience(p.phase, other) {
			continue
		}
		later := other.Status.AchievedAt.After(p.status.AchievedAt.Time) ||
			other.Status.AchievedAt.Equal(p.status.AchievedAt) && older(p.phase, other) < 0
		if later {
			return false
		}
	}
	return true
}

func sameAudience(a, b *v1alpha1.Phase) bool {
	if !slices.Equal(slices.Sorted(slices.Values(a.Spec.Segments)), slices.Sorted(slices.Values(b.Spec.Segments))) {
		return false
	}
	for _, t := range a.Spec.Targets {
		covered := slices.ContainsFunc(b.Spec.Targets, func(o v1alpha1.Target) bool {
			return o.Metric == t.Metric && slices.Equal(slices.Sorted(slices.Values(o.Segments)), slices.Sorted(slices.Values(t.Segments)))
		})
		if !covered {
			return false
		}
	}
	return true
}

func (p *phaseStep) holdRule() windowRule {
	h := p.phase.Spec.Hold
	if h == nil {
		return newWindowRule(0, 0, p.slowestOf(), 0)
	}
	allowed := 0
	if h.MissesAllowed != nil {
		allowed = int(*h.MissesAllowed)
	}
	return newWindowRule(durationOr(h.For, 0), durationOr(h.Every, 0), p.slowestOf(), allowed)
}

func (p *phaseStep) sustainRule() windowRule {
	length := time.Duration(0)
	if p.phase.Spec.Sustain != nil {
		length = durationOr(p.phase.Spec.Sustain.For, 0)
	}
	return newWindowRule(length, 0, p.slowestOf(), 0)
}

// slowestOf is the longest interval of the phase's metrics.
func (p *phaseStep) slowestOf() time.Duration {
	slowest := time.Duration(0)
	for _, t := range p.phase.Spec.Targets {
		slowest = max(slowest, p.readings[string(t.Metric)].slowest)
	}
	return slowest
}

// firstUnmet is the target that people should look at.
func (p *phaseStep) firstUnmet() verdict {
	for _, v := range p.targets.verdicts {
		if v.met == metav1.ConditionFalse {
			return v
		}
	}
	for _, v := range p.targets.verdicts {
		if v.met == metav1.ConditionUnknown {
			return v
		}
	}
	return p.targets.verdicts[0]
}

// named is a value with its metric.
func (v verdict) named(value string) string {
	if v.each {
		value += " segments"
	}
	return string(v.target.Metric) + " " + value
}

// values lists what was measured: "migrated 85%, legacy-share 2%".
func (p *phaseStep) values() string {
	texts := make([]string, len(p.targets.verdicts))
	for i, v := range p.targets.verdicts {
		texts[i] = v.named(v.value)
	}
	return strings.Join(texts, ", ")
}
