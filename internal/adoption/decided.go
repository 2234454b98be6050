// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Whoever decides is named in the status: admission sees to it that the name is
// the one of who wrote it.

// byPeople says what people decided on a barrier and who did: "Resolved by jane: note".
func (b *barrierStep) byPeople(what string) string {
	r := b.barrier.Spec.Resolution
	if r == nil {
		return what + ": " + b.barrier.Spec.Summary
	}
	if r.By != "" {
		what += " by " + r.By
	}
	return what + ": " + cmp.Or(r.Note, b.barrier.Spec.Summary)
}

// decidedBy is who made a decision of people; empty for what measurements decided.
func (b *barrierStep) decidedBy(reason string) string {
	byPeople := reason == v1alpha1.ReasonResolvedByPeople || reason == v1alpha1.ReasonAcceptedByPeople
	if r := b.barrier.Spec.Resolution; byPeople && r != nil {
		return r.By
	}
	return ""
}

// reviewed says when a program was reviewed last, and by whom.
func (p *programStep) reviewed() string {
	spec := &p.program.Spec
	if spec.ReviewedAt == "" || spec.ReviewedBy == "" {
		return ""
	}
	return " Reviewed on " + string(spec.ReviewedAt) + " by " + spec.ReviewedBy + "."
}
