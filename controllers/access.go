// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/objects"
)

// ObjectCounter counts objects of this cluster.
type ObjectCounter interface {
	// Query prepares a count, or says what is wrong with the query.
	Query(query v1alpha1.ObjectsQuery, by *v1alpha1.SegmentBy) (source.Asker, error)
	// ResourceFor finds the resource of a kind.
	ResourceFor(ctx context.Context, apiVersion, kind string) (objects.Resource, error)
}

// ConfigMapReader makes an asker for a key of a ConfigMap.
type ConfigMapReader func(namespace, name, key string, zone *time.Location) source.Asker

// Access decides whether a program's service account may list what the program
// counts. Counts are shared between programs, so each is asked for.
type Access struct {
	// Client creates SubjectAccessReviews.
	Client client.Client
	// Objects finds resources.
	Objects ObjectCounter
	Clock   clock.PassiveClock

	mu      sync.Mutex
	answers map[accessQuestion]accessAnswer
}

type accessQuestion struct {
	user     string
	resource schema.GroupResource
}

type accessAnswer struct {
	allowed bool
	expires time.Time
}

// Check returns until when a program may count something without being asked for again,
// or why it may not.
func (a *Access) Check(ctx context.Context, program *v1alpha1.AdoptionProgram, q *v1alpha1.ObjectsQuery) (until time.Time, denied *adoption.Problem) {
	resource, err := a.Objects.ResourceFor(ctx, q.APIVersion, q.Kind)
	if err != nil {
		return time.Time{}, problemOf(source.AsError(err))
	}
	account := string(program.Spec.ServiceAccountName)
	user := fmt.Sprintf("system:serviceaccount:%s:%s", program.Namespace, account)
	answer, err := a.ask(ctx, accessQuestion{user, resource.GroupResource()}, program.Namespace)
	if apierrors.IsForbidden(err) {
		return time.Time{}, &adoption.Problem{Kind: adoption.ProblemReference, Reason: v1alpha1.ReasonAccessDenied, Message: "the operator has no right to ask what service accounts may count, " +
			"which it needs to count objects: install it with inventory.enabled=true, or measure with a source or a ConfigMap"}
	}
	if err != nil {
		return time.Time{}, &adoption.Problem{Message: "the API server could not be asked what service account " + account + " may count"}
	}
	if answer.allowed {
		return answer.expires, nil
	}
	kind := resource.GroupResource()
	// One name for both, of this account only: another program's may be there.
	name := fmt.Sprintf("count-%s-for-%s-%s", kind.Resource, program.Namespace, account)
	missing := ""
	if account != "default" { // whether there is such an account the operator may not see
		missing = fmt.Sprintf(". If there is none (kubectl get serviceaccount -n %[1]s %[2]s), correct serviceAccountName or kubectl create serviceaccount -n %[1]s %[2]s; then", program.Namespace, account)
	}
	return time.Time{}, &adoption.Problem{Kind: adoption.ProblemReference, Reason: v1alpha1.ReasonAccessDenied, Message: fmt.Sprintf(
		"service account %s may not count %s%s: kubectl create clusterrole %s --verb=list --resource=%s && kubectl create clusterrolebinding %s --clusterrole=%s --serviceaccount=%s:%s",
		account, kind.Resource, missing, name, kind, name, name, program.Namespace, account)}
}

func (a *Access) ask(ctx context.Context, q accessQuestion, namespace string) (accessAnswer, error) {
	now := a.Clock.Now()
	a.mu.Lock()
	known, ok := a.answers[q]
	a.mu.Unlock()
	if ok && now.Before(known.expires) {
		return known, nil
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:   q.user,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "list", Group: q.resource.Group, Resource: q.resource.Resource,
		},
	}}
	if err := a.Client.Create(ctx, review); err != nil {
		return accessAnswer{}, err
	}
	keep := rightsFor
	if !review.Status.Allowed {
		keep = retryPlan / 2
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers == nil || len(a.answers) > 100_000 {
		a.answers = map[accessQuestion]accessAnswer{} // bounded: asking again is cheap
	}
	answer := accessAnswer{allowed: review.Status.Allowed, expires: now.Add(keep)}
	a.answers[q] = answer
	return answer, nil
}

// Renew has everything asked anew: the time that was slept is not in what is remembered.
func (a *Access) Renew() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers = nil
}
