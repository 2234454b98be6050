// SPDX-License-Identifier: Apache-2.0

package playbooks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/configmap"
)

// pollEvery is how often the operator of a story asks.
const pollEvery = 6 * time.Hour

// world plays a story: the program as the API server holds it, a clock, and an operator
// that stores what the core decides.
type world struct {
	t        *testing.T
	now      time.Time
	program  *v1alpha1.AdoptionProgram
	phases   []*v1alpha1.Phase
	barriers []*v1alpha1.Barrier
	maps     map[string]*corev1.ConfigMap
	// segmented says of each recorded query whether it has segments.
	segmented map[string]bool
	measured  map[string]adoption.Measurement
	// told are all transitions with their days, in order.
	told []string
	// readings of the newest step.
	readings map[string]adoption.Reading
}

// newWorld takes over what is installed in a namespace.
func newWorld(t *testing.T, c client.Client, namespace string, s story) *world {
	t.Helper()
	w := &world{
		t: t, now: s.days[0].start, maps: map[string]*corev1.ConfigMap{}, segmented: asked(s.days),
		measured: map[string]adoption.Measurement{}, program: &v1alpha1.AdoptionProgram{},
	}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: s.name}, w.program); err != nil {
		t.Fatal(err)
	}
	var phases v1alpha1.PhaseList
	var barriers v1alpha1.BarrierList
	var maps corev1.ConfigMapList
	for _, list := range []client.ObjectList{&phases, &barriers, &maps} {
		if err := c.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range phases.Items {
		w.phases = append(w.phases, &phases.Items[i])
	}
	for i := range barriers.Items {
		w.barriers = append(w.barriers, &barriers.Items[i])
	}
	for i := range maps.Items {
		w.maps[maps.Items[i].Name] = &maps.Items[i]
	}
	for _, o := range w.objects() {
		o.SetCreationTimestamp(metav1.NewTime(w.now))
	}
	return w
}

func (w *world) objects() []client.Object {
	all := []client.Object{w.program}
	for _, p := range w.phases {
		all = append(all, p)
	}
	for _, b := range w.barriers {
		all = append(all, b)
	}
	return all
}

// Get reads a ConfigMap as the operator would.
func (w *world) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	found, ok := w.maps[key.Name]
	if !ok {
		return fmt.Errorf("there is no ConfigMap %s", key.Name)
	}
	found.DeepCopyInto(object.(*corev1.ConfigMap))
	return nil
}

// play lets the days pass, and checks after each poll what has to hold at any time.
func (w *world) play(s story) {
	w.t.Helper()
	for _, d := range s.days {
		for hour := time.Duration(0); hour < 24*time.Hour; hour += pollEvery {
			w.now = d.start.Add(hour)
			if hour == 12*time.Hour {
				w.act(s.People, d)
			}
			w.poll(d)
			w.settle()
		}
	}
}

// act does what people do on a day.
func (w *world) act(people []act, d day) {
	w.t.Helper()
	for _, a := range people {
		if a.Day != d.start.Format(time.DateOnly) {
			continue
		}
		switch {
		case a.Approve != "":
			phase := w.phase(a.Phase)
			metav1.SetMetaDataAnnotation(&phase.ObjectMeta, v1alpha1.ApprovalAnnotationPrefix+a.Approve, "jo@example.com")
		case a.Resolve != "":
			b := w.barrier(a.Resolve)
			b.Spec.Resolution = &v1alpha1.Resolution{State: v1alpha1.ResolutionResolved}
			b.Generation++
		default:
			w.t.Fatalf("on %s nothing is done", a.Day)
		}
	}
}

func (w *world) phase(name string) *v1alpha1.Phase {
	w.t.Helper()
	i := slices.IndexFunc(w.phases, func(p *v1alpha1.Phase) bool { return p.Name == name })
	if i < 0 {
		w.t.Fatalf("there is no phase %q", name)
	}
	return w.phases[i]
}

func (w *world) barrier(name string) *v1alpha1.Barrier {
	w.t.Helper()
	i := slices.IndexFunc(w.barriers, func(b *v1alpha1.Barrier) bool { return b.Name == name })
	if i < 0 {
		w.t.Fatalf("there is no barrier %q", name)
	}
	return w.barriers[i]
}

// poll asks every query once: ConfigMaps of their driver, all others of what is recorded.
func (w *world) poll(d day) {
	w.t.Helper()
	for _, use := range adoption.Queries(w.program) {
		m := w.measured[use.Path]
		m.Interval = pollEvery
		rows, answered := d.answers[use.Path]
		switch {
		case use.Query.ConfigMap != nil:
			m = w.read(use.Query.ConfigMap)
		case answered:
			m = w.answer(use, rows)
		default:
			m.Problem = failed(m.Problem, w.now)
		}
		w.measured[use.Path] = m
	}
}

