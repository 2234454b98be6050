// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
)

// guarded is the reconciler in a quarantine.
func (r *ProgramReconciler) guarded() reconcile.Reconciler {
	return &quarantine{
		inner: r, version: r.version, tell: r.leaveAlone, clock: r.Clock, log: r.Log, count: r.Panics.WithLabelValues("program"),
	}
}

// version is that of everything people write of a program. Statuses are left out.
func (r *ProgramReconciler) version(ctx context.Context, key types.NamespacedName) string {
	snapshot := adoption.Snapshot{}
	program := &v1alpha1.AdoptionProgram{}
	if err := r.Client.Get(ctx, key, program); err == nil {
		snapshot.Program = program
	}
	_ = observeParts(ctx, r.Client, key, &snapshot) // the cache is stopping
	var b strings.Builder
	for _, o := range objectsOf(snapshot) {
		fmt.Fprintf(&b, "%s/%d %v;", o.GetUID(), o.GetGeneration(), approvals(o))
	}
	return b.String()
}

// leaveAlone says in a program that it is in quarantine. Its phases and barriers stay
// as they are.
func (r *ProgramReconciler) leaveAlone(ctx context.Context, key types.NamespacedName) error {
	turn, ours := r.Turns.begin()
	if !ours {
		return errNotOurTurn
	}
	program := &v1alpha1.AdoptionProgram{}
	if err := r.Live.Get(ctx, key, program); err != nil {
		return client.IgnoreNotFound(err)
	}
	updated := program.DeepCopy()
	leftAlone(&updated.Status.Conditions, program, r.Clock.Now())
	updated.Status.ObservedGeneration, updated.Status.Summary, updated.Status.Health = program.Generation, quarantined, v1alpha1.HealthUnknown
	w := writer{client: r.Client, live: r.Live, now: r.Clock.Now(), memory: r.memories.of(key), turn: turn}
	return w.update(ctx, updated, program)
}

// guarded is the reconciler in a quarantine.
func (r *SourceReconciler) guarded() reconcile.Reconciler {
	return &quarantine{
		inner: r, version: r.version, tell: r.leaveAlone, clock: r.Clock, log: r.Log, count: r.Panics.WithLabelValues("source"),
	}
}

func (r *SourceReconciler) version(ctx context.Context, key types.NamespacedName) string {
	o := r.newObject()
	if err := r.Client.Get(ctx, key, o.Object); err != nil {
		return ""
	}
	return fmt.Sprintf("%s/%d", o.GetUID(), o.GetGeneration())
}

func (r *SourceReconciler) leaveAlone(ctx context.Context, key types.NamespacedName) error {
	turn, ours := r.Turns.begin()
	if !ours {
		return errNotOurTurn
	}
	o := r.newObject()
	if err := r.Client.Get(ctx, key, o.Object); err != nil {
		return client.IgnoreNotFound(err)
	}
	decidedOn := o.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy of an object is one
	leftAlone(&o.status.Conditions, o.Object, r.Clock.Now())
	o.status.ObservedGeneration = o.GetGeneration()
	w := writer{client: r.Client, live: r.Live, now: r.Clock.Now(), memory: r.memories.of(key), turn: turn}
	return w.update(ctx, o.Object, decidedOn)
}
