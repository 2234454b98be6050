// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// sourceFailures in a row colour a program; a blip does not.
const sourceFailures = 3

// programStep is the program itself in one step. Everything it says about
// phases and barriers is about their persisted state.
type programStep struct {
	*stepper
	status  *v1alpha1.AdoptionProgramStatus
	old     *v1alpha1.AdoptionProgramStatus
	found   findings
	problem *problem
}

func (s *stepper) stepProgram() *ProgramOutcome {
	p := &programStep{stepper: s, old: &s.program.Status, status: s.program.Status.DeepCopy()}
	p.found = s.checkProgram()
	p.countBarriers()
	p.measure()
	p.problem = cmp.Or(p.found.problem(), p.neverMeasured())
	p.derive()
	onTrack := p.onTrack()
	p.setConditions(onTrack)
	p.status.Summary = Clip(p.summary(), 1024)
	p.status.ObservedGeneration = s.program.Generation
	return &ProgramOutcome{Program: s.program, Status: *p.status, Write: worthWriting(s, p.old, p.status, programMeaning, &p.status.ValuesAt)}
}

func (p *programStep) countBarriers() {
	counts := &v1alpha1.BarrierCounts{}
	for _, b := range p.barriers {
		if !isOpen(b.Status.State) {
			continue
		}
		counts.Open++
		if b.Spec.Severity == v1alpha1.SeverityBlocking {
			counts.Blocking++
		}
		if b.Status.State == v1alpha1.BarrierEscalated {
			counts.Escalated++
		}
	}
	p.status.Barriers = counts
}

// derive fills the state, progress and current phase from the phases.
func (p *programStep) derive() {
	started, achieved := 0, 0
	p.status.Current = ""
	for _, ph := range p.inOrder() {
		switch ph.Status.State {
		case v1alpha1.PhaseAchieved, v1alpha1.PhaseRegressed:
			started++
			achieved++
		case v1alpha1.PhaseActive, v1alpha1.PhaseHolding:
			started++
			if p.status.Current == "" {
				p.status.Current = ph.Name
			}
		default: // has not started
		}
	}
	total := len(p.served())
	p.status.Progress = fmt.Sprintf("%d/%d", achieved, total)
	p.advanceState(started > 0, started > 0 && achieved == total)
}

// advanceState moves the program one state at a time, and begins with Planned,
// so that its way does not depend on when the operator first looked.
func (p *programStep) advanceState(started, allAchieved bool) {
	old := p.old.State
	state, reason := old, ""
	switch {
	case old == "":
		p.status.State = v1alpha1.ProgramPlanned // no transition
		return
	case !started:
		state, reason = v1alpha1.ProgramPlanned, v1alpha1.ReasonPlanned
	case old == v1alpha1.ProgramPlanned:
		state, reason = v1alpha1.ProgramActive, v1alpha1.ReasonProgramStarted
	case allAchieved:
		state, reason = v1alpha1.ProgramSustaining, v1alpha1.ReasonAllPhasesAchieved
	case old == v1alpha1.ProgramSustaining:
		state, reason = v1alpha1.ProgramActive, v1alpha1.ReasonPhasesOutstanding
	}
	if state != old {
		p.status.State = state
		p.status.Transitions = advance(p.old.Transitions, old, state, reason, fmt.Sprintf("%s phases achieved.", p.status.Progress), p.now)
	}
}

// healthOrder is the precedence of healths.
var healthOrder = []string{
	v1alpha1.HealthUnknown, v1alpha1.HealthRegressed, v1alpha1.HealthBlocked,
	v1alpha1.HealthDelayed, v1alpha1.HealthAtRisk, v1alpha1.HealthOnTrack,
}

// onTrack is the worst of the phases, told by the first that has it.
func (p *programStep) onTrack() Finding {
	worst, phase := len(healthOrder)-1, (*v1alpha1.Phase)(nil)
	for _, ph := range p.inOrder() {
		if ptr.Deref(ph.Spec.Suspend, false) {
			continue
		}
		i := slices.Index(healthOrder, ph.Status.Health)
		// Of phases of which nothing is known, one that waits for measurements tells more.
		if i >= 0 && i < worst || i == 0 && isNotJudged(phase) {
			worst, phase = i, ph
		}
	}
	if why := p.blind(phase == nil); worst > 0 && why != "" {
		p.status.Health = v1alpha1.HealthUnknown
		return maybe(v1alpha1.ReasonUnknown, "Measurements are missing: "+why)
	}
	p.status.Health = healthOrder[worst]
	if phase == nil {
		return yes(v1alpha1.ReasonOnTrack, "Nothing stands in the way.")
	}
	was := meta.FindStatusCondition(phase.Status.Conditions, v1alpha1.ConditionOnTrack)
	if was == nil {
		return maybe(v1alpha1.ReasonNotJudged, "Phase "+phase.Name+" is not judged yet.")
	}
	return Finding{was.Status, was.Reason, "Phase " + phase.Name + ": " + was.Message}
}

