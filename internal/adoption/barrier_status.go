// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/utils/ptr"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// wording is what a barrier is about: as measured when the operator opened it, or as
// people put it.
func (b *barrierStep) wording() string { return cmp.Or(b.status.Detected, b.barrier.Spec.Summary) }

func wording(b *v1alpha1.Barrier) string { return cmp.Or(b.Status.Detected, b.Spec.Summary) }

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
	if b.seen.value != "" {
		st.Value = Clip(b.seen.value, 64)
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
		if b.seen.presence == present {
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
		if ptr.Deref(p.Done, false) {
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
	m.ValuesAt, m.MeasuredAt, m.Summary, m.Value = nil, nil, "", ""
	m.Conditions = stableConditions(m.Conditions)
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
