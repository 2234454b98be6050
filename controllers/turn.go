// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"time"

	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/awake"
	"github.com/uptake-dev/uptake/internal/lease"
)

// again is when to look again for whoever may not decide now.
const again = time.Second

// errNotOurTurn is why something was not written. It is no failure: another operator
// leads, or what was decided on is from before a time in which this one did not run.
var errNotOurTurn = errors.New("not written: this operator does not lead, or did not run for a while")

// Turns says who may decide. The zero value lets everybody.
type Turns struct {
	// Watch notices that the process did not run.
	Watch *awake.Watch
	// Fence knows whether the process leads; nil: it has no rival.
	Fence *lease.Fence
}

// turn is one reconciliation of a process that leads, and has run all the time.
type turn struct {
	turns Turns
	gaps  int64
}

// begin starts a turn. What is read before it may be out of date.
func (t Turns) begin() (turn, bool) {
	begun := turn{turns: t}
	if t.Watch != nil {
		begun.gaps = t.Watch.Check()
	}
	return begun, t.leads()
}

func (t Turns) leads() bool { return t.Fence == nil || t.Fence.Holds() }

// lasts reports whether the turn is not over. It is asked right before each write.
func (t turn) lasts() bool {
	return (t.turns.Watch == nil || t.turns.Watch.Check() == t.gaps) && t.turns.leads()
}

// clockSet is when the time of day was last set under this process, and by how much.
func (t Turns) clockSet() adoption.ClockSet {
	if t.Watch == nil {
		return adoption.ClockSet{}
	}
	gap := t.Watch.LastSet()
	return adoption.ClockSet{At: gap.Until, By: gap.Set}
}
