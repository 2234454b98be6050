// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/uptake-dev/uptake/internal/source"
)

// act is something that happens to a Scheduler.
type act struct {
	Consumer int
	Queries  []int // what it wants from now on
	Refresh  bool
	Pause    time.Duration
}

// world is how sources behave and what happens to them.
type world struct {
	Concurrent int
	Gap, Takes time.Duration
	Outcomes   []source.Class // in turn; empty: good
	Interval   time.Duration
	Acts       []act
}

func worlds() *rapid.Generator[world] {
	return rapid.Custom(func(t *rapid.T) world {
		seconds := func(most int, name string) time.Duration {
			return time.Duration(rapid.IntRange(0, most*10).Draw(t, name)) * time.Second / 10
		}
		w := world{
			Concurrent: rapid.IntRange(1, 4).Draw(t, "concurrent"),
			Gap:        seconds(2, "gap"),
			Takes:      seconds(30, "takes"),
			Outcomes: rapid.SliceOfN(rapid.SampledFrom([]source.Class{
				"", "", source.Unavailable, source.Throttled, source.InvalidQuery, source.BadAnswer,
			}), 1, 8).Draw(t, "outcomes"),
			Interval: time.Second + seconds(120, "interval"),
		}
		for range rapid.IntRange(1, 12).Draw(t, "acts") {
			w.Acts = append(w.Acts, act{
				Consumer: rapid.IntRange(0, 3).Draw(t, "consumer"),
				Queries:  rapid.SliceOfN(rapid.IntRange(0, 5), 0, 6).Draw(t, "queries"),
				Refresh:  rapid.Bool().Draw(t, "poke"),
				Pause:    seconds(600, "pause"),
			})
		}
		return w
	})
}

func TestWhateverHappensTheLimitsHoldAndNobodyIsForgotten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := worlds().Draw(rt, "world")
		var problem string
		synctest.Test(t, func(t *testing.T) { problem = w.play(t) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// play lets it all happen and says what went wrong.
func (w world) play(t *testing.T) string {
	s := aScheduler(t)
	asked := &aSource{takes: w.Takes, says: func(n int) (source.Answer, error) {
		if class := w.Outcomes[n%len(w.Outcomes)]; class != "" {
			return source.Answer{}, &source.Error{Class: class, RetryAfter: time.Duration(n%3) * time.Second}
		}
		return number(1), nil
	}}
	wanted := map[int][]int{}
	for _, act := range w.Acts {
		wanted[act.Consumer] = act.Queries
		s.Subscribe(fmt.Sprint(act.Consumer), w.polls(asked, act.Queries))
		if act.Refresh {
			s.Refresh("source")
		}
		time.Sleep(act.Pause)
		if problem := w.check(s, asked, wanted); problem != "" {
			return problem
		}
	}
	// Given time, everything that is wanted has been asked.
	time.Sleep(10 * (w.Interval + startWindow + 6*(w.Gap+min(w.Takes, 10*time.Second))))
	for _, queries := range wanted {
		for _, q := range queries {
			if m := s.measured(key(q)); m.Attempted.IsZero() {
				return fmt.Sprintf("query %d is never asked", q)
			}
		}
	}
	for consumer := range wanted {
		s.Unsubscribe(fmt.Sprint(consumer))
	}
	time.Sleep(10 * time.Second) // the source's news and its limits outlast it a little
	synctest.Wait()
	if n := len(s.queries) + len(s.endpoints) + len(s.consumers) + len(s.agenda.entries); n != 0 {
		return fmt.Sprintf("%d things are left when nobody wants anything", n)
	}
	return ""
}

func (w world) everLeaves(consumer int) bool {
	return slices.ContainsFunc(w.Acts, func(a act) bool { return a.Consumer == consumer && len(a.Queries) == 0 })
}

func key(query int) string { return fmt.Sprintf("q%d", query) }

func (w world) polls(asked *aSource, queries []int) []Poll {
	var polls []Poll
	for _, q := range queries {
		polls = append(polls, Poll{
			Key:      key(q),
			Source:   Source{Key: "source", MaxConcurrent: w.Concurrent, MinGap: w.Gap},
			Interval: w.Interval,
			Ask:      asked,
		})
	}
	return polls
}

func (w world) check(s *scheduling, asked *aSource, wanted map[int][]int) string {
	if most := asked.mostAtOnce(); most > w.Concurrent {
		return fmt.Sprintf("%d at once, allowed are %d", most, w.Concurrent)
	}
	for _, gap := range gaps(asked.times()) {
		if gap < w.Gap {
			return fmt.Sprintf("a gap of %v", gap)
		}
	}
	distinct, consumers := map[int]bool{}, 0
	for consumer, queries := range wanted {
		if len(queries) > 0 {
			consumers++
		}
		for _, q := range queries {
			distinct[q] = true
		}
		if w.everLeaves(consumer) {
			continue // who comes back is new, and may be woken at once
		}
		for _, gap := range gaps(s.wakesOf(fmt.Sprint(consumer))) {
			if gap < wakeGap {
				return fmt.Sprintf("a consumer is woken after %v", gap)
			}
		}
	}
	if state := s.SourceState("source"); state.Queries != len(distinct) || state.Consumers != consumers {
		return fmt.Sprintf("want %d queries and %d consumers, got %+v", len(distinct), consumers, state)
	}
	return ""
}
