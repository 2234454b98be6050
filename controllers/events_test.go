// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// told takes events, and nothing else.
type told struct {
	client.Client
	events []*corev1.Event
}

func (t *told) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	t.events = append(t.events, o.(*corev1.Event)) //nolint:forcetypeassert // nothing else is created
	return nil
}

func TestASetClockIsToldOnceAndWhatWasToldBeforeIsNotToldAgain(t *testing.T) {
	now := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	jump := metav1.Condition{
		Type: v1alpha1.ConditionClockJumped, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonClockJumped, LastTransitionTime: metav1.NewTime(now),
	}
	phase := &v1alpha1.Phase{ObjectMeta: metav1.ObjectMeta{Name: "one", UID: "u"}}
	phase.Status.Conditions = []metav1.Condition{jump}
	phase.Status.Transitions = []v1alpha1.TransitionStatus{
		{Number: 1, Reason: v1alpha1.ReasonStarted, Time: metav1.NewTime(now.Add(30 * 24 * time.Hour))}, // while the clock was ahead
	}
	to := &told{}
	restarted := &memory{announced: map[types.UID]map[string]bool{}} // nobody remembers what was told
	for range 3 {
		if err := restarted.announce(t.Context(), to, now, phase); err != nil {
			t.Fatal(err)
		}
	}
	if len(to.events) != 1 || to.events[0].Reason != v1alpha1.ReasonClockJumped || to.events[0].Type != corev1.EventTypeWarning {
		t.Fatalf("%d events: %v", len(to.events), to.events)
	}
	phase.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now.Add(time.Minute))
	if err := restarted.announce(t.Context(), to, now.Add(time.Minute), phase); err != nil {
		t.Fatal(err)
	}
	if len(to.events) != 2 || to.events[0].Name == to.events[1].Name {
		t.Errorf("a second jump is another event: %v", to.events)
	}
}
