// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// broken returns n polls that always fail, of which each may have its own path.
func broken(n int) []Poll {
	bad := &aSource{says: failing(source.Unavailable)}
	var polls []Poll
	for i := range n {
		polls = append(polls, bad.poll(fmt.Sprintf("bad%d", i), 5*time.Minute))
	}
	return polls
}

func TestAHealthyQueryStaysOnItsScheduleBesideAnyNumberOfBrokenOnes(t *testing.T) {
	for _, n := range []int{1, 4, 5, 10, 30} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, good := aScheduler(t), &aSource{}
				s.Subscribe("healthy", []Poll{good.poll("good", 5*time.Minute)})
				time.Sleep(30 * time.Minute)
				s.Subscribe("broken", broken(n))
				for range 48 * 60 {
					time.Sleep(time.Minute)
					m := s.measured("good")
					if age := time.Since(m.At); age > 6*time.Minute || m.Err != nil {
						t.Fatalf("the healthy query: %v old, told as failing with %v", age, m.Err)
					}
					if state := s.SourceState("prometheus"); state.Failing() {
						t.Fatalf("the source is said to fail: %+v", state)
					}
				}
				s.Subscribe("new", []Poll{good.poll("new", 5*time.Minute)})
				time.Sleep(15 * time.Second)
				if s.measured("new").At.IsZero() {
					t.Error("a new program waits for its first answer")
				}
			})
		})
	}
}

func TestQueriesThatBreakAtOnceHoldUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, good, worked := aScheduler(t), &aSource{}, &atomic.Bool{}
		worked.Store(true)
		breaks := &aSource{says: func(int) (source.Answer, error) {
			if worked.Load() {
				return number(1), nil
			}
			return source.Answer{}, failureOf(source.Unavailable)
		}}
		var polls []Poll
		for i := range 30 {
			polls = append(polls, breaks.poll(fmt.Sprintf("q%d", i), 5*time.Minute))
		}
		s.Subscribe("healthy", []Poll{good.poll("good", 5*time.Minute)})
		s.Subscribe("breaks", polls)
		time.Sleep(30 * time.Minute)
		worked.Store(false)
		for range 24 * 60 {
			time.Sleep(time.Minute)
			if m := s.measured("good"); time.Since(m.At) > 6*time.Minute || m.Err != nil {
				t.Fatalf("the healthy query: %v old, told as failing with %v", time.Since(m.At), m.Err)
			}
		}
	})
}

func TestAHealthyQueryIsFoundAfterAStartAmongBrokenOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, good := aScheduler(t), &aSource{}
		s.Subscribe("broken", append(broken(30), good.poll("sibling", 5*time.Minute)))
		s.Subscribe("healthy", []Poll{good.poll("good", 5*time.Minute)})
		time.Sleep(time.Minute)
		if s.measured("good").At.IsZero() {
			t.Error("another program has no answer")
		}
		time.Sleep(5 * time.Minute)
		if s.measured("sibling").At.IsZero() {
			t.Error("its own healthy query has no answer")
		}
	})
}

func TestAHealthyQueryIsFoundAfterTheSourceWasDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aScheduler(t)
		server, isUp := aSwitch(s, 1)
		s.Subscribe("broken", broken(30))
		time.Sleep(time.Hour)
		isUp.Store(false)
		time.Sleep(48 * time.Hour)
		if !s.SourceState("prometheus").Failing() {
			t.Error("a source that is down is not told")
		}
		isUp.Store(true)
		before := server.count()
		time.Sleep(45 * time.Minute)
		if server.count() == before || s.measured("q0").Err != nil {
			t.Error("it is up for three quarters of an hour, and its healthy query is not asked")
		}
	})
}

func TestAnAnswerThatCannotBeUsedDoesNotMakeItsSourceFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aScheduler(t)
		bad := &aSource{says: failing(source.BadAnswer)}
		s.Subscribe("program", []Poll{bad.poll("q", 5*time.Minute)})
		time.Sleep(30 * time.Minute)
		if state := s.SourceState("prometheus"); state.Failing() {
			t.Errorf("a program's own mistake makes the source fail: %+v", state)
		}
	})
}

func TestOneQuerysRetryAfterMakesNoOtherOneStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, good := aScheduler(t), &aSource{}
		throttled := &aSource{says: func(int) (source.Answer, error) {
			return source.Answer{}, &source.Error{Class: source.Throttled, Message: "slower", RetryAfter: 24 * time.Hour}
		}}
		s.Subscribe("healthy", []Poll{good.poll("good", 5*time.Minute)})
		time.Sleep(30 * time.Minute)
		s.Subscribe("other", []Poll{throttled.poll("bad", 5*time.Minute)})
		for range 48 * 60 {
			time.Sleep(time.Minute)
			if m := s.measured("good"); time.Since(m.At) >= time.Hour { // the default staleAfter
				t.Fatalf("its newest answer is %v old, failing with %v", time.Since(m.At), m.Err)
			}
		}
	})
}
