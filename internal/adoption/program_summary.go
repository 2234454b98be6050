// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// summary says what is needed next of whoever can act now, and counts the rest.
func (p *programStep) summary() string {
	if p.problem != nil {
		return asSentence(p.problem.message)
	}
	_, exemptions := p.exemptionsEnd()
	notes := []string{p.otherUnmeasured(), p.nothingFound(), p.nobodyText(), exemptions, p.freezeText(), p.reviewText()}
	phases := p.inOrder()
	if len(phases) == 0 {
		return joined(append([]string{"No phases yet: create a Phase whose programRef names this program.", p.unmeasured()}, notes...))
	}
	if p.status.State == v1alpha1.ProgramSustaining && p.status.Health == v1alpha1.HealthOnTrack {
		text := fmt.Sprintf("All %d phases achieved", len(phases))
		if m := p.headline(); m != nil && p.status.Adoption != "" {
			text += fmt.Sprintf("; %s %s", m.Name, p.status.Adoption)
		}
		return joined(append([]string{text + ".", p.unmeasured()}, notes...))
	}
	next := p.next(phases)
	text := next.Status.Summary
	if text == "" {
		text = "Not judged yet."
	}
	unmeasured := p.unmeasured()
	if strings.Contains(text, "Nothing moves.") {
		unmeasured = "" // said by the phase
	}
	for i, note := range notes {
		if strings.Contains(text, note) {
			notes[i] = "" // likewise
		}
	}
	// A command at the end of a phase's summary stays at the end, to be pasted.
	text, command := cutCommand(text)
	parts := []string{next.Name + ": " + text, p.others(phases, next), unmeasured}
	return joined(append(append(parts, notes...), command))
}

// cutCommand takes the command off the end of a summary.
func cutCommand(text string) (rest, command string) {
	for _, lead := range []string{"Approve with: ", "Approve again with: "} {
		if i := strings.Index(text, lead); i >= 0 {
			return strings.TrimSpace(text[:i]), text[i:]
		}
	}
	return text, ""
}

// next is the phase that needs somebody most: the worst of those that do not merely
// wait for another phase.
func (p *programStep) next(phases []*v1alpha1.Phase) *v1alpha1.Phase {
	best := phases[0]
	for _, ph := range phases[1:] {
		if slices.Compare(p.rank(ph), p.rank(best)) < 0 {
			best = ph
		}
	}
	return best
}

// rank orders phases by who can act: the done and the suspended last, before them those
// that wait for another phase, and the others by health.
func (p *programStep) rank(ph *v1alpha1.Phase) []int {
	health := slices.Index(healthOrder, ph.Status.Health)
	if health < 0 {
		health = len(healthOrder)
	}
	class := 0
	switch {
	case ptr.Deref(ph.Spec.Suspend, false):
		class = 4
	case ph.Status.State == v1alpha1.PhaseAchieved && ph.Status.Health == v1alpha1.HealthOnTrack:
		class = 3
	case p.waitsForPhase(ph):
		class = 2
	case health >= len(healthOrder)-1 && ph.Name != p.status.Current:
		class = 1
	}
	return []int{class, health}
}

// waitsForPhase reports whether a phase has not started because another has not been achieved.
func (p *programStep) waitsForPhase(ph *v1alpha1.Phase) bool {
	if ph.Status.State != v1alpha1.PhaseWaiting {
		return false
	}
	for _, d := range ph.Spec.DependsOn {
		if other, ok := p.phaseByName[string(d)]; ok && other.Status.State != v1alpha1.PhaseAchieved {
			return true
		}
	}
	return false
}

// others counts what else waits for somebody, and names the first two.
func (p *programStep) others(phases []*v1alpha1.Phase, next *v1alpha1.Phase) string {
	var waiting []string
	for _, ph := range phases {
		if ph == next || p.rank(ph)[0] > 1 {
			continue
		}
		switch {
		case strings.Contains(ph.Status.WaitsFor, "approval of "):
			waiting = append(waiting, ph.Name+" ("+gatesOf(ph.Status.WaitsFor)+")")
		case ph.Status.Health != v1alpha1.HealthOnTrack && ph.Status.Health != "":
			waiting = append(waiting, ph.Name+" ("+ph.Status.Health+")")
		}
	}
	if len(waiting) == 0 {
		return ""
	}
	return "Also: " + listed(waiting, 2) + "."
}

// gatesOf are the approvals among what a phase waits for.
func gatesOf(waits string) string {
	var gates []string
	for wait := range strings.SplitSeq(waits, ", ") {
		if strings.HasPrefix(wait, "approval of ") {
			gates = append(gates, wait)
		}
	}
	return strings.Join(gates, ", ")
}

// unmeasured says why the headline metric is not known, and since when.
func (p *programStep) unmeasured() string {
	m := p.headline()
	if m == nil {
		return ""
	}
	r := p.readings[string(m.Name)]
	sustained := p.status.State == v1alpha1.ProgramSustaining
	blip := sustained && r.Total.Known && r.failures < sourceFailures
	switch {
	case r.Pending, r.Fresh && r.Total.Known, blip:
		return ""
	}
	until := r.At
	if !r.Total.Known {
		until = p.lastMeasured()
	}
	last := ""
	if p.status.Adoption != "" && p.status.Adoption != suppressed {
		last = fmt.Sprintf(" Last: %s %s.", m.Name, p.status.Adoption)
	}
	return p.calendar.measuredUntil(until, p.now) + "; " + withoutPath(cmp.Or(r.Why, p.populationProblem(), r.Total.Why, nobodyEligible)) + ". Nothing moves." + last
}

func (p *programStep) lastMeasured() time.Time {
	if at := p.old.MeasuredAt; at != nil {
		return at.Time
	}
	return time.Time{}
}

// nobodyText says what has no segment: it is in no phase's audience.
func (s *stepper) nobodyText() string {
	if n := s.pop.nobody; n.nameless > 0 {
		return fmt.Sprintf("%s of the population %s in no segment.", s.few(n.nameless), isOrAre(n.nameless))
	}
	for i := range s.program.Spec.Metrics {
		m := &s.program.Spec.Metrics[i]
		r := s.readings[string(m.Name)]
		if r.nobody.nameless > 0 {
			return fmt.Sprintf("%s of %s %s in no segment.", s.few(r.nobody.nameless), m.Name, isOrAre(r.nobody.nameless))
		}
	}
	return ""
}

func isOrAre(n float64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func (p *programStep) freezeText() string {
	f := p.calendar.freezeAt(p.now)
	if f == nil {
		return ""
	}
	return fmt.Sprintf("Freeze until %s (%s).", p.calendar.day(f.to.Add(-time.Second)), f.reason)
}

func (p *programStep) reviewText() string {
	if due, _ := p.reviewDue(); due {
		return "A review is due."
	}
	return ""
}
