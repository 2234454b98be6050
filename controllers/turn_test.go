// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/awake"
	"github.com/uptake-dev/uptake/internal/lease"
)

// A write of a turn that is over never reaches a client: there is none here.
func TestATurnThatIsOverWritesNothing(t *testing.T) {
	passed := time.Duration(0)
	now := func() awake.Moment {
		return awake.At(passed, time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).Add(passed))
	}
	slept := 0
	watch := awake.NewWatch(now, func(awake.Gap) { slept++ })
	pausing, ours := Turns{Watch: watch}.begin()
	if !ours {
		t.Fatal("without leader election nobody else leads")
	}
	if !pausing.lasts() {
		t.Error("nothing has happened")
	}
	passed = time.Minute // the process is stopped in the middle of a step
	deposed := turn{turns: Turns{Fence: lease.NewFence(now, time.Second)}}
	if _, ours := deposed.turns.begin(); ours {
		t.Error("who has no Lease has no turn")
	}
	for name, over := range map[string]turn{"a process that was stopped": pausing, "one that leads no more": deposed} {
		w := writer{turn: over}
		for what, err := range map[string]error{
			"a status":  w.store(t.Context(), &v1alpha1.Phase{}, &v1alpha1.Phase{}),
			"a barrier": w.open(t.Context(), &v1alpha1.Barrier{}),
			"an event":  w.announce(t.Context(), &v1alpha1.Phase{}),
		} {
			if !errors.Is(err, errNotOurTurn) {
				t.Errorf("%s writes %s: %v", name, what, err)
			}
		}
	}
	if slept != 1 {
		t.Errorf("the pause was told %d times", slept)
	}
	if begun, _ := (Turns{Watch: watch}).begin(); !begun.lasts() {
		t.Error("the next turn is as good as any")
	}
}
