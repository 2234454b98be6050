// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"slices"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// opensAfter is how many requests in a row say that a source is down before it is
// asked by one probe at a time.
const opensAfter = 5

// circuit keeps a source that is down from being asked by each of its queries.
// While it is open the queries wait, and one of them at a time is let through as
// a probe, less and less often. An answer closes it.
type circuit struct {
	open     bool
	halfOpen bool      // a probe has failed since it opened
	inARow   int       // failures that tell of the source, since the newest answer
	probes   int       // probes that failed since it opened
	probeAt  time.Time // when the next may start
}

// limits returns how many requests may be under way, and when the next may start.
func (c *circuit) limits(most int) (running int, from time.Time) {
	if c.open {
		return 1, c.probeAt
	}
	return most, time.Time{}
}

// failed takes in a failed request, what was known of the query before it, and
// whether it implicates the source. It says whether that is news for those who wait.
func (c *circuit) failed(q *query, before Measurement, implicates bool, now time.Time) (news bool) {
	switch {
	case c.open && q.probe:
		c.halfOpen = true
		if !before.Attempted.IsZero() {
			c.probes++ // one that was never asked may be at fault itself: the others need not wait longer
		}
	case c.open || !implicates:
		return false // begun before it opened, or at fault itself
	default:
		if c.inARow++; c.inARow < opensAfter {
			return false
		}
		c.open = true
	}
	longest := longestFor(q.grid.interval)
	c.probeAt = now.Add(doubled(min(q.grid.interval, firstRetry), c.probes, longest))
	return true
}

// answered closes the circuit, and says whether it was open.
func (c *circuit) answered() (closed bool) {
	closed = c.open
	*c = circuit{}
	return closed
}

// implicates reports whether a failure of a query, of which this was known before, implicates
// its source. What fails while others are answered is at fault itself: it implicates
// nothing until no one has been answered for a whole round.
func (e *endpoint) implicates(q *query, before Measurement, now time.Time) bool {
	if before.Err == nil && !before.At.IsZero() {
		return true
	}
	round := now.Add(-q.grid.interval)
	if !before.Attempted.IsZero() && before.Attempted.Before(round) {
		round = before.Attempted
	}
	return !e.lastReply.After(round)
}

// take returns the query that is asked next, which does not wait any more; nil:
// there is none, or none whose tenant may have one more request under way.
func (s *Scheduler) take(e *endpoint) *query {
	mayHave := func(tenant string) bool {
		if s.tenants.isFull(tenant) {
			s.tenants.holdUp(tenant, e)
			return false
		}
		return e.hasSlot(tenant)
	}
	if !e.circuit.open {
		next, _ := e.waiting.PopOf(mayHave)
		return next
	}
	next := e.nextProbe(func(q *query) bool {
		if !q.queued {
			q.tenant = s.tenants.leastBusy(q)
		}
		return mayHave(q.tenant)
	})
	if next == nil {
		return nil
	}
	e.waiting.Remove(next.tenant, next)
	return next
}

// nextProbe is whichever query tells best whether the source is up, so that a
// healthy one need not wait for any number of broken ones: see asProbe. One whose
// newest answer is good is asked whether it is due or not. One whose tenant has all that
// it may have under way is no probe: the others would wait for that tenant.
func (e *endpoint) nextProbe(may func(*query) bool) *query {
	candidates := slices.Collect(e.waiting.All())
	troubled := map[*consumer]bool{}
	for q := range e.queries {
		if !q.queued && !q.running && q.isWell() {
			candidates = append(candidates, q)
		}
		for c := range q.subscribers {
			troubled[c] = troubled[c] || q.measurement.Err != nil
		}
	}
	var best *query
	highest := 0
	for _, q := range candidates {
		if !may(q) {
			continue
		}
		rank := q.asProbe(troubled)
		// Of those that failed, which waited longest has its turn, too: the newest
		// good answer may be of one that has broken since.
		byAnswer := rank > failedBefore || e.circuit.probes%2 == 0
		if rank > highest || rank == highest && byAnswer && q.measurement.At.After(best.measurement.At) {
			best, highest = q, rank
		}
	}
	return best
}

// How well a query is fit to be a probe: of the last two kinds each fails only
// once. One more is for a query of somebody whom nothing fails for.
const (
	failedBefore = 1
	neverAsked   = 2
	answeredWell = 4
)

func (q *query) asProbe(troubled map[*consumer]bool) int {
	rank := failedBefore
	switch {
	case q.isWell():
		rank = answeredWell
	case q.measurement.Err == nil:
		rank = neverAsked
	default:
		return rank
	}
	for c := range q.subscribers {
		if !troubled[c] {
			return rank + 1
		}
	}
	return rank
}

// isWell reports whether the newest attempt was answered.
func (q *query) isWell() bool { return q.measurement.Err == nil && !q.measurement.At.IsZero() }

// closeCircuit lets everything be asked again that waited for a source, soon but
// not all at once.
func (s *Scheduler) closeCircuit(e *endpoint, now time.Time) {
	for q := range e.queries {
		if !q.queued && !q.running && q.measurement.Err != nil && backsOff(q.measurement.Err.Class) {
			s.agenda.setEarlier(&q.alarm, s.firstDue(q, now))
		}
	}
	for c := range e.consumers {
		s.noteConsumer(c, now)
	}
}

// guard opens or closes the circuit of a query's source.
func (s *Scheduler) guard(q *query, before Measurement, failure *source.Error, implicates bool, now time.Time) {
	e := q.endpoint
	switch {
	case failure == nil || !backsOff(failure.Class):
		// An answer that cannot be used is one all the same: somebody is there.
		if e.circuit.answered() {
			s.closeCircuit(e, now)
		}
	case e.circuit.failed(q, before, implicates, now):
		for waits := range e.waiting.All() {
			s.noteConsumers(waits, now)
		}
	}
}