func failed(before *adoption.Problem, now time.Time) *adoption.Problem {
	p := adoption.Problem{Message: "connection refused", Failures: 1, Since: now}
	if before != nil {
		p.Failures, p.Since = before.Failures+1, before.Since
	}
	return &p
}

// answer is a measurement as the scheduler would pass it on.
func (w *world) answer(use adoption.QueryUse, recorded []adoption.Row) adoption.Measurement {
	m := adoption.Measurement{
		At: w.now, Interval: pollEvery, Segmented: w.segmented[use.Path],
		Complete: use.Query.Objects != nil, // a watch knows everything there is
	}
	for _, row := range recorded {
		if use.Query.SourceSelector != nil {
			row.From = w.sourcesOf(use, row)
			m.Sources = append(m.Sources, row.From...)
		}
		m.Rows = append(m.Rows, row)
	}
	slices.SortFunc(m.Rows, func(a, b adoption.Row) int { return strings.Compare(a.Segment, b.Segment) })
	slices.Sort(m.Sources)
	m.Sources = slices.Compact(m.Sources)
	return m
}

// sourcesOf are those that were added up for a row: the one it is named after where a
// source is a segment, or all of them.
func (w *world) sourcesOf(use adoption.QueryUse, row adoption.Row) []string {
	if by := use.SegmentBy(w.program); by != nil && by.Source != "" || use.Alive {
		return []string{row.Segment}
	}
	return []string{"cluster-east", "cluster-west"}
}

func (w *world) read(q *v1alpha1.ConfigMapQuery) adoption.Measurement {
	w.t.Helper()
	asker := configmap.New(w, w.program.Namespace, string(q.Name), q.Key, time.UTC, func() time.Time { return w.now })
	answer, err := asker.Ask(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return measurement(answer, w.now)
}

func measurement(a source.Answer, at time.Time) adoption.Measurement {
	m := adoption.Measurement{At: at, Interval: pollEvery, Segmented: a.Segmented, Complete: a.Complete}
	for _, row := range a.Rows {
		m.Rows = append(m.Rows, adoption.Row{
			Segment: row.Segment, Value: row.Value, Percent: row.Percent, Unknown: row.Unknown, Expires: row.Expires,
		})
	}
	return m
}

// settle steps until nothing is written any more.
func (w *world) settle() {
	w.t.Helper()
	for range 20 {
		if !w.step() {
			return
		}
	}
	w.t.Fatalf("not settled after 20 steps at %s; told so far:\n%s", w.now, strings.Join(w.told, "\n"))
}

// step decides once, stores what is to be written, and says whether anything was.
func (w *world) step() (wrote bool) {
	w.t.Helper()
	out := adoption.Step(adoption.Snapshot{
		Program: w.program, ProgramName: w.program.Name, Phases: w.phases, Barriers: w.barriers,
		Measurements: w.measured, DisplayEvery: 10 * time.Minute,
	}, w.now)
	w.readings = out.Readings
	for _, o := range out.Phases {
		w.stored("Phase", o.Phase, o.Phase.Status.Transitions, o.Status.Transitions, o.Status.Conditions)
		if o.Write {
			wrote, o.Phase.Status = true, o.Status
		}
	}
	for _, o := range out.Barriers {
		w.stored("Barrier", o.Barrier, o.Barrier.Status.Transitions, o.Status.Transitions, o.Status.Conditions)
		if o.Write {
			wrote, o.Barrier.Status = true, o.Status
		}
	}
	p := out.Program
	w.stored("Program", w.program, w.program.Status.Transitions, p.Status.Transitions, p.Status.Conditions)
	if p.Write {
		wrote, w.program.Status = true, p.Status
	}
	for _, b := range out.Open {
		b.UID, b.Generation, b.CreationTimestamp = types.UID(b.Name), 1, metav1.NewTime(w.now)
		b.Status.ObservedGeneration = -1
		w.barriers = append(w.barriers, b)
	}
	return wrote || len(out.Open) > 0
}

// stored notes what changed, and that there is nothing wrong with the spec: a metric,
// phase or gate that does not exist would make it Stalled.
func (w *world) stored(kind string, object client.Object, before, after []v1alpha1.TransitionStatus, conditions []metav1.Condition) {
	w.t.Helper()
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled); c != nil {
		w.t.Fatalf("%s: %s %s is stalled: %s", w.now, kind, object.GetName(), c.Message)
	}
	fresh := number(after) - number(before)
	if fresh == 0 {
		return
	}
	last := after[len(after)-1]
	if fresh != 1 || !last.Time.Time.Equal(w.now) {
		w.t.Fatalf("%s: %s %s tells %d changes at once: %v", w.now, kind, object.GetName(), fresh, after)
	}
	w.told = append(w.told, fmt.Sprintf("%s %s %s: %s -> %s (%s)", w.now.Format(time.DateOnly), kind, object.GetName(), last.From, last.To, last.Reason))
}

func number(ring []v1alpha1.TransitionStatus) int64 {
	if len(ring) == 0 {
		return 0
	}
	return ring[len(ring)-1].Number
}
