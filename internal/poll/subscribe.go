// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"cmp"
	"slices"
	"time"
)

// Subscribe replaces what a consumer wants polled. Polls with equal keys, of one
// consumer or of several, are one: the shortest interval and the newest Ask win.
// What is polled already goes on undisturbed, so it is fine to subscribe the same
// again and again.
func (s *Scheduler) Subscribe(consumer string, polls []Poll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	c := s.consumerNamed(consumer)

	wanted := map[string]Poll{}
	for _, p := range polls {
		p.Interval = max(p.Interval, slot)
		if earlier, twice := wanted[p.Key]; twice {
			p.Interval = min(p.Interval, earlier.Interval)
		}
		wanted[p.Key] = p
	}
	for q := range c.queries {
		if _, still := wanted[q.key]; !still {
			s.detach(c, q, now)
		}
	}
	for _, p := range polls {
		s.attach(c, wanted[p.Key], now)
	}
	s.forgetIdle(c)
	s.reschedule()
}

// Unsubscribe ends what a consumer wants polled. A poll that nobody wants any
// more is cancelled, and its measurement forgotten.
func (s *Scheduler) Unsubscribe(consumer string) {
	s.Subscribe(consumer, nil)
}

// Measurement returns what is known about a poll; false when nobody wants it.
func (s *Scheduler) Measurement(key string) (Measurement, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, known := s.queries[key]
	if !known {
		return Measurement{}, false
	}
	m := q.measurement
	if e := q.endpoint; q.isHeldBack() && m.Err == nil && e.err != nil {
		m.Err, m.Failures, m.FailingSince = e.err, e.failures, e.failingSince
		if m.Attempted.IsZero() {
			m.Attempted = e.failingSince
		}
	}
	return m, true
}

// isHeldBack reports whether a query is due and not asked, because its source is down.
// One that is not due yet has missed nothing.
func (q *query) isHeldBack() bool { return q.queued && q.endpoint.circuit.halfOpen }

// SourceState returns how a source is doing; the zero value when nothing is
// polled there.
func (s *Scheduler) SourceState(sourceKey string) SourceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.endpoints[sourceKey]
	if !known {
		return SourceState{}
	}
	state := e.state()
	for c := range e.consumers {
		state.ConsumerNames = append(state.ConsumerNames, c.name)
	}
	slices.Sort(state.ConsumerNames)
	state.NextTry = e.nextTry()
	return state
}

// nextTry is when a source that fails is asked next.
func (e *endpoint) nextTry() time.Time {
	var next time.Time
	for q := range e.queries {
		if q.alarm.isSet() && (next.IsZero() || q.alarm.at.Before(next)) {
			next = q.alarm.at
		}
	}
	_, from := e.circuit.limits(1)
	return later(next, later(from, e.holdUntil))
}

// Refresh polls everything at a source soon, such as when its address or its
// credentials have changed. The limits of the source hold, and so does a time
// that it asked to be left alone.
func (s *Scheduler) Refresh(sourceKey string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.endpoints[sourceKey]
	if !known || s.begin == nil {
		return
	}
	now := s.clock.Now()
	e.circuit = circuit{}
	e.lastReply = time.Time{} // it may have been another's
	for q := range e.queries {
		switch {
		case q.running:
			q.again = true
		case !q.queued:
			s.agenda.setEarlier(&q.alarm, s.firstDue(q, now))
		}
	}
	s.dispatch(e, now)
	s.reschedule()
}

func (s *Scheduler) consumerNamed(name string) *consumer {
	c, known := s.consumers[name]
	if !known {
		c = &consumer{name: name, queries: map[*query]struct{}{}}
		c.alarm.ring = func(now time.Time) {
			c.woken = now
			s.calls = append(s.calls, func() { s.wake(name) })
		}
		s.consumers[name] = c
	}
	return c
}

func (s *Scheduler) forgetIdle(c *consumer) {
	if len(c.queries) == 0 {
		s.agenda.clear(&c.alarm)
		delete(s.consumers, c.name)
	}
}

func (s *Scheduler) attach(c *consumer, p Poll, now time.Time) {
	q, known := s.queries[p.Key]
	if !known {
		q = s.newQuery(p)
	}
	q.asker, q.requests = p.Ask, p.Requests
	if len(c.queries) == 0 {
		c.tenant = p.Tenant
	}
	q.endpoint.settings = withDefaults(p.Source)
	if _, subscribed := q.subscribers[c]; !subscribed {
		if q.endpoint.consumers[c]++; q.endpoint.consumers[c] == 1 {
			q.endpoint.consumersOf[c.tenant]++
		}
		s.noteSource(q.endpoint, now)
	}
	c.queries[q] = struct{}{}
	q.subscribers[c] = p.Interval
	s.adjust(q, now)
}

func (s *Scheduler) detach(c *consumer, q *query, now time.Time) {
	delete(c.queries, q)
	delete(q.subscribers, c)
	e := q.endpoint
	if e.consumers[c]--; e.consumers[c] == 0 {
		delete(e.consumers, c)
		count(e.consumersOf, c.tenant)
	}
	s.noteSource(e, now)
	if len(q.subscribers) > 0 {
		s.adjust(q, now)
		return
	}
	q.dropped = true
	if q.queued {
		e.waiting.Remove(q.tenant, q)
	}
	if q.cancel != nil {
		q.cancel()
	}
	s.agenda.clear(&q.alarm)
	delete(s.queries, q.key)
	delete(e.queries, q)
	s.forgetUnused(e, now)
}

func (s *Scheduler) newQuery(p Poll) *query {
	e := s.endpointOf(p.Source)
	q := &query{key: p.Key, seed: p.Seed, group: cmp.Or(p.Group, p.Key), endpoint: e, subscribers: map[*consumer]time.Duration{}}
	q.alarm.ring = func(now time.Time) { s.queue(q, now) }
	s.queries[q.key] = q
	e.queries[q] = struct{}{}
	return q
}

// adjust makes a query follow the shortest interval that is wanted.
func (s *Scheduler) adjust(q *query, now time.Time) {
	var shortest time.Duration
	for _, interval := range q.subscribers {
		if shortest == 0 || interval < shortest {
			shortest = interval
		}
	}
	before := q.grid.interval
	if shortest == before {
		return
	}
	q.grid = newGrid(s.epoch, shortest, q.seed, q.group)
	if s.begin == nil || q.queued || q.running {
		return
	}
	switch {
	case q.started.IsZero():
		s.agenda.setEarlier(&q.alarm, s.firstDue(q, now))
	case shortest < before:
		s.agenda.setEarlier(&q.alarm, q.grid.after(q.started, now))
	case q.measurement.Failures == 0:
		s.agenda.set(&q.alarm, q.grid.after(q.started, now))
	}
}

func (s *Scheduler) firstDue(q *query, now time.Time) time.Time {
	return firstDue(s.epoch, now, q.grid.interval, q.seed, q.group)
}

func withDefaults(settings Source) Source {
	settings.MaxConcurrent = max(settings.MaxConcurrent, 1)
	settings.Timeout = cmp.Or(settings.Timeout, defaultTimeout)
	return settings
}
