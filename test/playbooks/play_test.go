// SPDX-License-Identifier: Apache-2.0

package playbooks

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
)

// installed puts a program into a namespace of its own, and makes a world of it.
func installed(t *testing.T, c client.Client, s story) *world {
	t.Helper()
	namespace := newNamespace(t, c)
	mustHelm(t, merged(s.Required, s.Chosen), "install", "adoption", chart, "--namespace", namespace)
	return newWorld(t, c, namespace, s)
}

// Every program goes from its first day to the end, as its story says: each change of
// state once, on its day, and none while a source is away.
func TestProgramsGoAsTheirStoriesSay(t *testing.T) {
	c := people
	for _, name := range programs(t) {
		t.Run(name, func(t *testing.T) {
			s := readStory(t, name)
			w := installed(t, c, s)
			w.wantColumns(s)
			w.playAndWatch(s)
			if !slices.Equal(w.told, s.Events) {
				t.Errorf("told:\n- %s\ninstead of:\n- %s", strings.Join(w.told, "\n- "), strings.Join(s.Events, "\n- "))
			}
			w.wantTheEnd()
			w.wantBarriersSeenAndGone()
			w.wantNothingOnMissingDays(s)
		})
	}
}

// wantColumns has every query recorded, and nothing else.
func (w *world) wantColumns(s story) {
	w.t.Helper()
	var queries []string
	for _, use := range adoption.Queries(w.program) {
		if use.Query.ConfigMap == nil {
			queries = append(queries, use.Path)
		}
	}
	recorded := slices.Sorted(maps.Keys(asked(s.days)))
	if slices.Sort(queries); !slices.Equal(queries, recorded) {
		w.t.Fatalf("recorded are %q, and it asks %q", recorded, queries)
	}
}

// wantTheEnd has all phases achieved, in the order in which they depend on each other.
func (w *world) wantTheEnd() {
	w.t.Helper()
	if w.program.Status.State != v1alpha1.ProgramSustaining {
		w.t.Errorf("the program ends %s: %s", w.program.Status.State, w.program.Status.Summary)
	}
	for _, p := range w.phases {
		if p.Status.State != v1alpha1.PhaseAchieved || p.Status.Attempt != 1 {
			w.t.Errorf("phase %s ends %s in attempt %d: %s", p.Name, p.Status.State, p.Status.Attempt, p.Status.Summary)
			continue
		}
		for _, d := range p.Spec.DependsOn {
			if before := w.phase(string(d)); p.Status.StartedAt.Before(before.Status.AchievedAt) {
				w.t.Errorf("phase %s started before %s was achieved", p.Name, before.Name)
			}
		}
		if len(p.Status.Approvals) != len(p.Spec.Gates) {
			w.t.Errorf("phase %s has %d gates and %d approvals", p.Name, len(p.Spec.Gates), len(p.Status.Approvals))
		}
	}
	if len(w.phases) < 3 {
		w.t.Errorf("there are only %d phases", len(w.phases))
	}
}

// wantBarriersSeenAndGone has every barrier of the chart open at some time, and resolved
// in the end.
func (w *world) wantBarriersSeenAndGone() {
	w.t.Helper()
	detected := 0
	for _, b := range w.barriers {
		if b.Spec.Cause != nil {
			continue // the operator's own
		}
		if b.Status.OpenedAt == nil || b.Status.State != v1alpha1.BarrierResolved {
			w.t.Errorf("barrier %s was opened at %v and ends %s: %s", b.Name, b.Status.OpenedAt, b.Status.State, b.Status.Summary)
		}
		if b.Spec.Detect != nil {
			detected++
		}
	}
	if detected == 0 {
		w.t.Error("no barrier is detected by measurement")
	}
}

