// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// writer stores statuses and announces what they say.
type writer struct {
	client client.Client
	live   client.Reader
	now    time.Time
	memory *memory
	turn   turn
}

func (w writer) announce(ctx context.Context, o client.Object) error {
	if !w.turn.lasts() {
		return errNotOurTurn
	}
	return w.memory.announce(ctx, w.client, w.now, o)
}

// update stores a status. What was decided on is announced before: its
// transition may have been stored by an operator that then died, and would be
// pushed out of the ring.
func (w writer) update(ctx context.Context, updated, decidedOn client.Object) error {
	// That an event cannot be created stops nothing: it is tried again.
	late := w.announce(ctx, decidedOn)
	sent := statusOf(updated)
	if err := w.store(ctx, updated, decidedOn); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !equality.Semantic.DeepEqual(sent, statusOf(updated)) {
		return errors.New("the API server stored another status than was sent: apply the CRDs of this operator's version")
	}
	w.memory.written[updated.GetUID()] = updated.GetResourceVersion()
	return errors.Join(late, w.announce(ctx, updated))
}

// attempts to store a status that other edits keep getting in front of.
const attempts = 5

// store writes a status where what it was decided on still stands. Edits that no
// decision rests on, such as another controller's annotations, are no reason to
// decide anew: many of them would keep every decision from being written.
func (w writer) store(ctx context.Context, updated, decidedOn client.Object) error {
	for attempt := 1; ; attempt++ {
		if !w.turn.lasts() {
			return errNotOurTurn
		}
		err := w.client.Status().Update(ctx, updated)
		if !apierrors.IsConflict(err) || attempt == attempts {
			return err
		}
		now, readErr := w.current(ctx, decidedOn)
		if readErr != nil || now == nil || !sameBasis(now, decidedOn) {
			return err
		}
		updated.SetResourceVersion(now.GetResourceVersion())
	}
}

// current reads an object past the cache, as a list of one, which needs no right
// but those that the cache needs. It is nil when there is none.
func (w writer) current(ctx context.Context, o client.Object) (client.Object, error) {
	kind, err := w.client.GroupVersionKindFor(o)
	if err != nil {
		return nil, err
	}
	list, err := w.client.Scheme().New(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err != nil {
		return nil, err
	}
	objects := list.(client.ObjectList) //nolint:forcetypeassert // what is called a list is one
	if err := w.live.List(ctx, objects, client.InNamespace(o.GetNamespace()), client.MatchingFields{"metadata.name": o.GetName()}); err != nil {
		return nil, err
	}
	items, err := meta.ExtractList(objects)
	if err != nil || len(items) == 0 {
		return nil, err
	}
	return items[0].(client.Object), nil //nolint:forcetypeassert // a list's items are objects
}

// sameBasis reports whether an object still is what was decided on: nobody has edited its
// spec or its approvals, and nobody else has written its status.
func sameBasis(now, decidedOn client.Object) bool {
	return now.GetUID() == decidedOn.GetUID() && now.GetGeneration() == decidedOn.GetGeneration() &&
		maps.Equal(approvals(now), approvals(decidedOn)) &&
		equality.Semantic.DeepEqual(statusOf(now), statusOf(decidedOn))
}

func approvals(o client.Object) map[string]string {
	given := map[string]string{}
	for key, value := range o.GetAnnotations() {
		if strings.HasPrefix(key, v1alpha1.ApprovalAnnotationPrefix) {
			given[key] = value
		}
	}
	return given
}

// open creates a barrier. Its name is derived, so one that exists was created
// for the same cause. A namespace that is being deleted takes none.
func (w writer) open(ctx context.Context, barrier *v1alpha1.Barrier) error {
	if !w.turn.lasts() {
		return errNotOurTurn
	}
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
