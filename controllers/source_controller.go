// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/poll"
	"github.com/uptake-dev/uptake/internal/source"
)

// SourceReconciler gives sources of one kind their client and their status.
type SourceReconciler struct {
	// Kind that this reconciler works.
	Kind v1alpha1.SourceKind
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads Secrets and ConfigMaps by name.
	Live      client.Reader
	Clock     clock.PassiveClock
	Endpoints *Endpoints
	Scheduler *poll.Scheduler
	// Metrics of the domain.
	Metrics *DomainMetrics
	// Wakes brings sources whose polls have something new to say.
	Wakes *Wakes
	// OperatorNamespace holds the credentials of cluster-scoped sources.
	OperatorNamespace string
	// OperatorAccount is the operator's service account, namespace:name.
	OperatorAccount string
	// CredentialsEvery is how often credentials are read again, so that a rotated
	// one needs no restart.
	CredentialsEvery time.Duration
	// Turns says whether this process may decide.
	Turns Turns
	// Log gets where the operator failed, and Panics counts it.
	Log    logr.Logger
	Panics *prometheus.CounterVec

	memories *memories
}

// sourceObject is an object of either kind.
type sourceObject struct {
	client.Object
	settings *v1alpha1.SourceSettings
	status   *v1alpha1.SourceStatus
}

func (r *SourceReconciler) newObject() sourceObject {
	if r.Kind == v1alpha1.SourceKindCluster {
		o := &v1alpha1.ClusterUsageSource{}
		return sourceObject{o, &o.Spec.SourceSettings, &o.Status}
	}
	o := &v1alpha1.UsageSource{}
	return sourceObject{o, &o.Spec.SourceSettings, &o.Status}
}

// Reconcile sets a source up and says how it is doing.
func (r *SourceReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	turn, ours := r.Turns.begin()
	if !ours {
		return ctrl.Result{RequeueAfter: again}, nil
	}
	o := r.newObject()
	if err := r.Client.Get(ctx, req.NamespacedName, o.Object); err != nil {
		if !apierrors.IsNotFound(err) {
			return ctrl.Result{}, err
		}
		o.SetName(req.Name)
		o.SetNamespace(req.Namespace)
		r.Endpoints.Remove(sourceKeyOf(o.Object))
		r.Metrics.ForgetSource(sourceKeyOf(o.Object))
		r.memories.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	known := r.memories.of(req.NamespacedName)
	if known.cacheLags([]client.Object{o.Object}) {
		return ctrl.Result{RequeueAfter: conflictRetryDelay}, nil
	}
	decidedOn := o.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy of an object is one
	problem, err := r.setUp(ctx, o)
	if err != nil {
		return ctrl.Result{}, err
	}
	r.describe(o, problem)
	w := writer{client: r.Client, live: r.Live, now: r.Clock.Now(), memory: known, turn: turn}
	if equality.Semantic.DeepEqual(statusOf(decidedOn), statusOf(o.Object)) {
		err = w.announce(ctx, o.Object)
	} else {
		err = w.update(ctx, o.Object, decidedOn)
	}
	switch {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: conflictRetryDelay}, nil
	case errors.Is(err, errNotOurTurn):
		return ctrl.Result{RequeueAfter: again}, nil
	}
	if err == nil {
		r.Metrics.ObserveSource(sourceKeyOf(o.Object), meta.IsStatusConditionTrue(o.status.Conditions, v1alpha1.ConditionReady))
	}
	return ctrl.Result{RequeueAfter: r.CredentialsEvery}, err
}

// setUp reads credentials and gives the source its client.
func (r *SourceReconciler) setUp(ctx context.Context, o sourceObject) (*credentialProblem, error) {
	key, namespace := sourceKeyOf(o.Object), o.GetNamespace()
	if r.Kind == v1alpha1.SourceKindCluster {
		namespace = r.OperatorNamespace
	}
	settings, err := credentials{live: r.Live, namespace: namespace, operator: r.OperatorAccount}.settingsFor(ctx, key, o.settings)
	if err != nil {
		var problem *credentialProblem
		if !errors.As(err, &problem) {
			return nil, fmt.Errorf("reading the credentials of %s: %w", key, err)
		}
		r.Endpoints.Fail(key, &source.Error{Class: source.Unauthorized, Message: key + ": " + problem.message})
		return problem, nil
	}
	changed, err := r.Endpoints.Set(key, o.settings.Type, settings)
	if err != nil {
		message := source.AsError(err).Message
		// The source is at fault, and not who asks it.
		r.Endpoints.Fail(key, &source.Error{Class: source.Unavailable, Message: key + ": " + message})
		return &credentialProblem{v1alpha1.ReasonInvalidSpec, message}, nil
	}
	if changed {
		r.Scheduler.Refresh(key)
	}
	return nil, nil
}