// wantNothingOnMissingDays has a story with days on which something was not answered, and
// nothing that happened on them.
func (w *world) wantNothingOnMissingDays(s story) {
	w.t.Helper()
	missing := 0
	for i, d := range s.days {
		if len(d.answers) == len(w.segmented) {
			continue
		}
		missing++
		prefix := d.start.Format("2006-01-02 ")
		for _, event := range w.told {
			if strings.HasPrefix(event, prefix) {
				w.t.Errorf("on a day with missing data: %s", event)
			}
		}
		if i == 0 || i == len(s.days)-1 {
			w.t.Error("the data is missing at the edge, not in the middle")
		}
	}
	if missing < 3 {
		w.t.Errorf("data is missing on %d days only", missing)
	}
}

// playAndWatch plays a story. While something is not answered, no phase that asks for it
// counts a check; it does count those before and after.
func (w *world) playAndWatch(s story) {
	w.t.Helper()
	checked, moved := 0, 0
	before := w.windows()
	for i, d := range s.days {
		w.play(story{days: s.days[i : i+1], People: s.People})
		after := w.windows()
		for _, p := range w.phases {
			same := reflect.DeepEqual(before[p.Name], after[p.Name])
			switch {
			case w.asksForMissing(p, d) && !same:
				w.t.Errorf("%s: phase %s goes from %v to %v", d.start, p.Name, before[p.Name], after[p.Name])
			case w.asksForMissing(p, d) && after[p.Name].hold != "":
				checked++
			case !same:
				moved++
			}
		}
		before = after
	}
	if checked == 0 || moved == 0 {
		w.t.Errorf("no phase was holding while data was missing (%d), or none ever moved (%d)", checked, moved)
	}
}

// windows of a phase: what its checks are.
type windows struct {
	state         v1alpha1.PhaseState
	hold, sustain string
}

func (w *world) windows() map[string]windows {
	found := map[string]windows{}
	for _, p := range w.phases {
		found[p.Name] = windows{state: p.Status.State, hold: window(p.Status.Hold), sustain: window(p.Status.Sustain)}
	}
	return found
}

func window(c *v1alpha1.CheckWindow) string {
	if c == nil {
		return ""
	}
	return fmt.Sprint(c.Since, c.Through, c.Checks)
}

// asksForMissing reports whether a metric of the phase's targets was not answered on a day.
func (w *world) asksForMissing(p *v1alpha1.Phase, d day) bool {
	for _, use := range adoption.Queries(w.program) {
		if _, answered := d.answers[use.Path]; answered || use.Query.ConfigMap != nil {
			continue
		}
		for _, target := range p.Spec.Targets {
			if strings.HasPrefix(use.Path, "spec.metrics["+string(target.Metric)+"]") {
				return true
			}
		}
	}
	return false
}

// The stories are such that it matters: an operator that took for zero what is not
// answered, and the last answer for what it is divided by, would tell something else.
func TestMissingDataReadAsZeroWouldTellAnotherStory(t *testing.T) {
	c := people
	for _, name := range programs(t) {
		t.Run(name, func(t *testing.T) {
			s := readStory(t, name)
			w := installed(t, c, s)
			for i := 1; i < len(s.days); i++ {
				s.days[i].answers = zeros(s.days[i].answers, s.days[i-1].answers)
			}
			w.play(s)
			if slices.Equal(w.told, s.Events) {
				t.Error("nothing depends on the missing days")
			}
		})
	}
}

// zeros fills in what was not answered, by what was answered the day before.
func zeros(answers, before map[string][]adoption.Row) map[string][]adoption.Row {
	filled := maps.Clone(answers)
	for path, rows := range before {
		if _, answered := answers[path]; answered {
			continue
		}
		filled[path] = slices.Clone(rows)
		divides := slices.ContainsFunc([]string{"population.query", ".denominator", ".legacy", ".heartbeat"}, func(end string) bool {
			return strings.HasSuffix(path, end)
		})
		for i := range rows {
			if !divides {
				filled[path][i].Value = 0
			}
		}
	}
	return filled
}
