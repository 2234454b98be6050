// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"pgregory.net/rapid"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// set sets the clock; who runs meanwhile is told, as the operator tells it.
func (w *world) set(by time.Duration, told bool) {
	w.now = w.now.Add(by)
	if told {
		w.clockSet = ClockSet{At: w.now, By: by}
	}
}

// A clock that was set decides nothing, and what waits goes on waiting for as long as
// it should: from then on at most.
func TestAClockThatIsSetAchievesNothingAndFreezesNothing(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour, 30 * day, -30 * day} {
		for _, told := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v told %v", jump, told), func(t *testing.T) {
				w := newWorld(t)
				w.interval = 5 * time.Minute
				w.is(90, 100)
				p := w.phase("one", targeting("adopted", "50%"), holdingFor("2d", "", 0))
				w.begin()
				w.run(40 * w.interval)
				w.set(jump, told)
				w.settle()
				w.expect(p, v1alpha1.PhaseHolding)
				began := w.now
				for p.Status.State != v1alpha1.PhaseAchieved && w.now.Sub(began) < 5*day {
					w.run(w.interval)
				}
				took := w.now.Sub(began)
				if took < 39*hour || took > 2*day+6*hour {
					t.Errorf("achieved %v after the clock was set", took)
				}
				if told := condition(p.Status.Conditions, v1alpha1.ConditionClockJumped); told != "-" {
					t.Errorf("it is achieved and still says %s", told)
				}
			})
		}
	}
}

func TestAClockThatWentAheadAndCameBackIsTold(t *testing.T) {
	w := newWorld(t)
	w.interval = 5 * time.Minute
	w.is(90, 100)
	p := w.phase("one", targeting("adopted", "50%"), holdingFor("2d", "", 0))
	w.begin()
	w.run(hour)
	w.set(30*day, false)
	w.run(hour)
	w.set(-30*day, false)
	w.settle()
	if got := condition(p.Status.Conditions, v1alpha1.ConditionClockJumped); got != "-" {
		t.Errorf("before anything is measured it says %s", got)
	}
	w.run(w.interval)
	w.expect(p, v1alpha1.PhaseHolding)
	if got := condition(p.Status.Conditions, v1alpha1.ConditionClockJumped); got != "True/ClockJumped" {
		t.Errorf("it says %s", got)
	}
	told := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionClockJumped)
	since := told.LastTransitionTime
	if !strings.Contains(told.Message, "began anew") {
		t.Error(told.Message)
	}
	w.run(day)
	if again := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionClockJumped); again == nil || !again.LastTransitionTime.Equal(&since) {
		t.Errorf("one jump is told once, and for as long as the hold lasts: %v", again)
	}
	w.run(day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

// TestOverVirtualMonthsOfBadClocks sets the clock back and forth, with and without the
// operator being there to see it, while the true time goes on.
func TestOverVirtualMonthsOfBadClocks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.interval = rapid.SampledFrom([]time.Duration{30 * time.Minute, hour}).Draw(rt, "interval")
		length := rapid.SampledFrom([]string{"12h", "2d"}).Draw(rt, "for")
		every := rapid.SampledFrom([]string{"", "6h"}).Draw(rt, "every")
		w.is(90, 100)
		p := w.phase("one", targeting("adopted", "50%"), holdingFor(length, every, 0), sustained("", "1d", v1alpha1.OnRegressionFlag))
		w.begin()
		hold := durationOr(v1alpha1.Duration(length), 0)
		held := time.Duration(0) // in truth
		// What the clock is set ahead by within one sample is taken for time that passed.
		unseen := time.Duration(0)
		pass := func(d time.Duration) {
			for range int(d / w.interval) {
				w.run(w.interval)
				held += w.interval
				if p.Status.State == v1alpha1.PhaseAchieved && held < hold-w.interval-unseen {
					rt.Fatalf("achieved after %v of %v, checks so far told %v", held, hold, w.told)
				}
			}
		}
		pass(time.Duration(rapid.IntRange(1, 8).Draw(rt, "hours")) * hour)
		off := time.Duration(0)
		for range rapid.IntRange(1, 6).Draw(rt, "jumps") {
			by := rapid.SampledFrom([]time.Duration{hour, -hour, 30 * day, -30 * day, 7 * hour, -9 * hour, 3 * time.Second}).Draw(rt, "by")
			off += by
			if rule := newWindowRule(hold, durationOr(v1alpha1.Duration(every), 0), w.interval, 0); by > 0 && by <= rule.every {
				unseen += by
			}
			w.set(by, true)
			pass(time.Duration(rapid.IntRange(1, 8).Draw(rt, "hours")) * hour)
		}
		w.set(-off, true) // right again
		for waited := time.Duration(0); p.Status.State != v1alpha1.PhaseAchieved; waited += w.interval {
			if waited > hold+hold/2+2*hour {
				rt.Fatalf("not achieved %v after the clock is right: %v", waited, p.Status.Hold)
			}
			pass(w.interval)
		}
		w.is(10, 100) // a regression is seen in its time as well
		w.set(30*day, false)
		w.run(hour)
		w.set(-30*day, false)
		w.run(30 * hour)
		w.expect(p, v1alpha1.PhaseRegressed)
	})
}

