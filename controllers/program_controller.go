// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/adoption"
)

// longestStep bounds how long the API server may keep a worker waiting.
const longestStep = 5 * time.Minute

// conflictRetryDelay is when to look again after a write that met a newer object.
const conflictRetryDelay = 100 * time.Millisecond

// ProgramReconciler reconciles an AdoptionProgram together with its Phases and Barriers.
type ProgramReconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads past the cache.
	Live client.Reader
	// Clock is the time that decisions are made at.
	Clock clock.PassiveClock
	// Planner turns queries into polls.
	Planner *Planner
	// Metrics of the domain, and of the operator's own work.
	Metrics *DomainMetrics
	Work    *WorkMetrics
	// DisplayEvery is the least time between two writes that change only values.
	DisplayEvery time.Duration
	// Wakes brings programs whose polls have ended.
	Wakes *Wakes
	// Turns says whether this process may decide.
	Turns Turns
	// Log gets where the operator failed, and Panics counts it.
	Log    logr.Logger
	Panics *prometheus.CounterVec
	// MaxConcurrentReconciles is how many programs are reconciled at once; default: 1.
	MaxConcurrentReconciles int

	memories *memories
}

// Reconcile observes one program, decides, and applies what differs.
func (r *ProgramReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	turn, ours := r.Turns.begin()
	if !ours {
		return ctrl.Result{RequeueAfter: again}, nil
	}
	snapshot, err := r.observe(ctx, r.Client, req.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	known, objects := r.memories.of(req.NamespacedName), objectsOf(snapshot)
	if len(objects) == 0 {
		r.memories.forget(req.NamespacedName)
		r.Metrics.Forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	if known.cacheLags(objects) {
		return ctrl.Result{RequeueAfter: conflictRetryDelay}, nil // the cache does not have our own writes yet
	}
	known.keep(objects)
	outcome := adoption.Step(snapshot, r.Clock.Now())
	if outcome.Transitions() {
		// A resource version fences one object and not the others that a
		// transition rests on: decide it once more on what is there now.
		if snapshot, err = r.observe(ctx, r.Live, req.NamespacedName); err != nil {
			return ctrl.Result{}, err
		}
		outcome = adoption.Step(snapshot, r.Clock.Now())
	}
	switch err := r.record(ctx, known, turn, outcome); {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: conflictRetryDelay}, nil
	case errors.Is(err, errNotOurTurn):
		return ctrl.Result{RequeueAfter: again}, nil
	case err != nil:
		return ctrl.Result{}, err
	}
	r.Metrics.Observe(req.NamespacedName, outcome)
	return ctrl.Result{RequeueAfter: earlier(outcome.Recheck, r.Planner.Recheck(req.NamespacedName))}, nil
}

// earlier is the shorter of two times, of which zero is never.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
