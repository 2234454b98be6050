// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

const (
	week  = 7 * day
	hour  = time.Hour
	start = "2026-11-02T00:00:00Z" // a Monday
)

// world is a virtual organisation: objects, sources and a clock. Running it
// persists what Step decides, as the operator would.
type world struct {
	t        testing.TB
	now      time.Time
	interval time.Duration
	program  *v1alpha1.AdoptionProgram
	phases   []*v1alpha1.Phase
	barriers []*v1alpha1.Barrier
	// answers by the end of a query's path; nil: the source is down.
	answers  map[string]*Measurement
	down     map[string]string
	clockSet ClockSet
	measured map[string]Measurement
	writes   int
	last     Outcome
	// told are all transitions, in order, "Phase pilot: Waiting -> Active (Started)".
	told []string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	now, err := time.Parse(time.RFC3339, start)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: now, interval: hour, answers: map[string]*Measurement{}, down: map[string]string{}, measured: map[string]Measurement{}}
	w.program = &v1alpha1.AdoptionProgram{
		ObjectMeta: metav1.ObjectMeta{Name: "program", Namespace: "ns", UID: "p", Generation: 1, CreationTimestamp: metav1.NewTime(now)},
		Spec: v1alpha1.AdoptionProgramSpec{
			Objective: "Everybody adopts", TimeZone: "UTC", SegmentsFrom: v1alpha1.SegmentsDeclared,
			Accountability: &v1alpha1.Accountability{ExecutiveSponsor: "CIO", ProgramOwner: "platform", EscalateAfter: "14d"},
			Population:     &v1alpha1.Population{Query: objectsQuery("Namespace")},
			Metrics: []v1alpha1.Metric{{
				Name: "adopted", Dimension: v1alpha1.DimensionReach, Direction: v1alpha1.DirectionIncrease, OnEmpty: v1alpha1.OnEmptyUnknown,
				Rate: &v1alpha1.Rate{Active: *objectsQuery("HTTPRoute")}, SampleEvery: "1d",
			}},
		},
		Status: v1alpha1.AdoptionProgramStatus{ObservedGeneration: -1},
	}
	return w
}

func objectsQuery(kind string) *v1alpha1.Query {
	return &v1alpha1.Query{Objects: &v1alpha1.ObjectsQuery{APIVersion: "v1", Kind: kind, Count: v1alpha1.CountObjects}}
}

// metric returns the program's metric, to be changed.
func (w *world) metric(name string) *v1alpha1.Metric {
	for i := range w.program.Spec.Metrics {
		if string(w.program.Spec.Metrics[i].Name) == name {
			return &w.program.Spec.Metrics[i]
		}
	}
	w.t.Fatalf("no metric %s", name)
	return nil
}

// withSegments declares segments.
func (w *world) withSegments(names ...string) *world {
	w.program.Spec.SegmentBy = &v1alpha1.SegmentBy{Label: "team"}
	for _, n := range names {
		w.program.Spec.Segments = append(w.program.Spec.Segments, v1alpha1.Segment{Name: v1alpha1.SegmentName(n)})
	}
	return w
}

// discovering takes segments from the population.
func (w *world) discovering() *world {
	w.program.Spec.SegmentsFrom = v1alpha1.SegmentsFromPopulation
	w.program.Spec.SegmentBy = &v1alpha1.SegmentBy{Label: "team"}
	return w
}

type phaseOption func(*v1alpha1.Phase)

// phase adds a phase.
func (w *world) phase(name string, options ...phaseOption) *v1alpha1.Phase {
	p := &v1alpha1.Phase{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: types.UID("ph-" + name), Generation: 1, CreationTimestamp: metav1.NewTime(w.now), Annotations: map[string]string{}},
		Spec:       v1alpha1.PhaseSpec{ProgramRef: v1alpha1.LocalRef{Name: "program"}, Reporting: v1alpha1.ReportingAlert},
		Status:     v1alpha1.PhaseStatus{ObservedGeneration: -1},
	}
	for _, o := range options {
		o(p)
	}
	w.phases = append(w.phases, p)
	return p
}

func targeting(metric, atLeast string) phaseOption {
	return func(p *v1alpha1.Phase) {
		p.Spec.Targets = append(p.Spec.Targets, v1alpha1.Target{Metric: v1alpha1.Name(metric), AtLeast: v1alpha1.Number(atLeast)})
	}
}