func isNotJudged(phase *v1alpha1.Phase) bool {
	was := meta.FindStatusCondition(phase.Status.Conditions, v1alpha1.ConditionOnTrack)
	return was != nil && was.Reason == v1alpha1.ReasonNotJudged
}

func (p *programStep) setConditions(onTrack Finding) {
	c := conditions{&p.status.Conditions, p.program.Generation, p.now}
	c.problem(p.problem)
	if p.problem != nil {
		c.set(v1alpha1.ConditionReady, no(p.problem.reason, p.problem.message))
	} else {
		c.set(v1alpha1.ConditionReady, yes(v1alpha1.ReasonMeasuring, p.measuredText()+p.exemptWarning()+p.found.warnings()))
	}
	c.set(v1alpha1.ConditionOnTrack, onTrack)
	c.set(v1alpha1.ConditionSourcesHealthy, p.sourcesHealthy())
	c.set(v1alpha1.ConditionAccountable, p.accountable())
	c.onlyWhileTrue(v1alpha1.ConditionSuspended, ptr.Deref(p.program.Spec.Suspend, false), v1alpha1.ReasonSuspended, "No phase moves while spec.suspend is true.")
	due, message := p.reviewDue()
	reason, ends := p.exemptionsEnd()
	c.onlyWhileTrue(v1alpha1.ConditionExemptionsEnd, reason != "", reason, ends)
	c.onlyWhileTrue(v1alpha1.ConditionReviewDue, due, v1alpha1.ReasonReviewDue, message)
	c.finish()
}

// exemptWarning speaks up when so many are exempt that a rate means little.
func (p *programStep) exemptWarning() string {
	if !p.pop.total.known || p.pop.total.value == 0 {
		return ""
	}
	if share := p.pop.exempt / p.pop.total.value; share > 0.1 {
		return fmt.Sprintf(" Warning: %s of the eligible are exempt.", formatValue(share, v1alpha1.FormatPercent, ""))
	}
	return ""
}

// sourcesHealthy names the first query that is not answered. Since when is the
// condition's lastTransitionTime.
func (p *programStep) sourcesHealthy() Finding {
	pending := false
	for _, use := range Queries(p.program) {
		m, attempted := p.measurements[use.Path]
		switch {
		case !attempted || m.At.IsZero() && m.Problem == nil:
			pending = true
		case m.Problem != nil && (m.At.IsZero() && !p.everHealthy() || m.Problem.Failures >= sourceFailures || m.Problem.Kind != ProblemData):
			return no(v1alpha1.ReasonQueryFailing, use.Path+": "+m.Problem.Message)
		}
	}
	was := meta.FindStatusCondition(p.old.Conditions, v1alpha1.ConditionSourcesHealthy)
	if pending {
		if was != nil {
			return Finding{was.Status, was.Reason, was.Message}
		}
		return maybe(v1alpha1.ReasonAwaitingData, "The first answers are on their way.")
	}
	if why := p.populationProblem(); why != "" {
		return no(v1alpha1.ReasonQueryFailing, why)
	}
	for i := range p.program.Spec.Metrics {
		r := p.readings[string(p.program.Spec.Metrics[i].Name)]
		failing := r.Fresh || r.Stale // a blip leaves it neither fresh nor stale
		if failing && r.Why != "" || r.Fresh && !r.Total.Known && !r.Total.NotApplicable {
			return no(v1alpha1.ReasonQueryFailing, cmp.Or(r.Why, r.Total.Why))
		}
	}
	for _, use := range Queries(p.program) {
		if m := p.measurements[use.Path]; m.Problem != nil && was != nil {
			return Finding{was.Status, was.Reason, was.Message} // a blip
		}
	}
	return yes(v1alpha1.ReasonAnswering, joined([]string{p.nothingFound(), "Every query is answered."}))
}

