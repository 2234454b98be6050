// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
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
		queue.Add(reconcile.Request{NamespacedName: key})
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
	w.queue.Add(reconcile.Request{NamespacedName: key})
}
