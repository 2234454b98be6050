// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
)

// record stores what differs, each object in one status update with the resource
// version that was decided on, and announces it afterwards. A failed write stops
// nothing else: what depends on it rests on persisted state anyway.
func (r *ProgramReconciler) record(ctx context.Context, known *memory, outcome adoption.Outcome) error {
	w := writer{client: r.Client, now: r.Clock.Now(), memory: known}
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

// writer stores statuses and announces what they say.
type writer struct {
	client client.Client
	now    time.Time
	memory *memory
}

func (w writer) announce(ctx context.Context, o client.Object) error {
	return w.memory.announce(ctx, w.client, w.now, o)
}

// update stores a status. What was decided on is announced before: its
// transition may have been stored by an operator that then died, and would be
// pushed out of the ring.
func (w writer) update(ctx context.Context, updated, decidedOn client.Object) error {
	// That an event cannot be created stops nothing: it is tried again.
	late := w.announce(ctx, decidedOn)
	sent := statusOf(updated)
	if err := w.client.Status().Update(ctx, updated); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !equality.Semantic.DeepEqual(sent, statusOf(updated)) {
		return errors.New("the API server stored another status than was sent: apply the CRDs of this operator's version")
	}
	w.memory.written[updated.GetUID()] = updated.GetResourceVersion()
	return errors.Join(late, w.announce(ctx, updated))
}

// open creates a barrier. Its name is derived, so one that exists was created
// for the same cause. A namespace that is being deleted takes none.
func (w writer) open(ctx context.Context, barrier *v1alpha1.Barrier) error {
	err := w.client.Create(ctx, barrier)
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	return client.IgnoreAlreadyExists(err)
}

func statusOf(o client.Object) any {
	switch o := o.(type) {
	case *v1alpha1.AdoptionProgram:
		return o.Status.DeepCopy()
	case *v1alpha1.Phase:
		return o.Status.DeepCopy()
	case *v1alpha1.Barrier:
		return o.Status.DeepCopy()
	case *v1alpha1.UsageSource:
		return o.Status.DeepCopy()
	case *v1alpha1.ClusterUsageSource:
		return o.Status.DeepCopy()
	default:
		return nil
	}
}

// firstSerious returns an error that people should see, or a conflict, which is
// only a reason to look again.
func firstSerious(failures []error) error {
	var conflict error
	for _, err := range failures {
		if !apierrors.IsConflict(err) {
			return err
		}
		conflict = err
	}
	return conflict
}
