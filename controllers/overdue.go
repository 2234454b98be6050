// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

const (
	// overdueAfter is how long a program may wait to be reconciled before it says so.
	overdueAfter = 2 * time.Minute
	// lookOutEvery is how often the queue is looked through.
	lookOutEvery = 15 * time.Second
	// mostTold is how many programs are told at a time: an operator that cannot keep up
	// has better things to do.
	mostTold = 20
)

// WorkMetrics say whether the operator keeps up, and with whose programs it is busy.
type WorkMetrics struct {
	overdue, longest prometheus.Gauge
	spent            *prometheus.CounterVec
}

// NewWorkMetrics returns metrics of nothing done yet.
func NewWorkMetrics() *WorkMetrics {
	return &WorkMetrics{
		overdue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uptake_programs_overdue", Help: "Programs that have waited to be reconciled for longer than two minutes.",
		}),
		longest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "uptake_longest_wait_seconds", Help: "How long the program has waited that waits longest to be reconciled.",
		}),
		spent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "uptake_reconcile_seconds_total", Help: "How long reconciling the programs of a namespace took.",
		}, []string{"namespace"}),
	}
}

// Describe implements prometheus.Collector.
func (w *WorkMetrics) Describe(ch chan<- *prometheus.Desc) {
	w.overdue.Describe(ch)
	w.longest.Describe(ch)
	w.spent.Describe(ch)
}

// Collect implements prometheus.Collector.
func (w *WorkMetrics) Collect(ch chan<- prometheus.Metric) {
	w.overdue.Collect(ch)
	w.longest.Collect(ch)
	w.spent.Collect(ch)
}

// lookout has programs say that they wait, which they cannot themselves: what they said
// when they were last reconciled would stand there, green, for as long as nobody looks.
type lookout struct {
	programs *ProgramReconciler
	waiting  *waiting
	told     map[reconcile.Request]bool
}

// NeedLeaderElection reports whether only the leader looks.
func (l *lookout) NeedLeaderElection() bool { return true }

// Start looks until the context ends.
func (l *lookout) Start(ctx context.Context) error {
	ticker := time.NewTicker(lookOutEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			l.look(ctx)
		}
	}
}

// look tells those who have waited longest, and takes note of how many there are.
func (l *lookout) look(ctx context.Context) {
	now := l.programs.Clock.Now()
	late, longest := l.waiting.late(now.Add(-overdueAfter))
	l.programs.Work.overdue.Set(float64(len(late)))
	l.programs.Work.longest.Set(max(now.Sub(longest), 0).Seconds())
	still := make(map[reconcile.Request]bool, len(late))
	left := mostTold
	for _, one := range late {
		if still[one.request] = l.told[one.request]; still[one.request] || left == 0 {
			continue
		}
		left--
		err := l.tell(ctx, one, now)
		if err != nil && !apierrors.IsConflict(err) && !errors.Is(err, errNotOurTurn) {
			l.programs.Log.Error(err, "telling a program that it waits", "namespace", one.request.Namespace, "name", one.request.Name)
		}
		still[one.request] = err == nil
	}
	l.told = still
}

// tell writes into a program that it waits. The next look at it writes all of it anew.
func (l *lookout) tell(ctx context.Context, one lateRequest, now time.Time) error {
	r := l.programs
	turn, ours := r.Turns.begin()
	if !ours {
		return errNotOurTurn
	}
	program := &v1alpha1.AdoptionProgram{}
	if err := r.Client.Get(ctx, one.request.NamespacedName, program); err != nil {
		return client.IgnoreNotFound(err)
	}
	message := fmt.Sprintf("Not looked at since %s: the operator has more to do than it can, and nothing of this program moves. "+
		"See uptake_reconcile_seconds_total for the namespaces that keep it busy; give it more CPU and --max-concurrent-reconciles, or poll less often.", one.since.UTC().Format("15:04"))
	notLookedAt(&program.Status.Conditions, program, now, v1alpha1.ConditionReconciling, v1alpha1.ReasonOverdue, message)
	program.Status.Summary, program.Status.Health = message, v1alpha1.HealthUnknown
	if !turn.lasts() {
		return errNotOurTurn
	}
	return client.IgnoreNotFound(r.Client.Status().Update(ctx, program))
}
