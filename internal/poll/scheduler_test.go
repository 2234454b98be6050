// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

const day = 24 * time.Hour

func TestANewConsumerGetsItsFirstNumberWithinTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aScheduler(t), &aSource{}
		s.Subscribe("program", []Poll{prometheus.poll("q", time.Hour)})
		if m := s.measured("q"); !m.At.IsZero() || !m.Attempted.IsZero() {
			t.Fatalf("known before it is asked: %+v", m)
		}
		time.Sleep(startWindow + slot)
		m := s.measured("q")
		if m.Answer.Rows[0].Value != 42 || m.Err != nil || m.At.IsZero() || !m.At.Equal(m.Attempted) {
			t.Fatalf("not measured: %+v", m)
		}
		if woken := len(s.wakesOf("program")); woken != 1 {
			t.Fatalf("the consumer is woken %d times", woken)
		}
	})
}

func TestTwoHundredConsumersOfAQueryCostOneRequestAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aScheduler(t), &aSource{}
		for i := range 200 {
			s.Subscribe(fmt.Sprintf("program-%d", i), []Poll{prometheus.poll("q", 5*time.Minute)})
		}
		time.Sleep(day)
		if n, want := prometheus.count(), int(day/(5*time.Minute)); n < want-1 || n > want+1 {
			t.Fatalf("%d requests in a day, want about %d", n, want)
		}
		if state := s.SourceState("prometheus"); state.Queries != 1 || state.Consumers != 200 {
			t.Fatalf("the source serves %+v", state)
		}
		if woken := len(s.wakesOf("program-199")); woken != prometheus.count() {
			t.Fatalf("the last consumer is woken %d times", woken)
		}
	})
}

func TestPollsDoNotDriftInAYear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, slow := aScheduler(t), &aSource{takes: 7*time.Second + 123*time.Millisecond}
		began := time.Now()
		s.Subscribe("program", []Poll{slow.poll("q", time.Hour)})
		time.Sleep(365 * day)
		times := slow.times()
		if len(times) < 365*24-1 {
			t.Fatalf("%d polls in a year of hours", len(times))
		}
		phase := times[1].Sub(began) % time.Hour
		for i, at := range times[1:] {
			if got := at.Sub(began) % time.Hour; got != phase {
				t.Fatalf("poll %d is at %v past the hour and not at %v", i, got, phase)
			}
		}
	})
}

func TestAQueryThatTakesLongerThanItsIntervalSkipsPollsAndNeverRunsTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, slow := aScheduler(t), &aSource{takes: 25 * time.Second}
		p := slow.poll("q", 10*time.Second)
		p.Source.Timeout = time.Minute
		s.Subscribe("program", []Poll{p})
		time.Sleep(10 * time.Minute)
		if slow.mostAtOnce() != 1 {
			t.Fatalf("%d at once", slow.mostAtOnce())
		}
		for _, gap := range gaps(slow.times())[1:] {
			if gap%(10*time.Second) != 0 {
				t.Fatalf("off the grid: %v", gap)
			}
		}
		if n := slow.count(); n < 19 {
			t.Fatalf("%d polls in ten minutes, want one every 30 s", n)
		}
	})
}

func TestThePollsOfManyThingsCreatedAtOnceAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aScheduler(t), &aSource{}
		for i := range 1000 {
			s.Subscribe(fmt.Sprint(i), []Poll{prometheus.poll(fmt.Sprintf("q%d", i), 5*time.Minute)})
		}
		began := time.Now()
		time.Sleep(10 * time.Minute)
		var first, second [10]int
		for _, at := range prometheus.times() {
			switch since := at.Sub(began); {
			case since < startWindow+slot:
				first[min(int(since*10/startWindow), 9)]++
			case since >= 5*time.Minute:
				second[min(int((since-5*time.Minute)*10/(5*time.Minute)), 9)]++
			}
		}
		for i := range 10 {
			if first[i] < 50 || first[i] > 150 {
				t.Errorf("the start is not spread: %v", first)
			}
			if second[i] < 50 || second[i] > 150 {
				t.Errorf("afterwards they are not spread over the interval: %v", second)
			}
		}
	})
}

func TestTheShortestIntervalWinsWhileItIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aScheduler(t), &aSource{}
		s.Subscribe("patient", []Poll{prometheus.poll("q", time.Hour)})
		time.Sleep(90 * time.Minute)
		s.Subscribe("hasty", []Poll{prometheus.poll("q", time.Minute)})
		before := prometheus.count()
		time.Sleep(time.Hour)
		if n := prometheus.count() - before; n < 59 || n > 61 {
			t.Fatalf("%d polls in an hour of minutes", n)
		}
		s.Unsubscribe("hasty")
		before = prometheus.count()
		time.Sleep(10 * time.Hour)
		if n := prometheus.count() - before; n < 9 || n > 11 {
			t.Fatalf("%d polls in ten hours", n)
		}
	})
}

func TestSubscribingTheSameAgainDisturbsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aScheduler(t), &aSource{}
		for range 600 {
			s.Subscribe("program", []Poll{prometheus.poll("q", time.Minute)})
			time.Sleep(time.Second)
		}
		if n := prometheus.count(); n < 9 || n > 11 {
			t.Fatalf("%d polls in ten minutes", n)
		}
	})
}

func TestTheNewestAskWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, before, after := aScheduler(t), &aSource{}, &aSource{}
		s.Subscribe("program", []Poll{before.poll("q", time.Minute)})
		time.Sleep(5 * time.Minute)
		asked := before.count()
		s.Subscribe("program", []Poll{after.poll("q", time.Minute)})
		time.Sleep(5 * time.Minute)
		if before.count() != asked || after.count() < 4 {
			t.Fatalf("the old one is asked %d times more, the new one %d times", before.count()-asked, after.count())
		}
	})
}

func TestWhatNobodyWantsAnyMoreIsCancelledAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, slow := aScheduler(t), &aSource{takes: 9 * time.Second}
		s.Subscribe("program", []Poll{slow.poll("q", time.Minute)})
		for slow.underWay() == 0 {
			time.Sleep(slot)
		}
		s.Unsubscribe("program")
		synctest.Wait()
		if slow.underWay() != 0 {
			t.Fatal("it is still being asked")
		}
		if _, known := s.Measurement("q"); known {
			t.Fatal("it is still known")
		}
		if state := s.SourceState("prometheus"); !reflect.DeepEqual(state, SourceState{}) {
			t.Fatalf("the source is still known: %+v", state)
		}
		if n := len(s.endpoints) + len(s.consumers) + len(s.queries); n != 0 {
			t.Fatalf("%d things are kept", n)
		}
		asked := slow.count()
		time.Sleep(time.Hour)
		if slow.count() != asked {
			t.Fatal("it is asked again")
		}
	})
}

func TestNothingIsAskedBeforeStartAndEverythingSoonAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aStoppedScheduler(t), &aSource{}
		s.Subscribe("program", []Poll{prometheus.poll("a", time.Hour), prometheus.poll("b", time.Hour)})
		time.Sleep(day)
		if prometheus.count() != 0 {
			t.Fatal("asked without being the leader")
		}
		s.begin()
		time.Sleep(startWindow + slot)
		if prometheus.count() != 2 {
			t.Fatalf("%d of 2 are asked", prometheus.count())
		}
	})
}

func TestShutdownCancelsWhatIsUnderWayAndCountsItAsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, slow := aScheduler(t), &aSource{takes: 9 * time.Second}
		s.Subscribe("program", []Poll{slow.poll("q", time.Minute)})
		for slow.underWay() == 0 {
			time.Sleep(slot)
		}
		began := time.Now()
		s.end()
		if time.Since(began) > 0 {
			t.Fatal("shutdown waits for the source")
		}
		if m := s.measured("q"); m.Failures != 0 || m.Err != nil {
			t.Fatalf("shutting down counts as a failure: %+v", m)
		}
		s.Subscribe("program", []Poll{slow.poll("other", time.Minute)})
		s.Refresh("prometheus")
		s.Unsubscribe("program")
		asked := slow.count()
		time.Sleep(time.Hour)
		if slow.count() != asked {
			t.Fatal("asked after shutdown")
		}
	})
}

func TestStartRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aScheduler(t)
		if err := s.Start(t.Context()); err == nil {
			t.Fatal("it is started twice")
		}
	})
}

func TestASleepingSchedulerHasOneGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aScheduler(t), &aSource{}
		before := runtime.NumGoroutine()
		for i := range 1000 {
			s.Subscribe(fmt.Sprint(i), []Poll{prometheus.poll(fmt.Sprintf("q%d", i), time.Hour)})
		}
		time.Sleep(2 * startWindow)
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before+5 { // the runtime has some of its own
			t.Fatalf("%d goroutines for 1000 idle polls", after-before)
		}
	})
}

func TestPokePollsASourceSoonButWithinItsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aScheduler(t), &aSource{takes: time.Second}
		var polls []Poll
		for i := range 20 {
			p := prometheus.poll(fmt.Sprintf("q%d", i), time.Hour)
			p.Source.MaxConcurrent = 2
			polls = append(polls, p)
		}
		s.Subscribe("program", polls)
		time.Sleep(100 * time.Minute)
		before := prometheus.count()
		s.Refresh("prometheus")
		s.Refresh("prometheus")
		s.Refresh("another")
		time.Sleep(2 * startWindow)
		if n := prometheus.count() - before; n != 20 {
			t.Fatalf("%d requests for 20 queries", n)
		}
		if prometheus.mostAtOnce() > 2 {
			t.Fatalf("%d at once", prometheus.mostAtOnce())
		}
	})
}

func TestAPollThatRunsWhileItsSourceIsPokedIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, slow := aScheduler(t), &aSource{takes: 5 * time.Second}
		s.Subscribe("program", []Poll{slow.poll("q", time.Hour)})
		for slow.underWay() == 0 {
			time.Sleep(slot)
		}
		s.Refresh("prometheus")
		time.Sleep(5*time.Second + startWindow + slot)
		if n := slow.count(); n != 2 {
			t.Fatalf("asked %d times", n)
		}
	})
}

func TestAConsumerIsWokenAtMostOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, prometheus := aScheduler(t), &aSource{}
		var polls []Poll
		for i := range 100 {
			polls = append(polls, prometheus.poll(fmt.Sprintf("q%d", i), time.Minute))
		}
		s.Subscribe("program", polls)
		time.Sleep(10 * time.Minute)
		for _, gap := range gaps(s.wakesOf("program")) {
			if gap < wakeGap {
				t.Fatalf("woken again after %v", gap)
			}
		}
		last := prometheus.times()[prometheus.count()-1]
		time.Sleep(wakeGap + slot)
		wakes := s.wakesOf("program")
		if wakes[len(wakes)-1].Before(last) {
			t.Fatal("the last result wakes nobody")
		}
	})
}

func TestAMeasurementKeepsItsLastGoodAnswerWhileItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flaky := &aSource{says: func(n int) (source.Answer, error) {
			if n == 2 || n == 3 {
				return source.Answer{}, failureOf(source.Unavailable)
			}
			return number(float64(n)), nil
		}}
		s := aScheduler(t)
		s.Subscribe("program", []Poll{flaky.poll("q", time.Minute)})
		for flaky.count() < 3 {
			time.Sleep(time.Second)
		}
		m := s.measured("q")
		if m.Answer.Rows[0].Value != 1 || m.Failures != 2 || m.Err == nil || !m.FailingSince.After(m.At) || !m.Attempted.After(m.FailingSince) {
			t.Fatalf("while it fails: %+v", m)
		}
		for flaky.count() < 4 {
			time.Sleep(time.Second)
		}
		m = s.measured("q")
		if m.Answer.Rows[0].Value != 4 || m.Failures != 0 || m.Err != nil || !m.FailingSince.IsZero() {
			t.Fatalf("once it is well: %+v", m)
		}
	})
}
