// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"time"

	"github.com/uptake-dev/uptake/internal/fair"
	"github.com/uptake-dev/uptake/internal/source"
)

// longestHold bounds how long a source can ask to be left alone: less than the
// default staleAfter, so that what one query is told makes no other one stale.
const longestHold = 45 * time.Minute

// endpoint is a source with the polls that go there, those that wait for its
// limits, and how it is doing.
type endpoint struct {
	key       string
	settings  Source
	queries   map[*query]struct{}
	consumers map[*consumer]int // how many of the queries each wants

	waiting fair.Queue[*query] // due
	running int
	// runningOf and consumersOf count by tenant; heldUp are those that something waits
	// for here because they have too many requests under way elsewhere.
	runningOf, consumersOf map[string]int
	heldUp                 map[string]bool
	gapUntil               time.Time // because of the least gap between requests
	holdUntil              time.Time // because the source asked for it
	resume                 alarm
	stopped                bool
	circuit                circuit

	// recoveries counts the times the source was well; failures are counted within one.
	recoveries   int
	failures     int
	counted      time.Time // when failures was last raised
	failingSince time.Time
	err          *source.Error
	lastGood     time.Time
	lastReply    time.Time // also one that could not be used
	tried        bool

	changed    alarm
	notifiedAt time.Time
}

func (s *Scheduler) endpointOf(settings Source) *endpoint {
	if e, known := s.endpoints[settings.Key]; known {
		return e
	}
	e := &endpoint{
		key:       settings.Key,
		settings:  withDefaults(settings),
		queries:   map[*query]struct{}{},
		consumers: map[*consumer]int{},
		runningOf: map[string]int{}, consumersOf: map[string]int{}, heldUp: map[string]bool{},
	}
	e.resume.ring = func(now time.Time) {
		s.dispatch(e, now)
		s.forgetUnused(e, now)
	}
	e.changed.ring = func(now time.Time) {
		e.notifiedAt = now
		s.calls = append(s.calls, func() { s.sourceChanged(e.key) })
	}
	s.endpoints[e.key] = e
	return e
}

// forgetUnused forgets a source that nobody asks, but not what it asked for: who
// comes back at once is held to the same limits.
func (s *Scheduler) forgetUnused(e *endpoint, now time.Time) {
	if len(e.queries) > 0 || e.running > 0 {
		return
	}
	if until := later(e.gapUntil, e.holdUntil); until.After(now) {
		s.agenda.set(&e.resume, until)
		return
	}
	s.agenda.clear(&e.resume)
	s.tenants.forget(e)
	s.metrics.forget(e.key)
	delete(s.endpoints, e.key)
}

func (e *endpoint) state() SourceState {
	return SourceState{
		Queries:      len(e.queries),
		Consumers:    len(e.consumers),
		Failures:     e.failures,
		FailingSince: e.failingSince,
		Err:          e.err,
		LastGood:     e.lastGood,
		Replied:      !e.lastReply.IsZero(),
		Tried:        e.tried,
	}
}

// learn takes in how a poll ended, and says whether that is news. Queries fail
// together when a source blinks, so it counts how often one of them failed, not
// how many; and of what fails while others are answered it counts nothing.
func (e *endpoint) learn(q *query, failure *source.Error, implicates bool, now time.Time) (news bool) {
	before := e.state()
	first := !e.tried && (failure == nil || failure.Class != source.NotSetUp)
	e.tried = e.tried || first
	switch {
	case failure == nil:
		// A source whose first query could not be asked works, all the same.
		first = first || e.lastGood.IsZero()
		e.lastGood = now
		fallthrough
	case failure.Class == source.BadAnswer:
		first = first || e.lastReply.IsZero()
		// An answer that cannot be used says all the same that the source is there.
		e.recoveries++
		e.failures, e.failingSince, e.err, e.lastReply = 0, time.Time{}, nil, now
		return before.Failing() || first
	case !backsOff(failure.Class):
		return first
	}
	if failure.RetryAfter > 0 {
		e.holdUntil = later(e.holdUntil, now.Add(min(failure.RetryAfter, longestHold)))
	}
	if !implicates {
		return first
	}
	if q.recoveries != e.recoveries {
		q.recoveries, q.streak = e.recoveries, 0
	}
	q.streak++
	switch {
	case q.streak > e.failures:
		e.failures, e.counted = q.streak, now
	case q.probe && now.Sub(e.counted) >= q.grid.interval:
		e.failures++ // a poll later, whichever query the probe is of
		e.counted = now
	}
	e.err = failure
	if e.failingSince.IsZero() {
		e.failingSince = now
	}
	nowFailing := e.state().Failing()
	return first || nowFailing != before.Failing() || (nowFailing && before.Err.Class != failure.Class)
}

// noteSource has the source's state looked at, soon.
func (s *Scheduler) noteSource(e *endpoint, now time.Time) {
	if !e.changed.isSet() {
		s.agenda.set(&e.changed, inSlot(s.epoch, later(now, e.notifiedAt.Add(wakeGap))))
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
