// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Wakes brings keys from elsewhere into a controller's queue. It is a source in
// the sense of controller-runtime; keys that come before it is started are kept.
type Wakes struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	early map[types.NamespacedName]bool
}

// Start is called by the controller.
func (w *Wakes) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = queue
	for key := range w.early {
		add(queue, key)
	}
	w.early = nil
	return nil
}

// Wake puts a key into the queue.
func (w *Wakes) Wake(key types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue == nil {
		if w.early == nil {
			w.early = map[types.NamespacedName]bool{}
		}
		w.early[key] = true
		return
	}
	add(w.queue, key)
}

// add has a key no more urgent than what is looked at for the first time: otherwise the
// wakes of some programs would keep others from their first look.
func add(queue workqueue.TypedRateLimitingInterface[reconcile.Request], key types.NamespacedName) {
	request := reconcile.Request{NamespacedName: key}
	if ordered, is := queue.(priorityqueue.PriorityQueue[reconcile.Request]); is {
		ordered.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(handler.LowPriority)}, request)
		return
	}
	queue.Add(request)
}
