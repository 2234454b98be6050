// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func programNamed(namespace string, n int) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("p", n)}}
}

func aQueue(t *testing.T) (*queue, *testclock.FakeClock) {
	t.Helper()
	now := testclock.NewFakeClock(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC))
	q := newQueue("", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request](), newWaiting(now), func(string, time.Duration) {}).(*queue) //nolint:forcetypeassert // so it is made
	t.Cleanup(q.ShutDown)
	return q, now
}

// looked is how a program is put in that has not been changed.
func (q *queue) looked(request reconcile.Request) {
	low := handler.LowPriority
	q.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, request)
}

func (q *queue) work(took time.Duration, now *testclock.FakeClock) reconcile.Request {
	request, _, _ := q.GetWithPriority()
	now.Step(took)
	q.Done(request)
	return request
}

// At 10,000 programs a quarter was never looked at after a restart: those that polls woke
// went before those that were looked at for the first time, again and again.
func TestWakesDoNotStarveFirstLooks(t *testing.T) {
	q, now := aQueue(t)
	const programs = 1000
	for n := range programs {
		q.looked(programNamed("team", n))
	}
	seen := map[reconcile.Request]bool{}
	for range programs {
		request := q.work(time.Millisecond, now)
		seen[request] = true
		q.looked(request) // its poll ends at once
	}
	if len(seen) != programs {
		t.Errorf("%d of %d programs have been looked at", len(seen), programs)
	}
}

func TestWhatSomebodyChangedGoesFirstAndStarvesNobody(t *testing.T) {
	q, now := aQueue(t)
	for n := range 100 {
		q.looked(programNamed("team", n))
	}
	changed := programNamed("team", 99) // it waits already
	q.Add(changed)
	if got := q.work(time.Millisecond, now); got != changed {
		t.Errorf("%v goes before what was changed", got)
	}
	for n := range 100 {
		q.Add(programNamed("busy", n))
	}
	ordinary := 0
	for range 40 {
		if q.work(time.Millisecond, now).Namespace == "team" {
			ordinary++
		}
	}
	if ordinary != 10 {
		t.Errorf("of 40 looks %d were at what nobody changed, not 10", ordinary)
	}
}

// Four programs at the documented bounds once held every worker for minutes.
func TestANamespaceWithHeavyProgramsGetsNoMoreTimeThanAnother(t *testing.T) {
	q, now := aQueue(t)
	for n := range 4 {
		q.looked(programNamed("heavy", n))
	}
	for n := range 3000 {
		q.looked(programNamed("light", n))
	}
	spent := map[string]time.Duration{}
	for range 2000 {
		request, _, _ := q.GetWithPriority()
		took := time.Millisecond
		if request.Namespace == "heavy" {
			took = 2 * time.Second
		}
		spent[request.Namespace] += took
		now.Step(took)
		q.Done(request)
		q.looked(request)
	}
	if spent["heavy"] > spent["light"]+4*time.Second {
		t.Errorf("the heavy programs had %v, the others %v", spent["heavy"], spent["light"])
	}
	if len(q.begun) != 0 || len(q.waiting.changed) != 0 {
		t.Errorf("%d and %d things are kept", len(q.begun), len(q.waiting.changed))
	}
}

func TestWhoWaitsIsKnown(t *testing.T) {
	q, now := aQueue(t)
	q.looked(programNamed("team", 1))
	now.Step(3 * time.Minute)
	q.looked(programNamed("team", 2))
	now.Step(time.Minute)
	late, longest := q.waiting.late(now.Now().Add(-overdueAfter))
	if len(late) != 1 || late[0].request != programNamed("team", 1) || now.Since(longest) != 4*time.Minute {
		t.Errorf("late are %v, the longest since %v", late, longest)
	}
	q.work(0, now)
	q.work(0, now)
	if late, longest := q.waiting.late(now.Now()); len(late) != 0 || !longest.Equal(now.Now()) || len(q.waiting.since) != 0 {
		t.Errorf("late are %v, the longest since %v, when nobody waits", late, longest)
	}
}

func TestAStatusIsNoReasonToHurry(t *testing.T) {
	q, now := aQueue(t)
	program := func(change func(*v1alpha1.AdoptionProgram)) *v1alpha1.AdoptionProgram {
		o := &v1alpha1.AdoptionProgram{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "p1", UID: "u", Generation: 1}}
		change(o)
		return o
	}
	as := changes{program: toProgram}
	before := program(func(*v1alpha1.AdoptionProgram) {})
	for name, test := range map[string]struct {
		change func(*v1alpha1.AdoptionProgram)
		urgent bool
	}{
		"a status":      {func(o *v1alpha1.AdoptionProgram) { o.Status.Summary = "new" }, false},
		"a spec":        {func(o *v1alpha1.AdoptionProgram) { o.Generation = 2 }, true},
		"an annotation": {func(o *v1alpha1.AdoptionProgram) { o.Annotations = map[string]string{"a": "b"} }, true},
		"another one":   {func(o *v1alpha1.AdoptionProgram) { o.UID = "v" }, true},
	} {
		as.Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: program(test.change)}, q)
		if urgent := q.waiting.urgent.Len() == 1; urgent != test.urgent || q.Len() != 1 {
			t.Errorf("%s is urgent: %v", name, urgent)
		}
		q.work(0, now)
	}
	as.Create(t.Context(), event.CreateEvent{Object: before, IsInInitialList: true}, q)
	if q.waiting.ordinary.Len() != 1 {
		t.Error("the list after a start is urgent")
	}
	as.Create(t.Context(), event.CreateEvent{Object: before}, q)
	if q.waiting.urgent.Len() != 1 || q.Len() != 1 {
		t.Error("what was just created is not urgent, or there twice")
	}
}
