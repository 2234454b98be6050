// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func jsonSize(t testing.TB, o any) int {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}

// anyWorld draws a program of three phases and two barriers.
func anyWorld(rt *rapid.T, t *testing.T) *world {
	w := newWorld(t)
	w.is(rapid.Float64Range(0, 100).Draw(rt, "active"), 100)
	w.interval = rapid.SampledFrom([]time.Duration{5 * hour, 11 * hour, day}).Draw(rt, "interval")
	names := []string{"one", "two", "three"}
	for i, name := range names {
		options := []phaseOption{targeting("adopted", fmt.Sprintf("%d%%", rapid.IntRange(1, 100).Draw(rt, "target")))}
		if i > 0 && rapid.Bool().Draw(rt, "depends") {
			options = append(options, dependingOn(names[i-1]))
		}
		if rapid.Bool().Draw(rt, "holds") {
			options = append(options, holdingFor(rapid.SampledFrom([]string{"2d", "10d"}).Draw(rt, "for"), "", rapid.Int32Range(0, 2).Draw(rt, "misses")))
		}
		if rapid.Bool().Draw(rt, "gated") {
			options = append(options, gated("ok", rapid.SampledFrom([]v1alpha1.GateAt{v1alpha1.GateAtStart, v1alpha1.GateAtFinish}).Draw(rt, "at")))
		}
		if rapid.Bool().Draw(rt, "sustained") {
			options = append(options, sustained("5%", "3d", rapid.SampledFrom([]v1alpha1.OnRegression{v1alpha1.OnRegressionFlag, v1alpha1.OnRegressionReopen}).Draw(rt, "on")))
		}
		w.phase(name, options...)
	}
	w.barrier("seen", detecting("30%", "2d"))
	w.barrier("told", func(s *v1alpha1.BarrierSpec) {
		s.Severity = rapid.SampledFrom([]v1alpha1.Severity{v1alpha1.SeverityBlocking, v1alpha1.SeverityMinor}).Draw(rt, "severity")
	})
	return w
}

// disturb lets something happen.
func disturb(rt *rapid.T, w *world) {
	p := w.phases[rapid.IntRange(0, len(w.phases)-1).Draw(rt, "phase")]
	switch rapid.IntRange(0, 11).Draw(rt, "what") {
	case 0, 1, 2:
		w.is(rapid.Float64Range(0, 100).Draw(rt, "active"), 100)
	case 3:
		w.is(rapid.Float64Range(0, 100).Draw(rt, "active"), rapid.Float64Range(1, 300).Draw(rt, "eligible"))
	case 4:
		w.away()
	case 5, 6:
		w.back()
	case 7:
		w.restart()
	case 8:
		p.Annotations["approval.uptake.dev/ok"] = rapid.SampledFrom([]string{"ada", "bob", ""}).Draw(rt, "who")
	case 9:
		p.Spec.Suspend = new(rapid.Bool().Draw(rt, "suspend"))
	case 10:
		p.Spec.Targets[0].AtLeast = v1alpha1.Number(fmt.Sprintf("%d%%", rapid.IntRange(1, 100).Draw(rt, "target")))
		p.Generation++
	case 11:
		b := w.barriers[1]
		b.Spec.Resolution = nil
		if rapid.Bool().Draw(rt, "resolved") {
			resolve(b, v1alpha1.ResolutionResolved, "")
		}
	}
}

func TestOverVirtualMonths(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := anyWorld(rt, t)
		w.begin()
		for range rapid.IntRange(5, 25).Draw(rt, "disturbances") {
			disturb(rt, w)
			checkWhileRunning(rt, w, time.Duration(rapid.IntRange(1, 200).Draw(rt, "hours"))*hour)
		}
	})
}

// checkWhileRunning lets time pass and checks what must hold at every instant.
func checkWhileRunning(rt *rapid.T, w *world, d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(w.interval)
		before := statesOf(w)
		w.poll()
		w.step()
		out := w.last
		checkTransitions(rt, w, before, out)
		w.settle()
		checkIdempotent(rt, w)
	}
}

