// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
)

// Index fields: where the objects of a program, and the programs of a source,
// are found.
const (
	programField = "spec.programRef.name"
	sourceField  = "uptake.dev/sources"
)

// SetupWithManager registers the reconciler.
func (r *ProgramReconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	r.memories = newMemories()
	waiting := newWaiting(r.Clock)
	if err := mgr.Add(&lookout{programs: r, waiting: waiting}); err != nil {
		return err
	}
	indexer := mgr.GetFieldIndexer()
	if err := indexer.IndexField(ctx, &v1alpha1.Phase{}, programField, func(o client.Object) []string {
		return []string{string(o.(*v1alpha1.Phase).Spec.ProgramRef.Name)} //nolint:forcetypeassert // the index is for phases
	}); err != nil {
		return err
	}
	if err := indexer.IndexField(ctx, &v1alpha1.Barrier{}, programField, func(o client.Object) []string {
		return []string{string(o.(*v1alpha1.Barrier).Spec.ProgramRef.Name)} //nolint:forcetypeassert // the index is for barriers
	}); err != nil {
		return err
	}
	if err := indexer.IndexField(ctx, &v1alpha1.AdoptionProgram{}, sourceField, sourcesOf); err != nil {
		return err
	}
	work := ctrl.NewControllerManagedBy(mgr).
		Named("program").
		Watches(&v1alpha1.AdoptionProgram{}, changes{program: toProgram}).
		Watches(&v1alpha1.Phase{}, changes{program: toProgram}).
		Watches(&v1alpha1.Barrier{}, changes{program: toProgram}).
		Watches(&v1alpha1.UsageSource{}, handler.EnqueueRequestsFromMapFunc(r.programsOf), builder.WithPredicates(sourceChanged)).
		WatchesRawSource(r.Wakes).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: max(r.MaxConcurrentReconciles, 1),
			ReconciliationTimeout:   longestStep,
			NewQueue: func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
				return newQueue(name, limiter, waiting, func(namespace string, took time.Duration) {
					r.Work.spent.WithLabelValues(namespace).Add(took.Seconds())
				})
			},
		})
	if !r.Planner.Namespaced {
		work.Watches(&v1alpha1.ClusterUsageSource{}, handler.EnqueueRequestsFromMapFunc(r.programsOf), builder.WithPredicates(sourceChanged)).
			WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.programsIn), builder.WithPredicates(predicate.LabelChangedPredicate{}))
	}
	return work.Complete(r.guarded())
}

// toProgram maps a program, phase or barrier to the program.
func toProgram(o client.Object) reconcile.Request {
	name := o.GetName()
	switch o := o.(type) {
	case *v1alpha1.Phase:
		name = string(o.Spec.ProgramRef.Name)
	case *v1alpha1.Barrier:
		name = string(o.Spec.ProgramRef.Name)
	}
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}
}

// sourceChanged is when a program may have to plan anew: selectors look at labels.
var sourceChanged = predicate.Or(predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{})

// programsOf maps a source to the programs that name it, or may select it.
func (r *ProgramReconciler) programsOf(ctx context.Context, o client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, value := range []string{sourceKeyOf(o), selectorKey(sourceKindOf(o))} {
		var programs v1alpha1.AdoptionProgramList
		if err := r.Client.List(ctx, &programs, client.InNamespace(o.GetNamespace()), client.MatchingFields{sourceField: value}); err != nil {
			return nil // the cache is stopping
		}
		for i := range programs.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&programs.Items[i])})
		}
	}
	return requests
}

// programsIn maps a namespace to its programs: whether they may use a source can
// depend on its labels.
func (r *ProgramReconciler) programsIn(ctx context.Context, o client.Object) []reconcile.Request {
	var programs v1alpha1.AdoptionProgramList
	if err := r.Client.List(ctx, &programs, client.InNamespace(o.GetName())); err != nil {
		return nil // the cache is stopping
	}
	requests := make([]reconcile.Request, len(programs.Items))
	for i := range programs.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&programs.Items[i])
	}
	return requests
}

// selectorKey stands in the index for all sources of a kind.
func selectorKey(kind v1alpha1.SourceKind) string {
	return "any " + string(cmp.Or(kind, v1alpha1.SourceKindNamespaced))
}

func sourceKindOf(o client.Object) v1alpha1.SourceKind {
	if o.GetNamespace() == "" {
		return v1alpha1.SourceKindCluster
	}
	return v1alpha1.SourceKindNamespaced
}

// sourcesOf lists the sources that a program names.
func sourcesOf(o client.Object) []string {
	program := o.(*v1alpha1.AdoptionProgram) //nolint:forcetypeassert // the index is for programs
	var keys []string
	for _, use := range adoption.Queries(program) {
		if ref := adoption.EffectiveSource(program, use.Query); ref != nil {
			keys = append(keys, sourceKey(ref, program.Namespace))
		}
		if selector := use.Query.SourceSelector; selector != nil {
			keys = append(keys, selectorKey(selector.Kind))
		}
	}
	return keys
}
