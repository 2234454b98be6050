// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// approve records approvals that are not recorded yet, each with what it is of, and
// spends those that were of something else. A removed annotation changes nothing;
// after an approval was spent, an annotation counts again once it was removed or
// names somebody else.
func (p *phaseStep) approve() {
	if len(p.phase.Spec.Gates) == 0 && len(p.status.Approvals) == 0 && p.phase.Spec.Checkpoint == nil {
		return
	}
	current := p.approvedNow()
	p.spendChanged(current)
	for _, gate := range p.phase.Spec.Gates {
		by := p.approvalBy(string(gate.Name))
		i := slices.IndexFunc(p.status.Approvals, func(a v1alpha1.Approval) bool { return a.Gate == string(gate.Name) })
		switch {
		case i >= 0 && p.status.Approvals[i].Spent && by == "":
			p.status.Approvals = slices.Delete(p.status.Approvals, i, i+1)
		case i >= 0 && (!p.status.Approvals[i].Spent || p.status.Approvals[i].By == by):
		case by != "":
			approval := v1alpha1.Approval{Gate: string(gate.Name), By: by, At: stamp(p.now), ApprovedFor: current}
			if i >= 0 {
				p.status.Approvals[i] = approval
			} else {
				p.status.Approvals = append(p.status.Approvals, approval)
			}
		}
	}
	if c := p.phase.Spec.Checkpoint; c != nil && p.status.State == "" {
		p.approveFrom(c, current)
	}
	if len(p.status.Approvals) > maxApprovals { // of gates that are gone
		p.status.Approvals = slices.DeleteFunc(p.status.Approvals, func(a v1alpha1.Approval) bool { return p.gate(a.Gate) == nil })
	}
}

// maxApprovals is what the schema allows.
const maxApprovals = 16

func (p *phaseStep) approveFrom(c *v1alpha1.Checkpoint, current string) {
	for _, a := range c.Approvals {
		if p.approved(string(a.Gate)) {
			continue
		}
		at := stamp(p.now)
		if past := p.past(a.At); past != nil {
			at = *past
		}
		p.status.Approvals = append(p.status.Approvals, v1alpha1.Approval{Gate: string(a.Gate), By: a.By, At: at, ApprovedFor: current})
	}
}

func (p *phaseStep) approved(gate string) bool {
	return slices.ContainsFunc(p.status.Approvals, func(a v1alpha1.Approval) bool { return a.Gate == gate && !a.Spent })
}

// spendApprovals makes approvals of one attempt count no more.
func (p *phaseStep) spendApprovals() {
	for i := range p.status.Approvals {
		a := &p.status.Approvals[i]
		if !a.Spent {
			a.Spent, a.SpentBecause = true, "it is of the attempt before"
		}
	}
}

func gateAt(g v1alpha1.Gate) v1alpha1.GateAt {
	if g.At == "" {
		return v1alpha1.GateAtFinish
	}
	return g.At
}

// openGates are the gates at a point that are not approved.
func (p *phaseStep) openGates(at v1alpha1.GateAt) []string {
	var open []string
	for _, gate := range p.phase.Spec.Gates {
		if name := string(gate.Name); gateAt(gate) == at && !p.approved(name) {
			open = append(open, name)
		}
	}
	return open
}

// missingGates says which gates at a point are not approved, and what is in vain.
func (p *phaseStep) missingGates(at v1alpha1.GateAt) []string {
	var waits []string
	for _, gate := range p.openGates(at) {
		waits = append(waits, "approval of "+gate+p.approvalHint(gate))
	}
	return waits
}

// approvalHint points at an annotation that looks like the approval of a gate, and
// does not count.
func (p *phaseStep) approvalHint(gate string) string {
	if spent := p.spentApproval(gate); spent != nil {
		return fmt.Sprintf(" (that of %s does not count: %s)", spent.By, cmp.Or(spent.SpentBecause, "it is of the attempt before"))
	}
	return p.strayApproval(gate)
}

// approvalBy is who a gate's annotation says has approved; empty: there is none.
func (p *phaseStep) approvalBy(gate string) string {
	return Clip(p.phase.Annotations[v1alpha1.ApprovalAnnotationPrefix+gate], 256)
}

// spentApproval is the recorded approval of a gate whose annotation is still there
// and counts no more: for an attempt before the phase was reopened, or for targets
// that have changed. Nil when there is none.
func (p *phaseStep) spentApproval(gate string) *v1alpha1.Approval {
	by := p.approvalBy(gate)
	for i := range p.status.Approvals {
		if a := &p.status.Approvals[i]; a.Gate == gate && a.Spent && a.By == by {
			return a
		}
	}
	return nil
}

