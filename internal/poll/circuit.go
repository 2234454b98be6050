// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"time"
)

// opensAfter is how many requests to a source fail in a row, of whichever
// queries, before it is asked by one probe at a time.
const opensAfter = 5

// circuit keeps a source that is down from being asked by each of its queries.
// While it is open the queries wait, and one of them at a time is let through as
// a probe, less and less often. An answer closes it.
type circuit struct {
	open    bool
	inARow  int       // failures since the newest answer
	probes  int       // probes that failed since it opened
	probeAt time.Time // when the next may start
}

// limits returns how many requests may be under way, and when the next may start.
func (c *circuit) limits(most int) (running int, from time.Time) {
	if c.open {
		return 1, c.probeAt
	}
	return most, time.Time{}
}

// failed takes in a failed request, and says whether that has opened the circuit.
func (c *circuit) failed(q *query, now time.Time) (opened bool) {
	c.inARow++
	switch {
	case c.open && q.probe:
		c.probes++
	case c.open, c.inARow < opensAfter:
		return false // begun before it opened
	default:
		c.open, opened = true, true
	}
	longest := longestFor(q.grid.interval)
	c.probeAt = now.Add(doubled(min(q.grid.interval, firstRetry), c.probes, longest))
	return opened
}

// answered closes the circuit, and says whether it was open.
func (c *circuit) answered() (closed bool) {
	closed = c.open
	*c = circuit{}
	return closed
}

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
