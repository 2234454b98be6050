// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
)

// eventsYoungerThan is for how long a stored transition is announced. The API
// server keeps events for an hour, so an event that exists is found to exist. What lies
// as far in the future was stored, and announced, before the clock was set back.
const eventsYoungerThan = 50 * time.Minute

// announcement is something that happened to an object.
type announcement struct {
	// id makes the event's name, together with the object: the same thing
	// announced twice is one event.
	id      string
	warning bool
	reason  string
	message string
	time    metav1.Time
}

// announce creates core/v1 events for what an object's status says and was not
// announced yet; it is called after the status is stored. Events have a derived
// name and are created directly: an event recorder drops events of busy objects,
// and cannot tell after a crash what it has sent.
func (m *memory) announce(ctx context.Context, c client.Client, now time.Time, o client.Object) error {
	current := announcementsOf(o)
	announced := m.announced[o.GetUID()]
	kept := make(map[string]bool, len(current))
	m.announced[o.GetUID()] = kept
	for _, happened := range current {
		if age := now.Sub(happened.time.Time); announced[happened.id] || age > eventsYoungerThan || age < -eventsYoungerThan {
			kept[happened.id] = true
			continue
		}
		err := c.Create(ctx, eventFor(o, happened))
		if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return err
		}
		kept[happened.id] = true
	}
	return nil
}

// announcementsOf reads an object's status: its transitions, and conditions that
// people have to act on.
func announcementsOf(o client.Object) []announcement {
	switch o := o.(type) {
	case *v1alpha1.AdoptionProgram:
		return append(ofTransitions(o.Status.Transitions), ofConditions(o.Status.Conditions)...)
	case *v1alpha1.Phase:
		return append(ofTransitions(o.Status.Transitions), ofConditions(o.Status.Conditions)...)
	case *v1alpha1.Barrier:
		return append(ofTransitions(o.Status.Transitions), ofConditions(o.Status.Conditions)...)
	case *v1alpha1.UsageSource:
		return ofConditions(o.Status.Conditions)
	case *v1alpha1.ClusterUsageSource:
		return ofConditions(o.Status.Conditions)
	default:
		return nil
	}
}

// warnings are the reasons of transitions for the worse.
var warnings = map[string]bool{
	v1alpha1.ReasonTargetsMissed: true, v1alpha1.ReasonRegressed: true, v1alpha1.ReasonReopened: true,
	v1alpha1.ReasonDetected: true, v1alpha1.ReasonReported: true, v1alpha1.ReasonEscalated: true,
	v1alpha1.ReasonAcceptanceEnded: true, v1alpha1.ReasonResolutionWithdrawn: true,
}

func ofTransitions(ring []v1alpha1.TransitionStatus) []announcement {
	list := make([]announcement, 0, len(ring)+2)
	for _, t := range ring {
		list = append(list, announcement{
			id: fmt.Sprintf("transition/%d/%d", t.Number, t.Time.Unix()), warning: warnings[t.Reason],
			reason: t.Reason, message: t.Message, time: t.Time,
		})
	}
	return list
}

// ofConditions picks conditions that say that something is wrong and will not
// mend itself, and exemptions that end.
func ofConditions(conditions []metav1.Condition) []announcement {
	var list []announcement
	for _, c := range conditions {
		wrong := c.Type == v1alpha1.ConditionStalled && c.Status == metav1.ConditionTrue ||
			c.Type == v1alpha1.ConditionReconciling && c.Status == metav1.ConditionTrue && c.Reason != v1alpha1.ReasonAwaitingData ||
			c.Type == v1alpha1.ConditionSourcesHealthy && c.Status == metav1.ConditionFalse ||
			c.Type == v1alpha1.ConditionClockJumped && c.Status == metav1.ConditionTrue ||
			c.Type == v1alpha1.ConditionOnTrack && c.Reason == v1alpha1.ReasonDeadlineMissed
		news := c.Type == v1alpha1.ConditionExemptionsEnd
		if wrong || news {
			list = append(list, announcement{
				id: fmt.Sprintf("condition/%s/%s/%d", c.Type, c.Reason, c.LastTransitionTime.Unix()), warning: wrong,
				reason: c.Reason, message: c.Message, time: c.LastTransitionTime,
			})
		}
	}
	return list
}

// maxEventMessage is the API server's limit.
const maxEventMessage = 1024

// eventFor builds the event as a value.
func eventFor(o client.Object, happened announcement) *corev1.Event {
	gvk, name := kindOf(o), o.GetName()
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s/%s", o.GetUID(), happened.id) // a hash never fails to write
	kind := corev1.EventTypeNormal
	if happened.warning {
		kind = corev1.EventTypeWarning
	}
	namespace := o.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault // where events of cluster-scoped objects are
	}
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s.%016x", strings.Trim(name[:min(len(name), 230)], "-."), h.Sum64()), Namespace: namespace},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: gvk, Namespace: o.GetNamespace(), Name: name,
			UID: o.GetUID(), ResourceVersion: o.GetResourceVersion(),
		},
		Reason: happened.reason, Message: adoption.Clip(happened.message, maxEventMessage), Type: kind,
		Source:         corev1.EventSource{Component: "uptake"},
		FirstTimestamp: happened.time, LastTimestamp: happened.time, Count: 1,
		ReportingController: "uptake.dev/operator",
	}
}

// kindOf names the kind: objects of the cache carry none.
func kindOf(o client.Object) string {
	switch o.(type) {
	case *v1alpha1.AdoptionProgram:
		return "AdoptionProgram"
	case *v1alpha1.Phase:
		return "Phase"
	case *v1alpha1.Barrier:
		return "Barrier"
	case *v1alpha1.UsageSource:
		return "UsageSource"
	default:
		return "ClusterUsageSource"
	}
}
