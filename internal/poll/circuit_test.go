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

// aSwitch is a source that can be turned off, with many queries.
func aSwitch(s *scheduling, queries int) (*aSource, *atomic.Bool) {
	isUp := &atomic.Bool{}
	isUp.Store(true)
	server := &aSource{says: func(int) (source.Answer, error) {
		if isUp.Load() {
			return number(1), nil
		}
		return source.Answer{}, failureOf(source.Unavailable)
	}}
	for i := range queries {
		s.Subscribe(fmt.Sprintf("program%d", i), []Poll{server.poll(fmt.Sprintf("q%d", i), 5*time.Minute)})
	}
	return server, isUp
}

func TestASourceThatIsDownIsAskedByOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aScheduler(t)
		server, isUp := aSwitch(s, 500)
		time.Sleep(30 * time.Minute)

		isUp.Store(false)
		before := server.count()
		time.Sleep(2 * time.Hour)
		// Five failures open the circuit; then the probes come after 10 s, 20 s, ... 15 min.
		if n := server.count() - before; n > 5+7+8+4 {
			t.Errorf("a source that is down is asked %d times in two hours by 500 queries", n)
		}
		if state := s.SourceState("prometheus"); !state.Failing() {
			t.Errorf("nobody is told: %+v", state)
		}
		for i := range 500 {
			if m := s.measured(fmt.Sprintf("q%d", i)); m.Err == nil || m.At.IsZero() {
				t.Fatalf("query %d was not asked and seems well, or lost its last good value: %+v", i, m)
			}
		}

		isUp.Store(true)
		before = server.count()
		time.Sleep(16 * time.Minute)
		if n := server.count() - before; n < 500 {
			t.Errorf("once it is up again only %d of 500 queries are asked", n)
		}
		for i := range 500 {
			if m := s.measured(fmt.Sprintf("q%d", i)); m.Err != nil {
				t.Fatalf("query %d is not well again: %+v", i, m)
			}
		}
	})
}

func TestAnOpenCircuitLetsOneThroughAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hung := aScheduler(t), &aSource{takes: time.Hour}
		for i := range 50 {
			s.Subscribe(fmt.Sprintf("program%d", i), []Poll{hung.poll(fmt.Sprintf("q%d", i), time.Minute)})
		}
		time.Sleep(10 * time.Minute)
		hung.mu.Lock()
		hung.most = 0
		hung.mu.Unlock()
		time.Sleep(time.Hour)
		if n := hung.mostAtOnce(); n != 1 {
			t.Errorf("%d probes at once", n)
		}
	})
}

func TestAShortBlinkOpensAndClosesTheCircuitAndColoursNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aScheduler(t)
		server, isUp := aSwitch(s, 500)
		time.Sleep(30 * time.Minute)
		told := s.changesOf("prometheus")
		isUp.Store(false)
		time.Sleep(20 * time.Second)
		isUp.Store(true)
		before := server.count()
		time.Sleep(6 * time.Minute)
		if n := server.count() - before; n < 500 {
			t.Errorf("after a blink %d of 500 queries are asked in a round", n)
		}
		if s.changesOf("prometheus") != told {
			t.Error("a blink is told")
		}
	})
}

func TestAnAnswerThatCannotBeUsedOpensNoCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, odd := aScheduler(t), &aSource{says: failing(source.BadAnswer)}
		for i := range 50 {
			s.Subscribe(fmt.Sprintf("program%d", i), []Poll{odd.poll(fmt.Sprintf("q%d", i), time.Minute)})
		}
		time.Sleep(time.Hour)
		if n := odd.count(); n < 50*59 {
			t.Errorf("only %d of 3000 polls", n)
		}
	})
}

func TestNewSettingsCloseTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aScheduler(t)
		server, isUp := aSwitch(s, 50)
		isUp.Store(false)
		time.Sleep(time.Hour)
		isUp.Store(true)
		before := server.count()
		s.Refresh("prometheus")
		time.Sleep(11 * time.Second)
		if n := server.count() - before; n != 50 {
			t.Errorf("%d of 50 queries are asked", n)
		}
	})
}
