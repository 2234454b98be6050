// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/uptake-dev/uptake/internal/fair"
)

// queue has the programs that are to be reconciled. Namespaces are given the same time, so
// that one with many programs, or with heavy ones, holds up no other. What somebody has
// just changed goes before what is looked at because its time has come; first looks after
// a start and wakes by polls are alike, so that neither starves.
type queue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	waiting *waiting
	// spent is told how long the programs of a namespace took.
	spent func(namespace string, took time.Duration)

	mu    sync.Mutex
	begun map[reconcile.Request]time.Time
}

var _ priorityqueue.PriorityQueue[reconcile.Request] = (*queue)(nil)

// newQueue makes the queue of a controller.
func newQueue(name string, limiter workqueue.TypedRateLimiter[reconcile.Request], w *waiting, spent func(namespace string, took time.Duration)) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	return &queue{
		waiting: w, spent: spent, begun: map[reconcile.Request]time.Time{},
		TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{
			DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{
				Queue: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Name: name, Queue: w}),
			}),
		}),
	}
}

// Add implements workqueue.TypedInterface: somebody has changed something.
func (q *queue) Add(request reconcile.Request) {
	q.waiting.noteChanged(request)
	q.TypedRateLimitingInterface.Add(request)
}

// AddWithOpts implements priorityqueue.PriorityQueue.
func (q *queue) AddWithOpts(options priorityqueue.AddOpts, requests ...reconcile.Request) {
	for _, request := range requests {
		switch {
		case options.RateLimited:
			q.AddRateLimited(request)
		case options.After > 0:
			q.AddAfter(request, options.After)
		case options.Priority != nil && *options.Priority < 0:
			q.TypedRateLimitingInterface.Add(request)
		default:
			q.Add(request)
		}
	}
}

// GetWithPriority implements priorityqueue.PriorityQueue. That something was changed
// does not make its later looks more urgent.
func (q *queue) GetWithPriority() (reconcile.Request, int, bool) {
	request, isShutDown := q.Get()
	return request, handler.LowPriority, isShutDown
}

// Get implements workqueue.TypedInterface.
func (q *queue) Get() (reconcile.Request, bool) {
	request, isShutDown := q.TypedRateLimitingInterface.Get()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.begun[request] = q.waiting.clock.Now()
	return request, isShutDown
}

// Done implements workqueue.TypedInterface.
func (q *queue) Done(request reconcile.Request) {
	q.mu.Lock()
	took := q.waiting.clock.Since(q.begun[request])
	delete(q.begun, request)
	q.mu.Unlock()
	q.waiting.charge(request.Namespace, took)
	q.spent(request.Namespace, took)
	q.TypedRateLimitingInterface.Done(request)
}

// waiting is what can be reconciled now.
type waiting struct {
	mu sync.Mutex
	// changed are those that somebody has changed, and urgent those of them that wait.
	changed          map[reconcile.Request]bool
	urgent, ordinary fair.Queue[reconcile.Request]
	// since is when each began to wait.
	since map[reconcile.Request]time.Time
	clock clock.PassiveClock
	// inARow is how many urgent ones have been taken while ordinary ones waited.
	inARow int
}

var _ workqueue.Queue[reconcile.Request] = (*waiting)(nil)

func newWaiting(now clock.PassiveClock) *waiting {
	return &waiting{changed: map[reconcile.Request]bool{}, since: map[reconcile.Request]time.Time{}, clock: now}
}

// lateRequest is one that has waited for too long.
type lateRequest struct {
	request reconcile.Request
	since   time.Time
}

// late returns who has waited since before a time, the longest first, and since when
// anybody waits.
func (w *waiting) late(before time.Time) (late []lateRequest, longest time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	longest = w.clock.Now()
	for request, since := range w.since {
		if since.Before(longest) {
			longest = since
		}
		if since.Before(before) {
			late = append(late, lateRequest{request, since})
		}
	}
	slices.SortFunc(late, func(a, b lateRequest) int { return a.since.Compare(b.since) })
	return late, longest
}

// unit is how much time counts as one item.
const unit = time.Millisecond

// mostUrgent is how many urgent ones are taken before an ordinary one has its turn.
const mostUrgent = 3

func (w *waiting) noteChanged(request reconcile.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed[request] = true
}

func (w *waiting) charge(namespace string, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	more := max(float64(took)/float64(unit)-1, 0)
	w.urgent.Charge(namespace, more)
	w.ordinary.Charge(namespace, more)
}

// Push implements workqueue.Queue.
func (w *waiting) Push(request reconcile.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since[request] = w.clock.Now()
	if w.changed[request] {
		w.urgent.Push(request.Namespace, request)
		return
	}
	w.ordinary.Push(request.Namespace, request)
}

// Touch implements workqueue.Queue: it waits already, and may have become urgent.
func (w *waiting) Touch(request reconcile.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.changed[request] {
		return
	}
	before := w.ordinary.Len()
	if w.ordinary.Remove(request.Namespace, request); w.ordinary.Len() < before {
		w.urgent.Push(request.Namespace, request)
	}
}

// Len implements workqueue.Queue.
func (w *waiting) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.urgent.Len() + w.ordinary.Len()
}

// Pop implements workqueue.Queue.
func (w *waiting) Pop() reconcile.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ordinary.Len() > 0 && (w.urgent.Len() == 0 || w.inARow >= mostUrgent) {
		w.inARow = 0
		request, _ := w.ordinary.Pop()
		delete(w.since, request)
		return request
	}
	w.inARow++
	request, _ := w.urgent.Pop()
	delete(w.changed, request)
	delete(w.since, request)
	return request
}