func (p *programStep) everHealthy() bool {
	was := meta.FindStatusCondition(p.old.Conditions, v1alpha1.ConditionSourcesHealthy)
	return was != nil && was.Status == metav1.ConditionTrue
}

func (p *programStep) accountable() Finding {
	a := p.program.Spec.Accountability
	if a == nil || a.ProgramOwner == "" {
		return no(v1alpha1.ReasonNoOwner, "Nobody runs the program: name spec.accountability.programOwner.")
	}
	if a.ExecutiveSponsor == "" {
		return no(v1alpha1.ReasonNoSponsor, "Nobody can decide what the team cannot: name spec.accountability.executiveSponsor.")
	}
	for _, b := range p.barriers {
		if isOpen(b.Status.State) && b.Spec.Owner == "" {
			return no(v1alpha1.ReasonBarrierWithoutOwner, "Barrier "+b.Name+" is open and nobody owns it: set its spec.owner.")
		}
	}
	return yes(v1alpha1.ReasonNamed, a.ExecutiveSponsor+" sponsors, "+a.ProgramOwner+" runs it."+p.reviewed())
}

func (p *programStep) reviewDue() (bool, string) {
	spec := &p.program.Spec
	every := durationOr(spec.ReviewEvery, 0)
	if every == 0 {
		return false, ""
	}
	last := p.program.CreationTimestamp.Time
	if t, err := p.calendar.parse(spec.ReviewedAt); spec.ReviewedAt != "" && err == nil {
		last = t
	}
	due := last.Add(every)
	p.agenda.at(due)
	return !p.now.Before(due), "Review the program and set spec.reviewedAt; it was due on " + p.calendar.day(due) + "."
}

// programMeaning is a status without the values that move all the time. Points
// of a history, samples and rows seen for the first time are worth a write.
func programMeaning(status *v1alpha1.AdoptionProgramStatus) *v1alpha1.AdoptionProgramStatus {
	m := status.DeepCopy()
	m.ValuesAt, m.MeasuredAt, m.Summary, m.Adoption, m.Trend = nil, nil, withoutNumbers(m.Summary), "", ""
	if m.Population != nil {
		m.Population.Eligible, m.Population.Exempt, m.Population.Segments, m.Population.NotApplicable = "", "", 0, nil
		m.Population.Unmatched = ""
	}
	for i := range m.Metrics {
		st := &m.Metrics[i]
		m.Metrics[i] = v1alpha1.MetricStatus{Name: st.Name, History: st.History, Samples: st.Samples, Seen: st.Seen, Baseline: st.Baseline, Moved: st.Moved, Sampled: st.Sampled}
		if st.Fall != nil && st.Fall.Since != nil {
			m.Metrics[i].Fall = &v1alpha1.FallStatus{Since: st.Fall.Since}
		}
	}
	m.Conditions = stableConditions(m.Conditions)
	return m
}

// withoutProgram tells phases and barriers that their program is not there.
// Their state stays as it is.
func (s *stepper) withoutProgram() Outcome {
	missing := s.programNotFound()
	out := Outcome{}
	for _, ph := range s.phases {
		st := ph.Status.DeepCopy()
		st.ObservedGeneration = ph.Generation
		st.Summary = asSentence(missing.message)
		c := conditions{&st.Conditions, ph.Generation, s.now}
		c.problem(missing)
		c.set(v1alpha1.ConditionReady, no(missing.reason, missing.message))
		c.set(v1alpha1.ConditionOnTrack, maybe(v1alpha1.ReasonNotJudged, missing.message))
		st.Health = v1alpha1.HealthUnknown
		c.finish()
		out.Phases = append(out.Phases, PhaseOutcome{Phase: ph, Status: *st, Write: !equality.Semantic.DeepEqual(&ph.Status, st)})
	}
	for _, b := range s.barriers {
		st := b.Status.DeepCopy()
		st.ObservedGeneration = b.Generation
		st.Summary = asSentence(missing.message)
		c := conditions{&st.Conditions, b.Generation, s.now}
		c.problem(missing)
		c.set(v1alpha1.ConditionReady, no(missing.reason, missing.message))
		c.finish()
		out.Barriers = append(out.Barriers, BarrierOutcome{Barrier: b, Status: *st, Write: !equality.Semantic.DeepEqual(&b.Status, st)})
	}
	return out
}
