// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"sort"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func (p *phaseStep) missedMessage() string {
	if p.bornLate() {
		return "The deadline " + p.calendar.day(p.due) + " had passed before the phase was created: write a later one, or take it out."
	}
	return "Not achieved by " + p.calendar.day(p.due) + "."
}

// bornLate reports whether the deadline cannot have been meant for this phase, unless it
// was taken over from elsewhere.
func (p *phaseStep) bornLate() bool {
	return p.phase.Spec.Deadline != "" && p.phase.Spec.Checkpoint == nil && !p.phase.CreationTimestamp.IsZero() && p.phase.CreationTimestamp.After(p.due)
}

// outOfTime reports whether the hold ends after the deadline: the one under way, or even
// one that began now.
func (p *phaseStep) outOfTime() bool {
	if p.due.IsZero() || p.phase.Spec.Hold == nil {
		return false
	}
	if p.status.State != v1alpha1.PhaseHolding {
		p.agenda.at(p.due.Add(-durationOr(p.phase.Spec.Hold.For, 0)).Add(time.Second))
	}
	return p.holdEnds().After(p.due)
}

func (p *phaseStep) outOfTimeMessage() string {
	remedy := "move the deadline to " + p.calendar.fittingDay(p.holdEnds(), p.due) + " or later"
	if p.phase.Spec.Deadline == "" {
		remedy = fmt.Sprintf("make maxDuration longer (at least %s)", durationText(p.longEnough()))
	}
	return fmt.Sprintf("The hold takes longer than the time left until %s: %s, or shorten the hold.", p.calendar.moment(p.due, p.now), remedy)
}

// longEnough is the shortest maxDuration, in days or hours, in which the hold fits.
// Time in freezes does not count for it.
func (p *phaseStep) longEnough() time.Duration {
	unit := day
	if durationOr(p.phase.Spec.MaxDuration, 0) < day {
		unit = time.Hour
	}
	from, until := p.notAhead(p.status.StartedAt.Time), p.calendar.firstOutsideFreezes(p.holdEnds())
	n := sort.Search(int(until.Sub(from)/unit)+1, func(n int) bool {
		return !p.calendar.after(from, time.Duration(n)*unit).Before(until)
	})
	return time.Duration(n) * unit
}

// holdEnds is when a hold is full at the earliest.
func (p *phaseStep) holdEnds() time.Time {
	from := p.now
	if h := p.status.Hold; h != nil && p.status.State == v1alpha1.PhaseHolding {
		from = h.Since.Time
		if h.Entered != nil {
			from = h.Entered.Time
		}
	}
	return from.Add(durationOr(p.phase.Spec.Hold.For, 0))
}

// achievedOnTrack names a value below target that is not (yet) a regression.
func (p *phaseStep) achievedOnTrack() Finding {
	met, ok := p.targets.decides()
	if !ok {
		if was := meta.FindStatusCondition(p.phase.Status.Conditions, v1alpha1.ConditionOnTrack); was != nil && was.Reason != v1alpha1.ReasonRegressed {
			return Finding{was.Status, was.Reason, was.Message}
		}
		return yes(v1alpha1.ReasonOnTrack, "Achieved.")
	}
	fewer, known := p.fewerThanAchieved()
	switch {
	case met || p.phase.Spec.Sustain == nil || p.calendar.quietAt(p.now) || !p.latestOnItsTargets():
		return yes(v1alpha1.ReasonOnTrack, "Achieved.")
	case known && !fewer && p.withMargin.met == metav1.ConditionFalse:
		return no(v1alpha1.ReasonPopulationGrew, "As many are active as when it was achieved, of more who are eligible: needs "+p.firstUnmet().needsPhrase()+".")
	default:
		return no(v1alpha1.ReasonBelowTarget, "Below target, not yet a regression: needs "+p.firstUnmet().needsPhrase()+".")
	}
}