// describe fills the status.
func (r *SourceReconciler) describe(o sourceObject, problem *credentialProblem) {
	state := r.Scheduler.SourceState(sourceKeyOf(o.Object))
	o.status.Consumers, o.status.Queries = count(state.Consumers), count(state.Queries)
	o.status.ObservedGeneration = o.GetGeneration()
	o.status.UsedBy = state.ConsumerNames[:min(len(state.ConsumerNames), 10)]
	r.describeTimes(o.status, state)
	ready := r.ready(o, state, problem)
	set := func(kind string, status metav1.ConditionStatus) {
		adoption.SetCondition(&o.status.Conditions, metav1.Condition{
			Type: kind, Status: status, Reason: ready.Reason, Message: ready.Message,
			ObservedGeneration: o.GetGeneration(), LastTransitionTime: metav1.NewTime(r.Clock.Now().Truncate(time.Second)),
		})
	}
	set(v1alpha1.ConditionReady, ready.Status)
	stalled := ready.Status != metav1.ConditionTrue && (ready.Reason == v1alpha1.ReasonInvalidSpec || ready.Reason == v1alpha1.ReasonKeyNotFound || ready.Reason == v1alpha1.ReasonSecretNotLabelled || ready.Reason == v1alpha1.ReasonSecretNotForHost || ready.Reason == v1alpha1.ReasonAddressRefused)
	retrying := ready.Status != metav1.ConditionTrue && !stalled
	if stalled {
		set(v1alpha1.ConditionStalled, metav1.ConditionTrue)
	} else {
		meta.RemoveStatusCondition(&o.status.Conditions, v1alpha1.ConditionStalled)
	}
	if retrying {
		set(v1alpha1.ConditionReconciling, metav1.ConditionTrue)
	} else {
		meta.RemoveStatusCondition(&o.status.Conditions, v1alpha1.ConditionReconciling)
	}
}

// describeTimes says since when a source has not answered, and when it is asked again.
// While it answers neither is worth a write.
func (r *SourceReconciler) describeTimes(status *v1alpha1.SourceStatus, state poll.SourceState) {
	failing := state.Failures > 0
	if !state.LastGood.IsZero() && (failing || status.AnsweredAt == nil) {
		status.AnsweredAt = &metav1.Time{Time: state.LastGood.Truncate(time.Second)}
	}
	status.NextTryAt = nil
	if failing && !state.NextTry.IsZero() {
		status.NextTryAt = &metav1.Time{Time: state.NextTry.Truncate(time.Second)}
	}
}

func (r *SourceReconciler) ready(o sourceObject, state poll.SourceState, problem *credentialProblem) metav1.Condition {
	was := meta.FindStatusCondition(o.status.Conditions, v1alpha1.ConditionReady)
	switch {
	case problem != nil:
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: problem.reason, Message: problem.message}
	case state.Queries == 0:
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonNotUsed, Message: "No program asks this source."}
	case state.Failing() && state.Err.Class == source.Refused:
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAddressRefused, Message: state.Err.Message}
	case state.Failing():
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonPollsFailing, Message: state.Err.Message}
	case !state.LastGood.IsZero():
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPolling, Message: "The source answers."}
	case state.Replied:
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPolling, Message: "The source answers, and nothing of it can be used: the programs say why."}
	case state.Tried && state.Failures == 0:
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonNotUsed, Message: "What is asked of this source cannot be asked: the programs say why."}
	case !state.Tried && was != nil && (was.Reason == v1alpha1.ReasonPolling || was.Reason == v1alpha1.ReasonPollsFailing || was.Reason == v1alpha1.ReasonAddressRefused):
		return *was // this operator has just started
	default:
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAwaitingData, Message: "The first answer is on its way."}
	}
}

func count(n int) *int32 {
	v := int32(min(n, math.MaxInt32)) //nolint:gosec // bounded in the line itself
	return &v
}

// SetupWithManager registers the reconciler.
func (r *SourceReconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.memories = newMemories()
	return ctrl.NewControllerManagedBy(mgr).
		Named(map[v1alpha1.SourceKind]string{v1alpha1.SourceKindNamespaced: "usagesource", v1alpha1.SourceKindCluster: "clusterusagesource"}[r.Kind]).
		For(r.newObject().Object, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(r.Wakes).
		Complete(r.guarded())
}