type stateBefore struct {
	state v1alpha1.PhaseState
	count int64
}

func statesOf(w *world) map[string]stateBefore {
	m := map[string]stateBefore{}
	for _, p := range w.phases {
		m[p.Name] = stateBefore{p.Status.State, newest(p.Status.Transitions)}
	}
	return m
}

// checkTransitions: at most one a step, told as it happened, and only those that
// need no measurement while nothing is fresh.
func checkTransitions(rt *rapid.T, w *world, before map[string]stateBefore, out Outcome) {
	fresh := out.Readings["adopted"].Fresh && out.Readings["adopted"].Total.Known
	for _, o := range out.Phases {
		was := before[o.Phase.Name]
		made := newest(o.Status.Transitions) - was.count
		changed := o.Status.State != was.state
		switch {
		case made > 1:
			rt.Fatalf("%s made %d transitions in one step", o.Phase.Name, made)
		case changed != (made == 1) && was.state != "":
			rt.Fatalf("%s went from %s to %s with %d transitions", o.Phase.Name, was.state, o.Status.State, made)
		case made == 1 && !o.Write:
			rt.Fatalf("%s moved and is not stored", o.Phase.Name)
		}
		if changed && !fresh && needsData(was.state, o.Status.State, o.Status.Transitions) {
			rt.Fatalf("%s went from %s to %s without data", o.Phase.Name, was.state, o.Status.State)
		}
		if changed && ptr.Deref(o.Phase.Spec.Suspend, false) && was.state != "" {
			rt.Fatalf("%s moved while suspended", o.Phase.Name)
		}
		if len(o.Status.Transitions) > 10 || o.Status.Hold != nil && len(o.Status.Hold.Checks) > 100 {
			rt.Fatalf("%s grows without bound", o.Phase.Name)
		}
	}
}

func needsData(from, to v1alpha1.PhaseState, ring []v1alpha1.TransitionStatus) bool {
	switch {
	case from == "" || from == v1alpha1.PhaseWaiting:
		return false
	case from == v1alpha1.PhaseRegressed && to == v1alpha1.PhaseActive:
		return false // reopening
	case from == v1alpha1.PhaseHolding && ring[len(ring)-1].Reason == v1alpha1.ReasonTargetsChanged:
		return false
	}
	return true
}

// checkIdempotent: once settled, the same step again writes nothing.
func checkIdempotent(rt *rapid.T, w *world) {
	again := Step(w.snapshot(), w.now)
	for _, o := range again.Phases {
		if o.Write {
			rt.Fatalf("phase %s is written again", o.Phase.Name)
		}
		now, stored := phaseMeaning(&o.Status), phaseMeaning(&o.Phase.Status)
		withoutJudgement(now) // may wait, where it turned lately
		withoutJudgement(stored)
		if !equality.Semantic.DeepEqual(now, stored) {
			rt.Fatalf("phase %s differs again", o.Phase.Name)
		}
	}
	for _, o := range again.Barriers {
		if o.Write {
			rt.Fatalf("barrier %s is written again", o.Barrier.Name)
		}
	}
	if again.Program.Write || len(again.Open) > 0 {
		rt.Fatalf("the program is written again")
	}
	if again.Recheck < 0 {
		rt.Fatalf("recheck in %s", again.Recheck)
	}
}

// TestACrashBetweenAnyTwoWritesLosesNothing runs the same history twice: once
// undisturbed, and once with an operator that dies after each single write.
func TestACrashBetweenAnyTwoWritesLosesNothing(t *testing.T) {
	for _, seenAt := range []string{"15%", "50%", "70%", "92%"} {
		play := func(crash bool) []string {
			w := newWorld(t)
			w.interval = 5 * hour
			w.is(10, 100)
			w.phase("one", targeting("adopted", "50%"), holdingFor("2d", "", 0))
			w.phase("two", targeting("adopted", "80%"), dependingOn("one"), sustained("", "2d", v1alpha1.OnRegressionFlag))
			w.barrier("seen", detecting(seenAt, "1d"))
			for _, active := range []float64{10, 60, 90, 20, 95} {
				w.is(active, 100)
				for end := w.now.Add(6 * day); w.now.Before(end); {
					w.now = w.now.Add(w.interval)
					w.poll()
					if crash {
						w.crashing()
					} else {
						w.settle()
					}
				}
			}
			return ringsOf(w)
		}
		whole, crashed := strings.Join(play(false), "\n"), strings.Join(play(true), "\n")
		if whole != crashed {
			t.Errorf("undisturbed:\n%s\nwith crashes:\n%s", whole, crashed)
		}
		if strings.Count(whole, "Regressed") == 0 {
			t.Errorf("the history tells too little:\n%s", whole)
		}
	}
}