// howToApprove is the command for the first gate that a person can approve now.
func (p *phaseStep) howToApprove() string {
	at := v1alpha1.GateAtFinish
	switch p.status.State {
	case v1alpha1.PhaseHolding:
		if !p.holdRule().satisfied(p.holdOrEmpty()) {
			return ""
		}
	case v1alpha1.PhaseWaiting, "":
		at = v1alpha1.GateAtStart
	default:
		return ""
	}
	gates := p.openGates(at)
	if len(gates) == 0 || p.problem != nil {
		return ""
	}
	annotate := fmt.Sprintf("kubectl -n %s annotate phase %s %s%s", p.phase.Namespace, p.phase.Name, v1alpha1.ApprovalAnnotationPrefix, gates[0])
	if p.spentApproval(gates[0]) != nil {
		return "Approve again with: " + annotate + "- && " + annotate + "=YOUR-USERNAME"
	}
	return "Approve with: " + annotate + "=YOUR-USERNAME"
}

// asksEarly says which approvals will be needed, of those that want notice.
func (p *phaseStep) asksEarly() string {
	var asked []string
	for _, gate := range p.phase.Spec.Gates {
		if by := p.noticeOf(gate); by != "" && !p.approved(string(gate.Name)) {
			asked = append(asked, string(gate.Name)+by)
		}
	}
	if len(asked) == 0 || p.done() {
		return ""
	}
	return "Approval will be needed of " + strings.Join(asked, ", ") + ": it can be given now."
}

// noticeOf says by when an approval is needed whose notice has begun; empty: it is not
// asked for early, or is asked for already.
func (p *phaseStep) noticeOf(gate v1alpha1.Gate) string {
	if gate.Notice == "" || p.holdRule().satisfied(p.holdOrEmpty()) && p.status.State == v1alpha1.PhaseHolding {
		return ""
	}
	needed := p.due
	if gateAt(gate) == v1alpha1.GateAtStart {
		if p.status.State != v1alpha1.PhaseWaiting {
			return ""
		}
		needed, _ = p.calendar.parse(p.phase.Spec.NotBefore) // none: the zero time
	}
	switch from := needed.Add(-durationOr(gate.Notice, 0)); {
	case needed.IsZero() && p.started():
		return " (before the phase can finish)"
	case needed.IsZero():
		return ""
	case p.now.Before(from):
		p.agenda.at(from)
		return ""
	}
	return " (by " + p.calendar.day(needed) + ")"
}

func (p *phaseStep) holdOrEmpty() *v1alpha1.CheckWindow {
	if p.status.Hold == nil {
		return &v1alpha1.CheckWindow{}
	}
	return p.status.Hold
}

// strayApproval points at an annotation that looks like the approval of a gate,
// and names none.
func (p *phaseStep) strayApproval(gate string) string {
	names := make([]string, len(p.phase.Spec.Gates))
	for i, g := range p.phase.Spec.Gates {
		names[i] = string(g.Name)
	}
	for _, key := range slices.Sorted(maps.Keys(p.phase.Annotations)) {
		name, ok := strings.CutPrefix(key, v1alpha1.ApprovalAnnotationPrefix)
		if ok && !slices.Contains(names, name) && Nearest(name, names) == gate {
			return fmt.Sprintf(" (the annotation %s names no gate, the nearest is %s)", key, gate)
		}
		if prefix, name, _ := strings.Cut(key, "/"); !ok && name == gate && strings.HasSuffix(prefix, "uptake.dev") {
			return fmt.Sprintf(" (the annotation %s is no approval, %s%s is)", key, v1alpha1.ApprovalAnnotationPrefix, gate)
		}
	}
	return ""
}

// startsAfter lists what keeps a waiting phase from starting.
func (p *phaseStep) startsAfter() []string {
	var waits []string
	for _, d := range p.phase.Spec.DependsOn {
		other, ok := p.phaseByName[string(d)]
		switch {
		case !ok:
			waits = append(waits, fmt.Sprintf("phase %s (not there)", d))
		case other.Status.State != v1alpha1.PhaseAchieved:
			state := other.Status.State
			if state == "" {
				state = v1alpha1.PhaseWaiting
			}
			waits = append(waits, fmt.Sprintf("phase %s (%s)", d, state))
		}
	}
	waits = append(waits, p.missingGates(v1alpha1.GateAtStart)...)
	if p.phase.Spec.NotBefore != "" {
		if t, err := p.calendar.parse(p.phase.Spec.NotBefore); err == nil && t.After(p.now) {
			p.agenda.at(t)
			waits = append(waits, p.calendar.day(t))
		}
	}
	return append(waits, p.keptBack()...)
}

// finishesAfter lists what keeps a held phase from being achieved.
func (p *phaseStep) finishesAfter() []string {
	return append(p.missingGates(v1alpha1.GateAtFinish), p.keptBack()...)
}

// keptBack lists freezes and barriers.
func (p *phaseStep) keptBack() []string {
	var waits []string
	if p.calendar.broken {
		waits = append(waits, "a correction of the program's time zone or freezes")
	}
	if f := p.calendar.freezeAt(p.now); f != nil {
		waits = append(waits, fmt.Sprintf("the end of a freeze on %s (%s)", f.until, f.reason))
	}
	for _, b := range p.blockers {
		waits = append(waits, "barrier "+b.Name)
	}
	return waits
}
