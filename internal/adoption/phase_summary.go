// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// summary says what is needed next. A command comes last, so that it can be pasted.
func (p *phaseStep) summary() string {
	if p.problem != nil && (p.unjudgeable() || p.status.State == v1alpha1.PhaseWaiting) {
		return asSentence(p.problem.message)
	}
	parts := []string{p.needsNext(), p.dueText()}
	if p.blocked() {
		parts = append(parts, p.blockMessage())
	}
	if p.track.Reason == v1alpha1.ReasonAtRisk {
		parts = append(parts, p.track.Message)
	}
	if p.suspended() {
		parts = append(parts, "Suspended.")
	}
	if p.started() && !p.done() && len(p.phase.Spec.Segments) == 0 {
		parts = append(parts, p.nobodyText())
	}
	parts = append(parts, p.asksEarly(), p.howToApprove())
	return joined(parts)
}

// joined puts sentences together, those that there are.
func joined(sentences []string) string {
	var said []string
	for _, s := range sentences {
		if s != "" {
			said = append(said, s)
		}
	}
	return strings.Join(said, " ")
}

// asSentence ends a message, unless it ends with a command to paste.
func asSentence(message string) string {
	if strings.Contains(message, "kubectl ") || strings.HasSuffix(message, ".") {
		return message
	}
	return message + "."
}

func (p *phaseStep) needsNext() string {
	unmeasured := p.unmeasured()
	switch p.status.State {
	case v1alpha1.PhaseActive:
		needs := p.firstUnmet()
		if old := p.rowsBeforeStart(); old != "" && p.targets.met == metav1.ConditionTrue {
			return joined([]string{p.reopened(), "Targets met by old numbers: " + old + "."})
		}
		if unmeasured != "" {
			return joined([]string{p.reopened(), "Needs " + needs.asksOf() + ".", unmeasured})
		}
		return joined([]string{p.reopened(), "Needs " + needs.needsPhrase() + "."})
	case v1alpha1.PhaseHolding:
		return joined([]string{p.reopened(), p.holdSummary(), unmeasured})
	case v1alpha1.PhaseAchieved:
		return joined([]string{p.achievedText(), unmeasured})
	case v1alpha1.PhaseRegressed:
		if unmeasured != "" {
			return "Fell back: needs " + p.firstUnmet().asksOf() + ". " + unmeasured
		}
		return p.fellBack()
	default:
		return p.waitsText()
	}
}

func (p *phaseStep) waitsText() string {
	switch {
	case len(p.waits) > 0:
		return fmt.Sprintf("Waits for %s.", strings.Join(p.waits, ", "))
	case p.suspended():
		return ""
	default:
		return "Starts now."
	}
}

// reopened says first that a phase has been there before.
func (p *phaseStep) reopened() string {
	if p.status.Attempt < 2 {
		return ""
	}
	return fmt.Sprintf("Attempt %d: it was achieved before and fell back.", p.status.Attempt)
}

// achievedText says what the phase was achieved with, and what is there now.
func (p *phaseStep) achievedText() string {
	text := "Achieved"
	if p.status.AchievedAt != nil {
		text += " " + p.calendar.day(p.status.AchievedAt.Time)
	}
	with, now := p.achievedValues(), p.values()
	known := p.targets.met != metav1.ConditionUnknown && !p.lacksData()
	switch {
	case with == "" && known:
		text += ": " + now + "."
	case !known && with != "":
		text += " with " + with + "."
	case with != "": // both also where they are equal: that they differ is no news
		text += " with " + with + "; now " + now + "."
	default:
		text += "."
	}
	if known && p.targets.met == metav1.ConditionFalse && p.phase.Spec.Sustain != nil {
		text += " Below target now: needs " + p.firstUnmet().needsPhrase() + "."
	}
	return text
}

// achievedValues lists what the phase was achieved with; empty where it is not known.
func (p *phaseStep) achievedValues() string {
	var texts []string
	for i, v := range p.targets.verdicts {
		if i >= len(p.status.Targets) || p.status.Targets[i].AchievedValue == "" {
			return ""
		}
		texts = append(texts, v.named(p.status.Targets[i].AchievedValue))
	}
	return strings.Join(texts, ", ")
}

// fellBack says what is missing, or that it is on its way back.
func (p *phaseStep) fellBack() string {
	if p.targets.met == metav1.ConditionTrue {
		return "Fell back; the targets are met again: " + p.values() + ". Recovered when that lasts for " + durationText(p.sustainRule().length) + "."
	}
	return "Fell back: needs " + p.firstUnmet().needsPhrase() + "."
}

func (p *phaseStep) dueText() string {
	if p.done() || p.status.Due == "" {
		return ""
	}
	if p.now.After(p.due) { // said also where a barrier or missing data comes first
		if p.bornLate() {
			return p.missedMessage()
		}
		return "Was due " + p.status.Due + "."
	}
	return "Due " + p.calendar.moment(p.due, p.now) + "."
}

func (p *phaseStep) holdSummary() string {
	rule := p.holdRule()
	checks := ""
	if p.status.Hold != nil {
		checks = p.status.Hold.Checks
	}
	if rule.checks > len(checks) {
		return fmt.Sprintf("Targets met, %d of %d checks of the hold passed.", len(checks), rule.checks)
	}
	if len(p.waits) > 0 {
		return fmt.Sprintf("Held; waits for %s.", strings.Join(p.waits, ", "))
	}
	return "Held; waits for a fresh measurement."
}

// phaseMeaning is a status without the values that move all the time.
func phaseMeaning(status *v1alpha1.PhaseStatus) *v1alpha1.PhaseStatus {
	m := status.DeepCopy()
	m.ValuesAt, m.MeasuredAt, m.Summary, m.Value, m.Needs = nil, nil, "", "", ""
	for i := range m.Targets {
		t := &m.Targets[i]
		t.Value, t.Needs, t.Last, t.Missing = "", "", "", nil
	}
	m.Conditions = stableConditions(m.Conditions)
	return m
}

// phaseWords are the meaning with the words of the summary: that a value is unknown
// in them is corrected at once.
func phaseWords(status *v1alpha1.PhaseStatus) *v1alpha1.PhaseStatus {
	m := phaseMeaning(status)
	m.Summary = withoutNumbers(status.Summary)
	return m
}
