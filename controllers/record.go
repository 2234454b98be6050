// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/uptake-dev/uptake/internal/adoption"
)

// record stores what differs, each object in one status update that holds only for
// what was decided on, and announces it afterwards. A failed write stops
// nothing else: what depends on it rests on persisted state anyway.
func (r *ProgramReconciler) record(ctx context.Context, known *memory, turn turn, outcome adoption.Outcome) error {
	w := writer{client: r.Client, live: r.Live, now: r.Clock.Now(), memory: known, turn: turn}
	var failures []error
	note := func(err error) {
		if err != nil {
			failures = append(failures, err)
		}
	}
	for _, b := range outcome.Barriers {
		if b.Write {
			updated := b.Barrier.DeepCopy()
			updated.Status = b.Status
			note(w.update(ctx, updated, b.Barrier))
			continue
		}
		note(w.announce(ctx, b.Barrier))
	}
	for _, open := range outcome.Open {
		note(w.open(ctx, open))
	}
	for _, p := range outcome.Phases {
		if p.Write {
			updated := p.Phase.DeepCopy()
			updated.Status = p.Status
			note(w.update(ctx, updated, p.Phase))
			continue
		}
		note(w.announce(ctx, p.Phase))
	}
	if p := outcome.Program; p != nil && p.Write {
		updated := p.Program.DeepCopy()
		updated.Status = p.Status
		note(w.update(ctx, updated, p.Program))
	} else if p != nil {
		note(w.announce(ctx, p.Program))
	}
	return firstSerious(failures)
}

// firstSerious returns an error that people should see, or one that is only a
// reason to look again: a conflict, or a turn that is over.
func firstSerious(failures []error) error {
	var harmless error
	for _, err := range failures {
		if !errors.Is(err, errNotOurTurn) && !apierrors.IsConflict(err) {
			return err
		}
		harmless = err
	}
	return harmless
}
