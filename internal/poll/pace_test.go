// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// paged asks for pages, each of which takes a while.
type paged struct {
	pages int
	takes time.Duration
	log   *aSource
}

func (p paged) Ask(ctx context.Context) (source.Answer, error) {
	for range p.pages {
		request, end, failure := source.BeginRequest(ctx)
		if failure != nil {
			return source.Answer{}, failure
		}
		_, _ = p.log.Ask(request)
		select {
		case <-time.After(p.takes):
		case <-request.Done():
			end()
			return source.Answer{}, source.Unreachable("api.example.com", request.Err())
		}
		end()
	}
	return number(1), nil
}

func TestTheGapHoldsBetweenPagesAndIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := aScheduler(t), &aSource{}
		limits := Source{Key: "api", MaxConcurrent: 4, MinGap: 2 * time.Second, Timeout: 10 * time.Second}
		s.Subscribe("program", []Poll{
			{Key: "a", Source: limits, Interval: 10 * time.Minute, Requests: 20, Ask: paged{20, 100 * time.Millisecond, log}},
			{Key: "b", Source: limits, Interval: 10 * time.Minute, Requests: 5, Ask: paged{5, 100 * time.Millisecond, log}},
		})
		time.Sleep(10*time.Minute - time.Second)
		for _, key := range []string{"a", "b"} {
			if m := s.measured(key); m.Err != nil || m.At.IsZero() {
				t.Fatalf("%s: %+v", key, m)
			}
		}
		if log.count() < 25 {
			t.Fatalf("%d requests", log.count())
		}
		for _, gap := range gaps(log.times()) {
			if gap < 2*time.Second {
				t.Fatalf("two requests are %v apart", gap)
			}
		}
	})
}

func TestTheTimeoutIsOfAllPagesTogetherAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := aScheduler(t), &aSource{}
		limits := Source{Key: "api", MaxConcurrent: 1, MinGap: time.Minute, Timeout: 10 * time.Second}
		s.Subscribe("program", []Poll{{Key: "a", Source: limits, Interval: time.Hour, Requests: 20, Ask: paged{20, 3 * time.Second, log}}})
		time.Sleep(90 * time.Minute)
		m := s.measured("a")
		if m.Err == nil || m.Err.Class != source.Unavailable || !strings.Contains(m.Err.Message, "within timeout, which is 10s): raise timeout") {
			t.Fatalf("%+v", m.Err)
		}
		if log.count()%4 != 0 {
			t.Errorf("%d pages begin within ten seconds of three each", log.count())
		}
	})
}

func TestAPauseThatASourceAsksForHoldsForThePagesOfOtherPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := aScheduler(t), &aSource{}
		limits := Source{Key: "api", MaxConcurrent: 2, MinGap: time.Second, Timeout: 10 * time.Second}
		throttling := askerFunc(func(context.Context) (source.Answer, error) {
			return source.Answer{}, &source.Error{Class: source.Throttled, Message: "slower", RetryAfter: 10 * time.Minute}
		})
		s.Subscribe("one", []Poll{{Key: "a", Source: limits, Interval: 20 * time.Minute, Requests: 200, Ask: paged{200, 0, log}}})
		for log.count() < 5 {
			time.Sleep(time.Second)
		}
		s.Subscribe("two", []Poll{{Key: "b", Source: limits, Interval: time.Second, Ask: throttling}})
		time.Sleep(3 * time.Minute)
		if m := s.measured("a"); m.Err == nil || m.Err.Class != source.Throttled {
			t.Fatalf("%+v", m)
		}
	})
}

func TestTheFirstGoodAnswerIsNewsAlsoAfterAQueryThatCannotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, wrong, right := aScheduler(t), &aSource{says: failing(source.InvalidQuery)}, &aSource{}
		s.Subscribe("one", []Poll{wrong.poll("typo", time.Minute)})
		time.Sleep(5 * time.Minute)
		told := s.changesOf("prometheus")
		var answered atomic.Bool
		s.Subscribe("two", []Poll{{Key: "q", Source: wrong.poll("typo", 0).Source, Interval: time.Minute, Ask: askerFunc(func(ctx context.Context) (source.Answer, error) {
			time.Sleep(5 * time.Second) // what is told of the subscription comes before
			answered.Store(true)
			return right.Ask(ctx)
		})}})
		for !answered.Load() {
			told = s.changesOf("prometheus")
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Second)
		if s.changesOf("prometheus") == told || s.SourceState("prometheus").LastGood.IsZero() {
			t.Fatal("that the source works is not told")
		}
	})
}

func TestALimitOfItsOwnIsNotToldAsThatOfThePoll(t *testing.T) {
	ranOut := source.Unreachable("api.example.com", context.DeadlineExceeded)
	if told := withLimit(ranOut, 10*time.Second, 5*time.Second); strings.Contains(told.Message, "10s") {
		t.Errorf("a connection that takes too long is told as the poll's timeout: %s", told.Message)
	}
	if told := withLimit(ranOut, 10*time.Second, 10*time.Second); !strings.Contains(told.Message, "which is 10s") || strings.Contains(ranOut.Message, "10s") {
		t.Errorf("%s, of %s", told.Message, ranOut.Message)
	}
}

// TestPollsOfAGroupAreDueTogether has two parts of one value: what is divided by what is
// of one moment. Others are spread.
func TestPollsOfAGroupAreDueTogether(t *testing.T) {
	epoch := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	s := &Scheduler{epoch: epoch}
	due := func(key, group string) time.Time {
		q := &query{key: key, seed: "uid", group: group, grid: newGrid(epoch, time.Hour, "uid", group)}
		if first := s.firstDue(q, epoch); first.Sub(epoch) > startWindow+slot {
			t.Errorf("%s is first due after %s", key, first.Sub(epoch))
		}
		return q.grid.after(epoch, epoch)
	}
	if numerator, denominator := due("numerator", "program"), due("denominator", "program"); !numerator.Equal(denominator) {
		t.Errorf("the parts are due at %s and %s", numerator, denominator)
	}
	if due("one", "one").Equal(due("another", "another")) {
		t.Error("polls without a group are not spread")
	}
}
