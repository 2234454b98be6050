// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"container/heap"
	"time"
)

// agenda is the heap of everything that is to happen at a time.
type agenda struct {
	entries entries
}

// alarm is something that happens at a time. It belongs to one poll, source or
// consumer, is set and cleared as often as needed, and rings once for each set.
type alarm struct {
	ring func(now time.Time)

	at    time.Time
	place int // in the heap, from 1; 0: not set
}

func (a *alarm) isSet() bool { return a.place > 0 }

// set sets the alarm, wherever it was set before.
func (g *agenda) set(a *alarm, at time.Time) {
	a.at = at
	if a.isSet() {
		heap.Fix(&g.entries, a.place-1)
		return
	}
	heap.Push(&g.entries, a)
}

// setEarlier sets the alarm unless it rings before that anyway.
func (g *agenda) setEarlier(a *alarm, at time.Time) {
	if !a.isSet() || at.Before(a.at) {
		g.set(a, at)
	}
}

func (g *agenda) clear(a *alarm) {
	if a.isSet() {
		heap.Remove(&g.entries, a.place-1)
	}
}

func (g *agenda) clearAll() {
	for _, a := range g.entries {
		a.place = 0
	}
	g.entries = nil
}

// next returns when the next alarm rings.
func (g *agenda) next() (time.Time, bool) {
	if len(g.entries) == 0 {
		return time.Time{}, false
	}
	return g.entries[0].at, true
}

// takeDue takes one alarm off the agenda whose time has come.
func (g *agenda) takeDue(now time.Time) *alarm {
	if len(g.entries) == 0 || g.entries[0].at.After(now) {
		return nil
	}
	return heap.Pop(&g.entries).(*alarm)
}

// entries implements heap.Interface.
type entries []*alarm

func (e entries) Len() int           { return len(e) }
func (e entries) Less(i, j int) bool { return e[i].at.Before(e[j].at) }

func (e entries) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].place, e[j].place = i+1, j+1
}

func (e *entries) Push(x any) {
	a := x.(*alarm)
	*e = append(*e, a)
	a.place = len(*e)
}

func (e *entries) Pop() any {
	last := len(*e) - 1
	a := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	a.place = 0
	return a
}