func targetingEach(metric, atLeast string) phaseOption {
	return func(p *v1alpha1.Phase) {
		p.Spec.Targets = append(p.Spec.Targets, v1alpha1.Target{Metric: v1alpha1.Name(metric), AtLeast: v1alpha1.Number(atLeast), Scope: v1alpha1.ScopeEach})
	}
}

func targetingMost(metric, atMost string) phaseOption {
	return func(p *v1alpha1.Phase) {
		p.Spec.Targets = append(p.Spec.Targets, v1alpha1.Target{Metric: v1alpha1.Name(metric), AtMost: v1alpha1.Number(atMost)})
	}
}

func holdingFor(length, every string, missesAllowed int32) phaseOption {
	return func(p *v1alpha1.Phase) {
		p.Spec.Hold = &v1alpha1.Hold{For: v1alpha1.Duration(length), Every: v1alpha1.Duration(every), MissesAllowed: &missesAllowed}
	}
}

func dependingOn(names ...string) phaseOption {
	return func(p *v1alpha1.Phase) {
		for _, n := range names {
			p.Spec.DependsOn = append(p.Spec.DependsOn, v1alpha1.ObjectName(n))
		}
	}
}

func gated(name string, at v1alpha1.GateAt) phaseOption {
	return func(p *v1alpha1.Phase) {
		p.Spec.Gates = append(p.Spec.Gates, v1alpha1.Gate{Name: v1alpha1.Name(name), At: at})
	}
}

func sustained(margin, length string, on v1alpha1.OnRegression) phaseOption {
	return func(p *v1alpha1.Phase) {
		p.Spec.Sustain = &v1alpha1.Sustain{Margin: v1alpha1.Number(margin), For: v1alpha1.Duration(length), OnRegression: on}
	}
}

func with(change func(*v1alpha1.PhaseSpec)) phaseOption {
	return func(p *v1alpha1.Phase) { change(&p.Spec) }
}

// barrier adds a barrier.
func (w *world) barrier(name string, change func(*v1alpha1.BarrierSpec)) *v1alpha1.Barrier {
	b := &v1alpha1.Barrier{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: types.UID("br-" + name), Generation: 1, CreationTimestamp: metav1.NewTime(w.now)},
		Spec:       v1alpha1.BarrierSpec{ProgramRef: v1alpha1.LocalRef{Name: "program"}, Summary: "Something is in the way", Category: "Process", Severity: v1alpha1.SeverityMinor, Owner: "ops"},
		Status:     v1alpha1.BarrierStatus{ObservedGeneration: -1},
	}
	change(&b.Spec)
	w.barriers = append(w.barriers, b)
	return b
}

// counts sets what a query answers for each segment: a complete source.
func (w *world) counts(path string, values map[string]float64) {
	w.answers[path] = answer(values, true)
}

// series is counts from a source that does not know everything.
func (w *world) series(path string, values map[string]float64) {
	w.answers[path] = answer(values, false)
}

func answer(values map[string]float64, complete bool) *Measurement {
	m := &Measurement{Complete: complete}
	names := make([]string, 0, len(values))
	for n := range values {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		m.Rows = append(m.Rows, Row{Segment: n, Value: values[n]})
		m.Segmented = m.Segmented || n != ""
	}
	return m
}

// is sets eligible and active of a program without segments.
func (w *world) is(active, eligible float64) {
	w.counts("population.query", map[string]float64{"": eligible})
	w.counts("rate.active", map[string]float64{"": active})
}

// away takes every source away; back brings them back.
func (w *world) away() {
	for path := range w.answers {
		w.down[path] = "connection refused"
	}
}

func (w *world) back() { w.down = map[string]string{} }

// restart forgets everything that is only in memory.
func (w *world) restart() { w.measured = map[string]Measurement{} }

// poll asks every source once.
func (w *world) poll() {
	for _, use := range Queries(w.program) {
		for path, a := range w.answers {
			if !strings.HasSuffix(use.Path, path) {
				continue
			}
			m := w.measured[use.Path]
			if why, down := w.down[path]; down {
				p := Problem{Message: why, Failures: 1, Since: w.now}
				if m.Problem != nil {
					p.Failures, p.Since = m.Problem.Failures+1, m.Problem.Since
				}
				m.Problem, m.Interval = &p, w.interval
			} else {
				m = *a
				m.At, m.Interval = w.now, w.interval
			}
			w.measured[use.Path] = m
		}
	}
}

