// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"maps"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// changes puts the program of an object into the queue when the object changes. What
// people changed goes first. A status was written by this operator: a look that follows
// it is no more urgent than the first look at another program.
type changes struct {
	handler.Funcs
	program func(client.Object) reconcile.Request
}

// Create implements handler.EventHandler.
func (c changes) Create(_ context.Context, e event.CreateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	if e.IsInInitialList {
		add(queue, c.program(e.Object).NamespacedName)
		return
	}
	queue.Add(c.program(e.Object))
}

// Update implements handler.EventHandler.
func (c changes) Update(_ context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	before, now := c.program(e.ObjectOld), c.program(e.ObjectNew)
	if before != now {
		queue.Add(before)
	}
	if isWrittenByPeople(e.ObjectOld, e.ObjectNew) {
		queue.Add(now)
		return
	}
	add(queue, now.NamespacedName)
}

// Delete implements handler.EventHandler.
func (c changes) Delete(_ context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	queue.Add(c.program(e.Object))
}

func isWrittenByPeople(before, now client.Object) bool {
	return before.GetUID() != now.GetUID() || before.GetGeneration() != now.GetGeneration() ||
		!before.GetDeletionTimestamp().Equal(now.GetDeletionTimestamp()) ||
		!maps.Equal(before.GetLabels(), now.GetLabels()) || !maps.Equal(before.GetAnnotations(), now.GetAnnotations())
}
