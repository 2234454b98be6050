// SPDX-License-Identifier: Apache-2.0

package awake

import (
	"testing"
	"time"
)

func TestAWatchNoticesSleepAndASetClock(t *testing.T) {
	began := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		steady, wall time.Duration // that pass
		gap          bool
		set          time.Duration
	}{
		"a beat":                                  {time.Second, time.Second, false, 0},
		"a busy machine":                          {4 * time.Second, 4 * time.Second, false, 0},
		"a process that was stopped":              {10 * time.Second, 10 * time.Second, true, 0},
		"a host that slept, and did not say so":   {time.Second, time.Hour, true, time.Hour - time.Second},
		"a clock that was set ahead":              {time.Second, 30 * 24 * time.Hour, true, 30*24*time.Hour - time.Second},
		"a clock that was set back":               {time.Second, -time.Hour, true, -time.Hour - time.Second},
		"a clock that is slewed":                  {time.Second, 900 * time.Millisecond, false, 0},
		"a stop that a clock set back would hide": {40 * time.Minute, 0, true, -40 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			now := At(time.Hour, began)
			var noticed []Gap
			w := NewWatch(func() Moment { return now }, func(g Gap) { noticed = append(noticed, g) })
			w.Check()
			now = At(time.Hour+test.steady, began.Add(test.wall))
			gaps := w.Check()
			if w.Check() != gaps {
				t.Error("one gap is noticed twice")
			}
			if want := map[bool]int{true: 1}[test.gap]; len(noticed) != want || gaps != int64(want) {
				t.Fatalf("noticed %v, counted %d", noticed, gaps)
			}
			if got := w.LastSet().Set; got != test.set {
				t.Errorf("set by %v, want %v", got, test.set)
			}
		})
	}
}

func TestOfTwoStepsOneAfterTheOtherTheLargerIsKept(t *testing.T) {
	began := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	now := At(time.Hour, began)
	w := NewWatch(func() Moment { return now }, func(Gap) {})
	w.Check()
	now = At(time.Hour+time.Second, began.Add(time.Hour))
	w.Check()
	now = At(time.Hour+2*time.Second, began.Add(time.Hour+10*time.Second))
	w.Check()
	if set := w.LastSet(); set.Set != time.Hour-time.Second || !set.Until.Equal(began.Add(time.Hour+10*time.Second)) {
		t.Errorf("%+v", set)
	}
	now = At(3*time.Hour, began.Add(3*time.Hour+20*time.Second))
	w.Check()
	if set := w.LastSet().Set; set > time.Minute {
		t.Errorf("an old step of an hour counts for ever: %v", set)
	}
}

func TestTheClocksGoOn(t *testing.T) {
	before := Now()
	time.Sleep(time.Millisecond)
	if passed := Now().Since(before); passed < time.Millisecond || passed > time.Minute {
		t.Errorf("%v have passed", passed)
	}
}
