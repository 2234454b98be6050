// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/trace"
)

// How long an object is left alone that the operator fails on.
const (
	quarantineFirst   = 10 * time.Second
	quarantineLongest = 15 * time.Minute
)

// quarantined is what is said of such an object.
const quarantined = "The operator failed because of a bug in it and leaves this alone: nothing of it moves. " +
	"It is tried again when it is changed, and less and less often otherwise. Report it with the trace in the operator's log."

// NewPanics counts what the operator failed on, by controller.
func NewPanics() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "uptake_panics_total", Help: "How often the operator failed on an object because of a bug in it.",
	}, []string{"controller"})
}

// quarantine keeps a bug that one object sets off from touching the others: what fails
// on it is caught, the object says so, and is left alone for a while.
type quarantine struct {
	inner reconcile.Reconciler
	// version says what the object is made of; another one is worth an attempt.
	version func(context.Context, types.NamespacedName) string
	// tell writes into the object that it is left alone.
	tell  func(context.Context, types.NamespacedName) error
	count prometheus.Counter
	clock clock.PassiveClock
	log   logr.Logger

	mu    sync.Mutex
	cells map[types.NamespacedName]*cell
}

// cell is an object in quarantine.
type cell struct {
	failures int
	version  string
	until    time.Time
	told     bool
}

// Reconcile implements reconcile.Reconciler.
func (q *quarantine) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	held := q.cellOf(req.NamespacedName)
	if held != nil && q.clock.Now().Before(held.until) && q.version(ctx, req.NamespacedName) == held.version {
		if !held.told {
			q.say(ctx, req.NamespacedName, held)
		}
		return q.rest(held), nil
	}
	result, failed, err := q.attempt(ctx, req)
	if !failed {
		if held != nil {
			q.release(req.NamespacedName)
		}
		return result, err
	}
	q.count.Inc()
	if held == nil {
		held = q.lock(req.NamespacedName)
	}
	held.failures++
	held.version = q.version(ctx, req.NamespacedName)
	held.until = q.clock.Now().Add(min(quarantineFirst<<min(held.failures-1, 10), quarantineLongest))
	q.say(ctx, req.NamespacedName, held)
	return q.rest(held), nil
}

// rest is when to look again. What could not be told is told soon.
func (q *quarantine) rest(held *cell) ctrl.Result {
	if !held.told {
		return ctrl.Result{RequeueAfter: again}
	}
	return ctrl.Result{RequeueAfter: max(held.until.Sub(q.clock.Now()), again)}
}

var errPanic = errors.New("panic")

// attempt reconciles, and catches what that panics with. Its value may hold anything,
// credentials included: only the trace is told.
func (q *quarantine) attempt(ctx context.Context, req ctrl.Request) (result ctrl.Result, failed bool, err error) {
	defer func() {
		if recover() != nil {
			q.log.Error(errPanic, "failed on an object", "namespace", req.Namespace, "name", req.Name, "stack", trace.Stack())
			result, failed, err = ctrl.Result{}, true, nil
		}
	}()
	result, err = q.inner.Reconcile(ctx, req)
	return result, false, err
}

func (q *quarantine) say(ctx context.Context, key types.NamespacedName, held *cell) {
	defer func() {
		if recover() != nil {
			q.log.Error(errPanic, "failed to tell an object that it is left alone", "namespace", key.Namespace, "name", key.Name, "stack", trace.Stack())
		}
	}()
	switch err := q.tell(ctx, key); {
	case errors.Is(err, errNotOurTurn):
		return // it is told when it is
	case err != nil:
		q.log.Error(err, "telling an object that it is left alone", "namespace", key.Namespace, "name", key.Name)
		return
	}
	held.told = true
}

func (q *quarantine) cellOf(key types.NamespacedName) *cell {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.cells[key]
}

func (q *quarantine) lock(key types.NamespacedName) *cell {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.cells == nil {
		q.cells = map[types.NamespacedName]*cell{}
	}
	q.cells[key] = &cell{}
	return q.cells[key]
}

func (q *quarantine) release(key types.NamespacedName) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.cells, key)
}

// leftAlone are the conditions of an object in quarantine.
func leftAlone(conditions *[]metav1.Condition, o client.Object, now time.Time) {
	notLookedAt(conditions, o, now, v1alpha1.ConditionStalled, v1alpha1.ReasonQuarantined, quarantined)
}

// notLookedAt are the conditions of an object that is not looked at: not Ready, and
// Stalled or Reconciling. The next good look writes them anew.
func notLookedAt(conditions *[]metav1.Condition, o client.Object, now time.Time, as, reason, message string) {
	for kind, status := range map[string]metav1.ConditionStatus{
		v1alpha1.ConditionReady: metav1.ConditionFalse, as: metav1.ConditionTrue,
	} {
		adoption.SetCondition(conditions, metav1.Condition{
			Type: kind, Status: status, Reason: reason, Message: message,
			ObservedGeneration: o.GetGeneration(), LastTransitionTime: metav1.NewTime(now.Truncate(time.Second)),
		})
	}
}