// crashing persists one write a step and forgets the rest.
func (w *world) crashing() {
	w.t.Helper()
	for range 60 {
		out := Step(w.snapshot(), w.now)
		if !w.persistFirst(out) {
			return
		}
	}
	w.t.Fatal("not settled after 60 single writes")
}

func (w *world) persistFirst(out Outcome) bool {
	for _, o := range out.Barriers {
		if o.Write {
			o.Barrier.Status = o.Status
			return true
		}
	}
	for _, b := range out.Open {
		b.Generation = 1
		b.Status.ObservedGeneration = -1
		w.barriers = append(w.barriers, b)
		return true
	}
	for _, o := range out.Phases {
		if o.Write {
			o.Phase.Status = o.Status
			return true
		}
	}
	if out.Program.Write {
		w.program.Status = out.Program.Status
		return true
	}
	return false
}

func ringsOf(w *world) []string {
	var rings []string
	for _, p := range w.phases {
		for _, t := range p.Status.Transitions {
			rings = append(rings, fmt.Sprintf("%s %d %s>%s %s", p.Name, t.Number, t.From, t.To, t.Reason))
		}
	}
	for _, b := range w.barriers {
		for _, t := range b.Status.Transitions {
			rings = append(rings, fmt.Sprintf("%s %d %s>%s %s", b.Name, t.Number, t.From, t.To, t.Reason))
		}
	}
	return rings
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"60%", "12", "-0.5", "4h", "1e9", "%", "99999999999999999999%", "0x1p4", "NaN", "Inf%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []v1alpha1.Format{v1alpha1.FormatNumber, v1alpha1.FormatPercent, v1alpha1.FormatDuration} {
			v, err := ParseNumber(text, format)
			if err == nil && v-v != 0 { // not a number, or infinite
				t.Errorf("%q as %s is %v", text, format, v)
			}
		}
	})
}

func FuzzDates(f *testing.F) {
	for _, s := range []string{"2026-12-01", "2026-02-30", "2026-12-01T08:00:00Z", "2026-12-01T08:00:00+01:00", "", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		c := newCalendar(&v1alpha1.AdoptionProgramSpec{TimeZone: "Europe/Zurich", Freezes: []v1alpha1.Freeze{{From: v1alpha1.Date(text), To: v1alpha1.Date(text)}}})
		if t, err := c.parse(v1alpha1.Date(text)); err == nil {
			_ = c.day(c.after(t, 30*day))
		}
	})
}

func FuzzStoredStatus(f *testing.F) {
	f.Add("2026-11-20=41.3% x=1 2026-11-21=", "=12/40 cart=3/0", "abcd\x00efg", "MMxM")
	f.Fuzz(func(t *testing.T, history, sample, seen, checks string) {
		w := newWorld(t)
		w.is(50, 100)
		w.metric("adopted").Smooth = &v1alpha1.Smooth{Over: "7d"}
		w.phase("only", targeting("adopted", "40%"), holdingFor("5d", "", 1))
		w.begin()
		st := &w.program.Status.Metrics[0]
		st.History, st.Seen = history, seen
		st.Samples = []v1alpha1.Sample{{Time: stamp(w.now.Add(-day)), Values: sample}}
		if h := w.phases[0].Status.Hold; h != nil {
			h.Checks = checks
		}
		w.now = w.now.Add(day)
		w.poll()
		w.step() // whatever is stored, a step ends
	})
}
