// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uptake-dev/uptake/internal/source"
)

func TestASourceIsAskedByNoMoreAtOnceThanItAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, slow := aScheduler(t), &aSource{takes: 2 * time.Second}
		var polls []Poll
		for i := range 50 {
			p := slow.poll(fmt.Sprintf("q%d", i), time.Minute)
			p.Source.MaxConcurrent = 3
			polls = append(polls, p)
		}
		s.Subscribe("program", polls)
		time.Sleep(10 * time.Minute)
		if slow.mostAtOnce() != 3 {
			t.Fatalf("%d at once", slow.mostAtOnce())
		}
		if n := slow.count(); n < 480 {
			t.Fatalf("only %d of 500 polls", n)
		}
	})
}

func TestRequestsToASourceKeepTheirGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aScheduler(t), &aSource{}
		var polls []Poll
		for i := range 50 {
			p := prometheus.poll(fmt.Sprintf("q%d", i), time.Minute)
			p.Source.MinGap = 730 * time.Millisecond
			polls = append(polls, p)
		}
		s.Subscribe("program", polls)
		time.Sleep(10 * time.Minute)
		for _, gap := range gaps(prometheus.times()) {
			if gap < 730*time.Millisecond {
				t.Fatalf("a gap of %v", gap)
			}
		}
		if n := prometheus.count(); n < 450 {
			t.Fatalf("only %d of 500 polls", n)
		}
	})
}

func TestASlowSourceDelaysOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hung, quick := aScheduler(t), &aSource{takes: time.Hour}, &aSource{}
		for i := range 20 {
			slow := hung.poll(fmt.Sprintf("slow%d", i), time.Minute)
			slow.Source.Key = "hung"
			s.Subscribe(fmt.Sprintf("a%d", i), []Poll{slow, quick.poll(fmt.Sprintf("quick%d", i), time.Minute)})
		}
		time.Sleep(time.Hour)
		if n := quick.count(); n < 20*59 {
			t.Fatalf("the quick source is asked %d times, not %d", n, 20*60)
		}
		m := s.measured("slow0")
		if m.Err == nil || m.Err.Class != source.Unavailable || !strings.Contains(m.Err.Message, "in time") {
			t.Fatalf("a request that times out: %+v", m)
		}
	})
}

func TestAFailingPollComesLessAndLessOftenAndBackToTheGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		flaky := &aSource{says: func(n int) (source.Answer, error) {
			if n > 2 && n <= 9 {
				return source.Answer{}, failureOf(source.Unavailable)
			}
			return number(1), nil
		}}
		s := aScheduler(t)
		s.Subscribe("program", []Poll{flaky.poll("q", time.Minute)})
		time.Sleep(time.Hour)
		times := flaky.times()
		for i, want := range []time.Duration{1, 2, 4, 8, 8, 8, 8} {
			gap := times[i+3].Sub(times[i+2])
			if want *= time.Minute; gap < want || gap > want+want/10+slot {
				t.Errorf("retry %d comes after %v, want %v and a tenth at most", i+1, gap, want)
			}
		}
		if phase := times[1].Sub(began) % time.Minute; times[len(times)-1].Sub(began)%time.Minute != phase {
			t.Error("it does not find back to its grid")
		}
		for _, gap := range gaps(times[10:])[1:] {
			if gap != time.Minute {
				t.Errorf("once well it is polled after %v", gap)
			}
		}
	})
}

func TestBackoffHasItsBounds(t *testing.T) {
	for _, test := range []struct {
		interval, longest time.Duration
	}{
		{10 * time.Second, 80 * time.Second},
		{5 * time.Minute, 15 * time.Minute},
		{time.Hour, time.Hour},
	} {
		if got := backoff(test.interval, 1000, true, "", ""); got < test.longest || got > test.longest*11/10 {
			t.Errorf("every %v: at most %v, want %v", test.interval, got, test.longest)
		}
	}
	if got := backoff(time.Hour, 1, false, "", ""); got > firstRetry*11/10 {
		t.Errorf("a poll that never had an answer is tried again after %v", got)
	}
}

func TestAWrongQueryIsTriedAtItsPlainInterval(t *testing.T) {
	for _, class := range []source.Class{source.InvalidQuery, source.NotServed, source.BadAnswer} {
		t.Run(string(class), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, wrong := aScheduler(t), &aSource{says: failing(class)}
				s.Subscribe("program", []Poll{wrong.poll("q", time.Minute)})
				time.Sleep(time.Hour)
				if n := wrong.count(); n < 59 || n > 61 {
					t.Fatalf("asked %d times in an hour of minutes", n)
				}
			})
		})
	}
}

func TestRetryAfterHoldsForTheWholeSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttled := &aSource{}
		throttled.says = func(n int) (source.Answer, error) {
			if n == 30 {
				failure := failureOf(source.Throttled)
				failure.RetryAfter = 20 * time.Minute
				return source.Answer{}, failure
			}
			return number(1), nil
		}
		s := aScheduler(t)
		var polls []Poll
		for i := range 10 {
			polls = append(polls, throttled.poll(fmt.Sprintf("q%d", i), time.Minute))
		}
		s.Subscribe("program", polls)
		time.Sleep(5 * time.Minute)
		s.Refresh("prometheus")
		time.Sleep(time.Hour)
		times := throttled.times()
		if gap := times[30].Sub(times[29]); gap < 20*time.Minute {
			t.Fatalf("asked again %v after it wanted 20 minutes", gap)
		}
		if n := len(times); n < 10*(65-20)-30 {
			t.Fatalf("afterwards it is hardly asked: %d", n)
		}
	})
}

func TestWhatASourceAskedForOutlastsThatNobodyWantsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttled := &aSource{says: func(int) (source.Answer, error) {
			failure := failureOf(source.Throttled)
			failure.RetryAfter = 20 * time.Minute
			return source.Answer{}, failure
		}}
		s := aScheduler(t)
		s.Subscribe("program", []Poll{throttled.poll("q", time.Minute)})
		time.Sleep(startWindow + slot)
		s.Unsubscribe("program")
		time.Sleep(time.Minute)
		s.Subscribe("program", []Poll{throttled.poll("q", time.Minute)})
		time.Sleep(18 * time.Minute)
		if n := throttled.count(); n != 1 {
			t.Fatalf("asked %d times within the 20 minutes", n)
		}
		time.Sleep(3 * time.Minute)
		if n := throttled.count(); n != 2 {
			t.Fatalf("afterwards it is asked %d times", n)
		}
	})
}

func TestAnEndlessRetryAfterEndsBeforeAnAnswerIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		greedy := &aSource{says: func(n int) (source.Answer, error) {
			failure := failureOf(source.Throttled)
			failure.RetryAfter = math.MaxInt64
			return source.Answer{}, failure
		}}
		s := aScheduler(t)
		s.Subscribe("program", []Poll{greedy.poll("q", time.Minute)})
		time.Sleep(10 * time.Hour)
		if n := greedy.count(); n < 12 || n > 14 {
			t.Fatalf("asked %d times in ten hours", n)
		}
	})
}

func TestAPanicIsAFailureAndTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, broken := aScheduler(t), &aSource{says: func(int) (source.Answer, error) { panic("hunter2") }}
		s.Subscribe("program", []Poll{broken.poll("q", time.Minute)})
		time.Sleep(10 * time.Minute)
		m := s.measured("q")
		if m.Err == nil || strings.Contains(m.Err.Message, "hunter2") {
			t.Fatalf("after a panic: %+v", m.Err)
		}
		if broken.count() < 2 {
			t.Fatal("it is not tried again")
		}
	})
}

func TestAnErrorNobodyClassifiedTellsNothing(t *testing.T) {
	asker := askerFunc(func(context.Context) (source.Answer, error) { return source.Answer{}, errors.New("hunter2") })
	_, failure := ask(t.Context(), asker, discard)
	if failure == nil || strings.Contains(failure.Message, "hunter2") {
		t.Fatalf("it is told: %+v", failure)
	}
}

func TestAnAnswerIsCheckedOnce(t *testing.T) {
	for name, test := range map[string]struct {
		rows []source.Row
		want string
	}{
		"not a number":  {[]source.Row{{Value: math.NaN()}}, "NaN"},
		"infinite":      {[]source.Row{{Segment: "a", Value: 1}, {Segment: "b", Value: math.Inf(-1)}}, "a value is not a number"},
		"segment twice": {[]source.Row{{Segment: "a"}, {Segment: "b"}, {Segment: "a"}}, "several values where one is needed"},
		"unsorted":      {[]source.Row{{Segment: "b", Value: 2}, {Segment: "a", Value: 1}}, ""},
		"empty":         {nil, ""},
		"negative":      {[]source.Row{{Value: -1}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer, failure := checked(source.Answer{Rows: test.rows})
			switch {
			case test.want == "" && failure != nil:
				t.Fatalf("refused: %v", failure)
			case test.want == "" && len(answer.Rows) == 2 && answer.Rows[0].Segment != "a":
				t.Fatalf("not sorted: %+v", answer.Rows)
			case test.want != "" && (failure == nil || failure.Class != source.BadAnswer || !strings.Contains(failure.Message, test.want)):
				t.Fatalf("want %q, got %v", test.want, failure)
			}
		})
	}
}

