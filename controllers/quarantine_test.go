// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestWhatFailsIsTriedLessAndLessOftenAndWhenItChanges(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
	attempts, told, bug, version, log := 0, 0, true, "1", &strings.Builder{}
	var away error
	q := &quarantine{
		inner: reconcile.Func(func(context.Context, ctrl.Request) (ctrl.Result, error) {
			attempts++
			if bug {
				panic("hunter2")
			}
			return ctrl.Result{RequeueAfter: time.Hour}, nil
		}),
		version: func(context.Context, types.NamespacedName) string { return version },
		tell: func(context.Context, types.NamespacedName) error {
			told++
			return away
		},
		count: NewPanics().WithLabelValues("program"), clock: clock,
		log: funcr.New(func(prefix, args string) { log.WriteString(prefix + args) }, funcr.Options{}),
	}
	work := func(after time.Duration) time.Duration {
		t.Helper()
		clock.SetTime(clock.Now().Add(after))
		result, err := q.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Name: "one"}})
		if err != nil {
			t.Fatal(err)
		}
		return result.RequeueAfter
	}
	expect := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	away = errors.New("the API server is away")
	expect("what could not be told is told soon", work(0), again)
	away = nil
	expect("it is left alone", work(time.Second), quarantineFirst-time.Second)
	expect("attempts", attempts, 1)
	expect("told", told, 2)
	expect("the second time is longer", work(quarantineFirst), 2*quarantineFirst)
	version = "2"
	expect("a change is worth an attempt", work(time.Second), 4*quarantineFirst)
	expect("attempts", attempts, 3)
	for range 20 {
		work(quarantineLongest)
	}
	expect("it is never longer than", work(quarantineLongest), quarantineLongest)
	bug = false
	expect("it works again", work(quarantineLongest), time.Hour)
	bug = true
	expect("it is forgotten", work(0), quarantineFirst)
	if strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "TestWhatFails") {
		t.Errorf("the log: %s", log)
	}
}

// Who may not write now has told nothing, and tells it when it may.
func TestWhatWasNotWrittenIsNotTakenForTold(t *testing.T) {
	ours, log := false, &strings.Builder{}
	q := &quarantine{
		inner:   reconcile.Func(func(context.Context, ctrl.Request) (ctrl.Result, error) { panic("hunter2") }),
		version: func(context.Context, types.NamespacedName) string { return "" },
		tell: func(context.Context, types.NamespacedName) error {
			if !ours {
				return errNotOurTurn
			}
			return nil
		},
		count: NewPanics().WithLabelValues("program"), clock: clocktesting.NewFakePassiveClock(time.Now()),
		log: funcr.New(func(prefix, args string) { log.WriteString(prefix + args) }, funcr.Options{}),
	}
	for _, want := range []time.Duration{again, quarantineFirst} {
		result, err := q.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Name: "one"}})
		if err != nil || result.RequeueAfter != want {
			t.Errorf("looked at again after %v, want %v (%v)", result.RequeueAfter, want, err)
		}
		ours = true
	}
	if strings.Contains(log.String(), "telling an object") {
		t.Errorf("that it is not our turn is logged as an error: %s", log)
	}
}