func (w *world) snapshot() Snapshot {
	measured := map[string]Measurement{}
	maps.Copy(measured, w.measured)
	return Snapshot{Program: w.program, ProgramName: "program", Phases: w.phases, Barriers: w.barriers, Measurements: measured, DisplayEvery: 10 * time.Minute, ClockSet: w.clockSet}
}

// step decides once and persists what is to be written.
func (w *world) step() {
	w.t.Helper()
	out := Step(w.snapshot(), w.now)
	w.last = out
	for _, o := range out.Phases {
		w.note("Phase "+o.Phase.Name, o.Phase.Status.Transitions, o.Status.Transitions)
		if o.Write {
			w.writes++
			o.Phase.Status = o.Status
		}
	}
	for _, o := range out.Barriers {
		w.note("Barrier "+o.Barrier.Name, o.Barrier.Status.Transitions, o.Status.Transitions)
		if o.Write {
			w.writes++
			o.Barrier.Status = o.Status
		}
	}
	for _, b := range out.Open {
		w.writes++
		b.UID, b.Generation, b.CreationTimestamp = types.UID("br-"+b.Name), 1, metav1.NewTime(w.now)
		b.Status.ObservedGeneration = -1
		w.barriers = append(w.barriers, b)
	}
	if out.Program != nil && out.Program.Write {
		w.note("Program", w.program.Status.Transitions, out.Program.Status.Transitions)
		w.writes++
		w.program.Status = out.Program.Status
	}
}

func (w *world) note(object string, old, now []v1alpha1.TransitionStatus) {
	fresh := newest(now) - newest(old)
	if fresh > 1 {
		w.t.Fatalf("%s made %d transitions in one step", object, fresh)
	}
	if fresh == 1 {
		t := now[len(now)-1]
		w.told = append(w.told, fmt.Sprintf("%s: %s -> %s (%s)", object, t.From, t.To, t.Reason))
	}
}

// settle steps until nothing is written any more.
func (w *world) settle() {
	w.t.Helper()
	for range 20 {
		before := w.writes
		w.step()
		if w.writes == before {
			return
		}
	}
	w.t.Fatalf("not settled after 20 steps; told so far:\n%s", strings.Join(w.told, "\n"))
}

// run lets time pass: a poll every interval.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(w.interval)
		w.poll()
		w.settle()
	}
}

// begin polls and settles without letting time pass.
func (w *world) begin() *world {
	w.t.Helper()
	w.poll()
	w.settle()
	return w
}

// expect compares a phase's state.
func (w *world) expect(p *v1alpha1.Phase, want v1alpha1.PhaseState) {
	w.t.Helper()
	if p.Status.State != want {
		w.t.Fatalf("at %s phase %s is %q, want %q\nsummary: %s\nconditions: %v\ntold:\n%s", w.now.Format(time.RFC3339), p.Name, p.Status.State, want, p.Status.Summary, shortConditions(p.Status.Conditions), strings.Join(w.told, "\n"))
	}
}

func (w *world) expectBarrier(b *v1alpha1.Barrier, want v1alpha1.BarrierState) {
	w.t.Helper()
	if b.Status.State != want {
		w.t.Fatalf("at %s barrier %s is %q, want %q\nsummary: %s\ntold:\n%s", w.now.Format(time.RFC3339), b.Name, b.Status.State, want, b.Status.Summary, strings.Join(w.told, "\n"))
	}
}

func shortConditions(list []metav1.Condition) []string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%s=%s (%s: %s)", c.Type, c.Status, c.Reason, c.Message))
	}
	return out
}

// condition returns a condition's status and reason, "True/Achieved"; "-" when absent.
func condition(list []metav1.Condition, kind string) string {
	i := slices.IndexFunc(list, func(c metav1.Condition) bool { return c.Type == kind })
	if i < 0 {
		return "-"
	}
	return string(list[i].Status) + "/" + list[i].Reason
}

//go:fix inline