func TestASourceFailsAfterThreeFailuresOfAQueryAndRecoversWithOneAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var isUp atomic.Bool
		isUp.Store(true)
		prometheus := &aSource{says: func(int) (source.Answer, error) {
			if isUp.Load() {
				return number(1), nil
			}
			return source.Answer{}, failureOf(source.Unavailable)
		}}
		s := aScheduler(t)
		var polls []Poll
		for i := range 10 {
			polls = append(polls, prometheus.poll(fmt.Sprintf("q%d", i), time.Minute))
		}
		s.Subscribe("program", polls)
		time.Sleep(5 * time.Minute)
		told := s.changesOf("prometheus")

		// Ten queries fail in the same blink, and that is one failure.
		isUp.Store(false)
		time.Sleep(time.Minute)
		isUp.Store(true)
		if state := s.SourceState("prometheus"); state.Failing() || state.Failures != 1 || state.Err == nil {
			t.Fatalf("after a blink: %+v", state)
		}
		time.Sleep(10 * time.Minute)
		if state := s.SourceState("prometheus"); state.Failures != 0 || state.Err != nil || !state.FailingSince.IsZero() {
			t.Fatalf("after the blink: %+v", state)
		}
		if s.changesOf("prometheus") != told {
			t.Fatal("a blink is told")
		}

		isUp.Store(false)
		down := time.Now()
		time.Sleep(20 * time.Minute)
		if state := s.SourceState("prometheus"); !state.Failing() || state.FailingSince.Sub(down) > 2*time.Minute {
			t.Fatalf("down: %+v", state)
		}
		if n := s.changesOf("prometheus"); n != told+1 {
			t.Fatalf("told %d times that it is down", n-told)
		}
		isUp.Store(true)
		time.Sleep(20 * time.Minute)
		if state := s.SourceState("prometheus"); state.Failing() {
			t.Fatalf("up again: %+v", state)
		}
		if n := s.changesOf("prometheus"); n != told+2 {
			t.Fatalf("told %d times that it is up", n-told-1)
		}
	})
}

func TestAWrongQueryDoesNotMakeItsSourceFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, wrong := aScheduler(t), &aSource{says: failing(source.InvalidQuery)}
		s.Subscribe("program", []Poll{wrong.poll("q", time.Minute)})
		time.Sleep(time.Hour)
		if state := s.SourceState("prometheus"); state.Failures != 0 {
			t.Fatalf("the source is said to fail: %+v", state)
		}
		if m := s.measured("q"); m.Failures < 50 {
			t.Fatalf("the query is not: %+v", m)
		}
	})
}

func TestMetricsCountPollsBySourceAndOutcomeAndForgetWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aScheduler(t), &aSource{says: func(n int) (source.Answer, error) {
			if n%2 == 0 {
				return source.Answer{}, failureOf(source.BadAnswer)
			}
			return number(1), nil
		}}
		s.Subscribe("program", []Poll{prometheus.poll("q", time.Minute)})
		for prometheus.count() < 10 {
			time.Sleep(time.Second)
		}
		got := counters(t, s.registry, "uptake_polls_total")
		if got["Answered"] != 5 || got["BadAnswer"] != 5 {
			t.Fatalf("counted: %v", got)
		}
		for _, name := range []string{"uptake_poll_duration_seconds", "uptake_poll_lateness_seconds"} {
			if len(counters(t, s.registry, name)) == 0 {
				t.Errorf("there is no %s", name)
			}
		}
		s.Unsubscribe("program")
		for _, name := range []string{"uptake_polls_total", "uptake_poll_duration_seconds", "uptake_poll_lateness_seconds"} {
			if left := counters(t, s.registry, name); len(left) != 0 {
				t.Errorf("%s keeps %v", name, left)
			}
		}
	})
}

// counters returns the values of a metric by outcome; for a histogram its count.
func counters(t *testing.T, registry *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			outcome := ""
			for _, label := range metric.GetLabel() {
				if label.GetName() == "outcome" {
					outcome = label.GetValue()
				}
			}
			found[outcome] += metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return found
}
