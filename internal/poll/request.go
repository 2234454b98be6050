// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// queue takes note that a query is due, and asks if its source's limits allow.
func (s *Scheduler) queue(q *query, now time.Time) {
	q.queued = true
	q.due = q.alarm.at
	q.tenant = s.tenants.leastBusy(q)
	q.endpoint.waiting.Push(q.tenant, q)
	s.dispatch(q.endpoint, now)
	if q.isHeldBack() {
		s.noteConsumers(q, now)
	}
}

// dispatch begins as many of the waiting requests as the limits allow now.
func (s *Scheduler) dispatch(e *endpoint, now time.Time) {
	for !e.stopped && len(e.queries) > 0 && (e.waiting.Len() > 0 || e.circuit.open) {
		most, probeAt := e.circuit.limits(e.settings.MaxConcurrent)
		if e.running >= most {
			return
		}
		if until := later(probeAt, later(e.gapUntil, e.holdUntil)); until.After(now) {
			s.agenda.set(&e.resume, until)
			return
		}
		q := s.take(e)
		if q == nil {
			return
		}
		s.request(q, now)
	}
}

// pumpHeldUp begins what has waited for a tenant to have fewer requests under way.
func (s *Scheduler) pumpHeldUp(tenant string, now time.Time) {
	for e := s.tenants.next(tenant); e != nil; e = s.tenants.next(tenant) {
		s.dispatch(e, now)
	}
}

// request asks once, in a goroutine of its own.
func (s *Scheduler) request(q *query, now time.Time) {
	e := q.endpoint
	if !q.queued { // a probe that was not due yet
		s.agenda.clear(&q.alarm)
		q.due = now
	}
	ctx, cancel := s.begin(q.longest())
	e.running++
	s.tenants.began(q)
	e.gapUntil = now.Add(e.settings.MinGap)
	q.queued, q.running, q.started, q.cancel, q.probe = false, true, now, cancel, e.circuit.open
	asker, timeout := q.asker, e.settings.Timeout
	paced := source.WithPacer(ctx, &pacer{scheduler: s, endpoint: e, left: timeout})
	s.requests.Go(func() {
		defer cancel()
		answer, failure := ask(paced, asker, s.log)
		failure = withLimit(failure, timeout, s.clock.Since(now))
		s.finish(ctx, q, answer, failure)
	})
}

// withLimit says which limit it was that ran out, if it was that of the poll: a
// connection that is not made in time has one of its own.
func withLimit(failure *source.Error, timeout, took time.Duration) *source.Error {
	if failure == nil || !failure.TimedOut || took < timeout*9/10 {
		return failure
	}
	told := *failure
	told.Message += fmt.Sprintf(" (no answer within timeout, which is %v): raise timeout, or ask for less", timeout)
	return &told
}

// finish takes in how a request ended.
func (s *Scheduler) finish(ctx context.Context, q *query, answer source.Answer, failure *source.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	e := q.endpoint
	e.running--
	q.running, q.cancel = false, nil
	s.tenants.ended(q)
	defer s.pumpHeldUp(q.tenant, now)
	switch {
	case q.dropped:
		s.dispatch(e, now)
		s.forgetUnused(e, now)
		s.reschedule()
		return
	case q.suspect:
		// Nothing is learnt from what was under way while the process did not run.
		q.suspect = false
		s.agenda.set(&q.alarm, s.nextDue(q, now))
		s.dispatch(e, now)
		s.reschedule()
		return
	case errors.Is(ctx.Err(), context.Canceled):
		return // shutting down: this says nothing about the source
	}
	s.metrics.record(e.key, failure, now.Sub(q.started), q.started.Sub(q.due))
	before := q.measurement
	implicates := e.implicates(q, before, now)
	q.measurement = before.after(answer, failure, q.started, now)
	if e.learn(q, failure, implicates, now) {
		s.noteSource(e, now)
	}
	s.guard(q, before, failure, implicates, now)
	s.agenda.set(&q.alarm, s.nextDue(q, now))
	s.noteConsumers(q, now)
	s.dispatch(e, now)
	s.reschedule()
}

// after returns the measurement once another attempt has ended.
func (m Measurement) after(answer source.Answer, failure *source.Error, asked, now time.Time) Measurement {
	if failure == nil {
		return Measurement{Answer: answer, At: now, Asked: asked, Attempted: now}
	}
	if m.Failures == 0 {
		m.FailingSince = now
	}
	m.Failures++
	m.Attempted = now
	m.Err = failure
	return m
}

// nextDue returns when a query is asked again after an attempt.
func (s *Scheduler) nextDue(q *query, now time.Time) time.Time {
	m := q.measurement
	switch {
	case q.again:
		q.again = false
		return s.firstDue(q, now)
	case m.Err != nil && backsOff(m.Err.Class):
		delay := backoff(q.grid.interval, m.Failures, !m.At.IsZero(), q.seed, q.key)
		again := later(q.started.Add(delay), now.Add(min(m.Err.RetryAfter, longestHold)))
		return inSlot(s.epoch, later(again, now.Add(slot)))
	default:
		return q.grid.after(q.started, now)
	}
}

// noteConsumers has everybody woken who subscribed to a query, soon.
func (s *Scheduler) noteConsumers(q *query, now time.Time) {
	for c := range q.subscribers {
		s.noteConsumer(c, now)
	}
}

// noteConsumer has a consumer woken, soon.
func (s *Scheduler) noteConsumer(c *consumer, now time.Time) {
	if !c.alarm.isSet() {
		s.agenda.set(&c.alarm, inSlot(s.epoch, later(now, c.woken.Add(wakeGap))))
	}
}
