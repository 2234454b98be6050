// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/uptake-dev/uptake/internal/source"
)

// Options are what a Scheduler needs from its surroundings. All are optional but
// Clock. Both callbacks are called one at a time, without a lock held, and must
// not block: putting a key into a queue is what they are for.
type Options struct {
	Clock clock.Clock
	// Registerer gets the metrics.
	Registerer prometheus.Registerer
	// Log gets bugs of drivers, and nothing else.
	Log logr.Logger
	// Wake is called after a poll of a consumer has ended, good or not, at most
	// once a second for a consumer.
	Wake func(consumer string)
	// MostPerTenant is how many requests may be under way at once for one tenant,
	// whatever sources they go to; 0: as many as the sources allow.
	MostPerTenant int
	// SourceChanged is called when SourceState has something new to say: the
	// source starts to fail or recovers, fails in another way, or its number of
	// queries or consumers changes. At most once a second for a source.
	SourceChanged func(sourceKey string)
}

// Scheduler polls. Subscriptions are taken at any time; nothing is asked until
// Start. It is safe for concurrent use.
type Scheduler struct {
	clock         clock.Clock
	log           logr.Logger
	metrics       metrics
	wake          func(consumer string)
	sourceChanged func(sourceKey string)
	epoch         time.Time
	nudged        chan struct{}
	requests      sync.WaitGroup

	mu        sync.Mutex
	agenda    agenda
	queries   map[string]*query
	endpoints map[string]*endpoint
	consumers map[string]*consumer
	tenants   tenants
	// sleepsUntil is when the loop looks at the agenda again; zero: never.
	sleepsUntil time.Time
	// calls are to be made once the lock is released.
	calls []func()
	// begin makes the context of a request; nil unless started.
	begin func(timeout time.Duration) (context.Context, context.CancelFunc)
}

// query is a poll with everybody who subscribed to it.
type query struct {
	key, seed   string
	group       string // what it is asked together with
	endpoint    *endpoint
	tenant      string                      // whom the request is for that waits or is under way
	subscribers map[*consumer]time.Duration // the interval each wants
	asker       source.Asker
	requests    int
	grid        grid

	alarm   alarm
	due     time.Time // when it was due that is queued or under way
	started time.Time // the newest attempt
	queued  bool
	running bool
	probe   bool // the newest attempt was begun while the circuit was open
	again   bool // something changed while it was running
	suspect bool // it was running while the process was not
	dropped bool
	cancel  context.CancelFunc

	measurement Measurement
	streak      int // failures in a row since the source recovered
	recoveries  int
}

// consumer is somebody who subscribes.
type consumer struct {
	name    string
	tenant  string
	queries map[*query]struct{}
	alarm   alarm
	woken   time.Time
}

// New returns a Scheduler.
func New(options Options) *Scheduler {
	return &Scheduler{
		clock:         options.Clock,
		log:           options.Log,
		metrics:       newMetrics(options.Registerer),
		wake:          orIgnore(options.Wake),
		sourceChanged: orIgnore(options.SourceChanged),
		epoch:         options.Clock.Now(),
		nudged:        make(chan struct{}, 1),
		queries:       map[string]*query{},
		endpoints:     map[string]*endpoint{},
		consumers:     map[string]*consumer{},
		tenants:       newTenants(options.MostPerTenant),
	}
}

func orIgnore(call func(string)) func(string) {
	if call == nil {
		return func(string) {}
	}
	return call
}

// NeedLeaderElection reports whether only the leader polls.
func (s *Scheduler) NeedLeaderElection() bool { return true }

// Start polls until the context ends, then cancels the requests under way and
// returns when they are gone. It runs once.
func (s *Scheduler) Start(ctx context.Context) error {
	if !s.start(ctx) {
		return errors.New("the poll scheduler has been started before")
	}
	s.loop(ctx)
	s.stop()
	s.requests.Wait()
	return nil
}

func (s *Scheduler) start(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begin != nil {
		return false
	}
	s.begin = func(timeout time.Duration) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, timeout)
	}
	now := s.clock.Now()
	for _, q := range s.queries {
		s.agenda.set(&q.alarm, s.firstDue(q, now))
	}
	return true
}

// stop makes sure that no request is begun any more. What was begun ends by
// itself, because its context did.
func (s *Scheduler) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin = func(time.Duration) (context.Context, context.CancelFunc) { return nil, nil }
	for _, e := range s.endpoints {
		e.stopped = true
	}
	s.agenda.clearAll()
}

// loop sleeps until the next alarm rings, again and again.
func (s *Scheduler) loop(ctx context.Context) {
	timer := s.clock.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		sleep, forever := s.ringDue()
		timer.Stop()
		if !forever {
			timer.Reset(sleep)
		}
		select {
		case <-ctx.Done():
		case <-s.nudged:
		case <-timer.C():
		}
	}
}

// ringDue rings every alarm whose time has come, makes the calls that follow, and
// returns how long there is nothing to do.
func (s *Scheduler) ringDue() (sleep time.Duration, forever bool) {
	s.mu.Lock()
	now := s.clock.Now()
	for due := s.agenda.takeDue(now); due != nil; due = s.agenda.takeDue(now) {
		due.ring(now)
	}
	calls := s.calls
	s.calls = nil
	next, some := s.agenda.next()
	s.sleepsUntil = next
	s.mu.Unlock()

	for _, call := range calls {
		call()
	}
	return next.Sub(s.clock.Now()), !some
}

// reschedule makes the loop look at its agenda if it would sleep too long.
func (s *Scheduler) reschedule() {
	next, some := s.agenda.next()
	if !some || (!s.sleepsUntil.IsZero() && !next.Before(s.sleepsUntil)) {
		return
	}
	s.sleepsUntil = next
	select {
	case s.nudged <- struct{}{}:
	default:
	}
}