// What was stored while the clock was ahead is not waited for.
func TestNothingThatIsStoredInTheFutureFreezes(t *testing.T) {
	w := newWorld(t).withSegments("a", "b")
	w.metric("adopted").Smooth = &v1alpha1.Smooth{Over: "7h"}
	w.metric("adopted").SampleEvery = "1h"
	each := func(active, eligible float64) {
		w.counts("population.query", map[string]float64{"a": eligible / 2, "b": eligible / 2})
		w.counts("rate.active", map[string]float64{"a": active / 2, "b": active / 2})
	}
	each(20, 100)
	b := w.barrier("seen", detecting("90%", "2h"))
	b.Spec.Detect.AtLeast, b.Spec.Detect.AtMost = "", "30%"
	reported := w.barrier("told", func(s *v1alpha1.BarrierSpec) { s.EscalateAfter = "2d" })
	late := w.phase("late", targeting("adopted", "95%"), with(func(s *v1alpha1.PhaseSpec) { s.MaxDuration = "10d" }))
	w.begin()
	w.run(8 * hour)
	w.expectBarrier(b, v1alpha1.BarrierOpen)
	w.set(30*day, false)
	reported.Status.State, reported.Status.OpenedAt = "", nil // reported while the clock is ahead
	late.Status = v1alpha1.PhaseStatus{ObservedGeneration: -1}
	each(60, 100)
	w.run(2 * hour)
	w.set(-30*day, false)
	shown := w.program.Status.Adoption
	each(70, 100)
	w.run(8 * hour)
	if w.program.Status.Adoption == shown {
		t.Errorf("what is shown stands still at %s", shown)
	}
	for _, sample := range w.program.Status.Metrics[0].Samples {
		if sample.Time.After(w.now) {
			t.Errorf("a sample of %s is kept", sample.Time)
		}
	}
	for _, at := range newStepper(w.snapshot(), w.now).history(w.program.Status.Metrics[0].History) {
		if at.at.After(w.now) {
			t.Errorf("a point of %s is kept", at.at)
		}
	}
	w.expectBarrier(b, v1alpha1.BarrierResolved)
	each(70, 40) // the population drops: believed when it lasts for a sample
	w.program.Status.Population.DroppedAt = new(stamp(w.now.Add(30 * day)))
	w.run(3 * hour)
	if w.program.Status.Population.Eligible != "40" {
		t.Errorf("a drop is waited for until %s", w.program.Status.Population.DroppedAt)
	}
	w.run(2 * day)
	w.expectBarrier(reported, v1alpha1.BarrierEscalated)
}

// A measurement that is older than what was decided on decides nothing, whoever has it.
func TestAnOlderMeasurementThanThatOfTheLastDecisionDecidesNothing(t *testing.T) {
	w := newWorld(t)
	w.is(90, 100)
	gate := w.phase("first", targeting("adopted", "10%"), gated("ok", v1alpha1.GateAtFinish))
	second := w.phase("second", targeting("adopted", "50%"), dependingOn("first"))
	w.begin()
	w.run(2 * hour)
	deposed := w.measured // what a leader knew that is stopped now
	w.restart()
	w.is(20, 100)
	w.run(10 * time.Minute)
	gate.Annotations["approval.uptake.dev/ok"] = "ada"
	w.settle()
	w.expect(gate, v1alpha1.PhaseAchieved)
	w.expect(second, v1alpha1.PhaseActive)

	shown := w.program.Status.Adoption
	newer := w.measured
	w.measured = deposed
	w.now = w.now.Add(time.Minute)
	w.settle()
	w.expect(second, v1alpha1.PhaseActive)
	if w.program.Status.Adoption != shown {
		t.Errorf("it shows %s", w.program.Status.Adoption)
	}
	w.measured = newer
	w.settle()

	// A spec that asks for more is judged at once, on what is there.
	w.program.Spec.Metrics = append(w.program.Spec.Metrics, *w.metric("adopted").DeepCopy())
	w.program.Spec.Metrics[1].Name = "rarely"
	w.program.Generation++
	w.poll()
	w.settle()
	w.now = w.now.Add(10 * time.Minute)
	for path, m := range w.measured {
		if !strings.Contains(path, "[rarely]") {
			m.At = w.now
			w.measured[path] = m
		}
	}
	w.settle()
	second.Spec.Targets = append(second.Spec.Targets, v1alpha1.Target{Metric: "rarely", AtLeast: "70%"})
	second.Generation++
	w.settle()
	if got := second.Status.Targets; len(got) != 2 || got[1].Met != "False" {
		t.Errorf("a new target waits for the next poll: %+v", got)
	}
	second.Spec.Targets = second.Spec.Targets[:1]
	second.Generation++
	w.is(60, 100)
	w.run(hour)
	w.expect(second, v1alpha1.PhaseAchieved)
}
