// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/uptake-dev/uptake/internal/source"
)

// The tests run in a bubble of testing/synctest: its clock is virtual and moves
// when every goroutine waits, so that months pass in an instant and a goroutine
// left behind is a failure.

// scheduling is a running Scheduler and what it told.
type scheduling struct {
	*Scheduler
	t        *testing.T
	cancel   context.CancelFunc
	ended    chan error
	registry *prometheus.Registry

	mu      sync.Mutex
	woken   map[string][]time.Time
	changes map[string][]time.Time
}

// aScheduler returns one that is running until the test ends.
func aScheduler(t *testing.T) *scheduling {
	t.Helper()
	s := aStoppedScheduler(t)
	s.begin()
	return s
}

func aStoppedScheduler(t *testing.T) *scheduling {
	t.Helper()
	s := &scheduling{
		t:        t,
		registry: prometheus.NewRegistry(),
		woken:    map[string][]time.Time{},
		changes:  map[string][]time.Time{},
	}
	s.Scheduler = New(Options{
		Clock:         clock.RealClock{}, // virtual in the bubble
		Registerer:    s.registry,
		Log:           logr.Discard(),
		Wake:          func(consumer string) { s.note(s.woken, consumer) },
		SourceChanged: func(sourceKey string) { s.note(s.changes, sourceKey) },
	})
	return s
}

func (s *scheduling) begin() {
	ctx, cancel := context.WithCancel(s.t.Context())
	s.cancel, s.ended = cancel, make(chan error, 1)
	go func() { s.ended <- s.Start(ctx) }()
	s.t.Cleanup(s.end)
	synctest.Wait()
}

func (s *scheduling) end() {
	s.cancel()
	if err := <-s.ended; err != nil {
		s.t.Error(err)
	}
	s.ended <- nil
}

func (s *scheduling) note(calls map[string][]time.Time, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls[key] = append(calls[key], time.Now())
}

func (s *scheduling) wakesOf(consumer string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.woken[consumer]
}

func (s *scheduling) changesOf(sourceKey string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.changes[sourceKey])
}

func (s *scheduling) measured(key string) Measurement {
	s.t.Helper()
	m, known := s.Measurement(key)
	if !known {
		s.t.Fatalf("nothing is known of %s", key)
	}
	return m
}

// aSource asks for whatever a test makes of it, and remembers when it was asked.
type aSource struct {
	// takes is how long an answer takes.
	takes time.Duration
	// says is what the n-th request gets, from 1; nil: 42.
	says func(n int) (source.Answer, error)

	mu      sync.Mutex
	asked   []time.Time
	running int
	most    int
}

func (a *aSource) Ask(ctx context.Context) (source.Answer, error) {
	a.mu.Lock()
	a.asked = append(a.asked, time.Now())
	n := len(a.asked)
	a.running++
	a.most = max(a.most, a.running)
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.running--
		a.mu.Unlock()
	}()
	if a.takes > 0 {
		select {
		case <-time.After(a.takes):
		case <-ctx.Done():
			return source.Answer{}, ctx.Err()
		}
	}
	if a.says != nil {
		return a.says(n)
	}
	return number(42), nil
}

func (a *aSource) times() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]time.Time{}, a.asked...)
}

func (a *aSource) underWay() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.running
}

func (a *aSource) mostAtOnce() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most
}

func (a *aSource) count() int { return len(a.times()) }

// poll returns a poll of the source with a name.
func (a *aSource) poll(key string, interval time.Duration) Poll {
	return Poll{Key: key, Source: Source{Key: "prometheus", MaxConcurrent: 4, Timeout: 10 * time.Second}, Interval: interval, Seed: "uid", Ask: a}
}

func number(value float64) source.Answer {
	return source.Answer{Rows: []source.Row{{Value: value}}}
}

func failing(class source.Class) func(int) (source.Answer, error) {
	return func(int) (source.Answer, error) { return source.Answer{}, failureOf(class) }
}

func failureOf(class source.Class) *source.Error {
	return &source.Error{Class: class, Message: fmt.Sprintf("it is %s", class)}
}

// gaps returns the times between times.
func gaps(times []time.Time) []time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(times); i++ {
		gaps = append(gaps, times[i].Sub(times[i-1]))
	}
	return gaps
}

type askerFunc func(context.Context) (source.Answer, error)

func (f askerFunc) Ask(ctx context.Context) (source.Answer, error) { return f(ctx) }

var discard = logr.Discard()
