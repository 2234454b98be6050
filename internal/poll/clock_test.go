// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestPollsThatWereSleptThroughAreSkipped(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC))
	prometheus := &aSource{}
	s := New(Options{Clock: clock})
	s.start(t.Context())
	s.Subscribe("program", []Poll{prometheus.poll("q", time.Minute)})
	tick := func(step time.Duration) {
		clock.Step(step)
		s.ringDue()
		s.requests.Wait()
	}
	tick(startWindow + slot)
	before := prometheus.count()
	tick(10 * time.Hour)
	for range 600 {
		tick(slot)
	}
	if n := prometheus.count() - before; n < 1 || n > 2 {
		t.Fatalf("%d polls in the minute after ten hours of sleep", n)
	}
}

// What is due when must not depend on the wall clock, which jumps. Go compares
// times by their monotonic readings as long as both have one.
func TestDueTimesAreMonotonic(t *testing.T) {
	now := time.Now()
	grid := newGrid(now, time.Minute, "uid", "q")
	for what, at := range map[string]time.Time{
		"first":   firstDue(now, now, time.Minute, "uid", "q"),
		"next":    grid.after(now, now.Add(time.Second)),
		"rounded": inSlot(now, now.Add(time.Millisecond)),
	} {
		if !strings.Contains(at.String(), "m=") {
			t.Errorf("the %s due time has lost its monotonic reading: %v", what, at)
		}
	}
}

func TestARealClockWorksTooAndNothingIsLeftBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	asked := make(chan struct{}, 100)
	counting := &aSource{}
	s := aStoppedScheduler(t)
	s.Subscribe("program", []Poll{counting.poll("q", 100*time.Millisecond)})
	s.wake = func(string) { asked <- struct{}{} }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Start(ctx) }()
	<-asked
	<-asked
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if counting.count() < 2 {
		t.Fatalf("asked %d times", counting.count())
	}
}
