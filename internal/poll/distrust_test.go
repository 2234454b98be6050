// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/uptake-dev/uptake/internal/source"
)

// slowly is a source whose answers a test lets go.
type slowly struct {
	begun  chan struct{}
	answer chan float64
}

func (s *slowly) Ask(ctx context.Context) (source.Answer, error) {
	s.begun <- struct{}{}
	select {
	case v := <-s.answer:
		return source.Answer{Rows: []source.Row{{Value: v}}, Complete: true}, nil
	case <-ctx.Done():
		return source.Answer{}, ctx.Err()
	}
}

func TestAfterAPauseNothingIsKnownUntilItIsAskedAnew(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC))
	s := New(Options{Clock: clock})
	s.start(t.Context())
	asked := &slowly{begun: make(chan struct{}, 10), answer: make(chan float64, 10)}
	s.Subscribe("program", []Poll{{Key: "q", Source: Source{Key: "slow", MaxConcurrent: 1, Timeout: time.Hour}, Interval: time.Hour, Ask: asked}})
	tick := func(step time.Duration) {
		clock.Step(step)
		s.ringDue()
	}
	value := func() (float64, bool) {
		m, _ := s.Measurement("q")
		if m.At.IsZero() {
			return 0, false
		}
		return m.Answer.Rows[0].Value, true
	}
	tick(startWindow + slot)
	<-asked.begun
	asked.answer <- 90
	s.requests.Wait()
	if v, known := value(); !known || v != 90 {
		t.Fatalf("%v %v", v, known)
	}
	before, _ := s.Measurement("q")

	s.Distrust()
	if v, known := value(); known {
		t.Errorf("%v is still known", v)
	}
	tick(startWindow + slot) // long before the next poll is due
	<-asked.begun
	s.Distrust() // while it is under way
	s.requests.Wait()
	if m, _ := s.Measurement("q"); !m.At.IsZero() || m.Err != nil || m.Failures != 0 {
		t.Errorf("an answer that was under way tells something: %+v", m)
	}
	tick(startWindow + slot)
	<-asked.begun
	asked.answer <- 10
	s.requests.Wait()
	if v, known := value(); !known || v != 10 {
		t.Errorf("%v %v", v, known)
	}
	if now, _ := s.Measurement("q"); !now.Asked.After(before.Asked) {
		t.Errorf("asked at %v, before at %v", now.Asked, before.Asked)
	}
}
