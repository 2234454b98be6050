// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func TestWhoResolvedABarrierIsNamed(t *testing.T) {
	for _, state := range []v1alpha1.ResolutionState{v1alpha1.ResolutionResolved, v1alpha1.ResolutionAccepted} {
		w := newWorld(t)
		b := w.barrier("told", func(s *v1alpha1.BarrierSpec) { s.RequiresExecutiveAction = new(true) })
		w.begin()
		w.expectBarrier(b, v1alpha1.BarrierEscalated)
		b.Spec.Resolution = &v1alpha1.Resolution{State: state, Note: "Funded", By: "jane"}
		w.run(hour)
		w.expectBarrier(b, v1alpha1.BarrierState(state))
		message := b.Status.Transitions[len(b.Status.Transitions)-1].Message
		if want := string(state) + " by jane: Funded"; b.Status.ResolvedBy != "jane" || message != want {
			t.Errorf("by %q: %q, want %q", b.Status.ResolvedBy, message, want)
		}
		b.Spec.Resolution = nil
		w.run(hour)
		if b.Status.ResolvedBy != "" {
			t.Errorf("open again, and resolved by %s", b.Status.ResolvedBy)
		}
	}
}

func TestWhoReviewedAProgramIsNamed(t *testing.T) {
	w := newWorld(t)
	w.program.Spec.ReviewedAt, w.program.Spec.ReviewedBy = "2026-11-01", "ada"
	w.begin()
	if all := strings.Join(shortConditions(w.program.Status.Conditions), "\n"); !strings.Contains(all, "Reviewed on 2026-11-01 by ada.") {
		t.Errorf("nobody is named:\n%s", all)
	}
}
