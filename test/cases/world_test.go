// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/manifest"
)

const (
	// patience is how long is waited for what takes seconds: others use the machine too.
	patience = 2 * time.Minute
	// someTurns is long enough for several polls, which come every second.
	someTurns = 4 * time.Second
)

// world is the namespace of a case.
type world struct {
	*testing.T
	namespace string
}

// begin makes a namespace for a case that runs beside the others.
func begin(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "case-"}}
	if err := people.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, namespace: ns.Name}
	t.Cleanup(w.end)
	return w
}

// end deletes what an operator would work for ever.
func (w *world) end() {
	for _, kind := range []client.Object{&v1alpha1.AdoptionProgram{}, &v1alpha1.Phase{}, &v1alpha1.Barrier{}, &v1alpha1.UsageSource{}} {
		if err := people.DeleteAllOf(context.WithoutCancel(w.Context()), kind, client.InNamespace(w.namespace)); err != nil {
			w.Error(err)
		}
	}
}

// object is a manifest of ours, of which the spec is given.
func object(kind, name, spec string) string {
	spec = strings.ReplaceAll(strings.Trim(spec, "\n"), "\n", "\n  ")
	return fmt.Sprintf("---\napiVersion: uptake.dev/v1alpha1\nkind: %s\nmetadata: {name: %s}\nspec:\n  %s\n", kind, name, spec)
}

func program(name, spec string) string {
	return object("AdoptionProgram", name, "objective: what a report tells\ninterval: 1s\n"+strings.Trim(spec, "\n"))
}

func phase(name, spec string) string {
	return object("Phase", name, strings.Trim(spec, "\n"))
}

// phaseOf is a phase of program p.
func phaseOf(name, spec string) string { return phase(name, "programRef: {name: p}\n"+spec) }

func source(name, kind, spec string) string {
	if !strings.Contains(spec, "adHoc:") {
		spec += "\nadHoc: Allowed\nsegmentNames: Any"
	}
	return object("UsageSource", name, "type: "+kind+"\ninterval: 1s\n"+strings.Trim(spec, "\n"))
}

// apply creates the objects of manifests.
func (w *world) apply(texts ...string) {
	w.Helper()
	if err := w.try(texts...); err != nil {
		w.Fatal(err)
	}
}

// try creates the objects of manifests up to the first that is refused.
func (w *world) try(texts ...string) error {
	w.Helper()
	text := strings.ReplaceAll(strings.Join(texts, ""), "NAMESPACE", w.namespace)
	objects, err := manifest.Read([]byte(text))
	if err != nil {
		w.Fatalf("%v\n%s", err, text)
	}
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		if err := people.Create(w.Context(), o); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// enter writes the ConfigMap numbers, as people do.
func (w *world) enter(data map[string]string) {
	w.Helper()
	entered := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "numbers"}, Data: data}
	err := people.Create(w.Context(), entered.DeepCopy())
	if client.IgnoreAlreadyExists(err) == nil && err != nil {
		err = people.Update(w.Context(), entered)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// change edits an object as people do, with a merge patch.
func (w *world) change(o client.Object, name, patch string) {
	w.Helper()
	o.SetNamespace(w.namespace)
	o.SetName(name)
	if err := people.Patch(w.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		w.Fatal(err)
	}
}

// secret lets sources use credentials.
func (w *world) secret(name string, data map[string]string) {
	w.Helper()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name, Labels: map[string]string{"uptake.dev/source-credentials": "true"}},
		StringData: data,
	}
	if err := people.Create(w.Context(), s); err != nil {
		w.Fatal(err)
	}
}

// requests are what a server was asked, in order.
type requests struct {
	mu    sync.Mutex
	asked []string
	times []time.Time
}

func (r *requests) list() ([]string, []time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked), slices.Clone(r.times)
}

// serve answers on the loopback until the test ends.
func (w *world) serve(answer http.HandlerFunc) (address string, seen *requests) {
	w.Helper()
	seen = &requests{}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		seen.mu.Lock()
		seen.asked, seen.times = append(seen.asked, r.Method+" "+r.URL.RequestURI()), append(seen.times, time.Now())
		seen.mu.Unlock()
		answer(out, r)
	}))
	w.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), seen
}

// get reads an object of the case.
func (w *world) get(o client.Object, name string) {
	w.Helper()
	if err := people.Get(w.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, o); err != nil {
		w.Fatal(err)
	}
}

func (w *world) program(name string) v1alpha1.AdoptionProgramStatus {
	w.Helper()
	var o v1alpha1.AdoptionProgram
	w.get(&o, name)
	return o.Status
}

func (w *world) phase(name string) v1alpha1.PhaseStatus {
	w.Helper()
	var o v1alpha1.Phase
	w.get(&o, name)
	return o.Status
}

func (w *world) metric(program, name string) v1alpha1.MetricStatus {
	w.Helper()
	for _, m := range w.program(program).Metrics {
		if m.Name == name {
			return m
		}
	}
	return v1alpha1.MetricStatus{}
}

// condition is "True/Reason: message" of an object; empty when it is absent.
func (w *world) condition(kind, name, of string) string {
	w.Helper()
	var list []metav1.Condition
	switch kind {
	case "Phase":
		list = w.phase(name).Conditions
	case "UsageSource":
		var o v1alpha1.UsageSource
		w.get(&o, name)
		list = o.Status.Conditions
	default:
		list = w.program(name).Conditions
	}
	for _, c := range list {
		if c.Type == of {
			return fmt.Sprintf("%s/%s: %s", c.Status, c.Reason, c.Message)
		}
	}
	return ""
}

// eventually waits, and fails with what describes the state.
func (w *world) eventually(what string, done func() bool, describe func() any) {
	w.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if done() {
			return
		}
	}
	text, _ := json.MarshalIndent(describe(), "", " ")
	w.Fatalf("not within %s: %s\n%s", patience, what, text)
}

// hasAll reports whether a text has all of some words.
func hasAll(text string, words []string) bool {
	return !slices.ContainsFunc(words, func(each string) bool { return !strings.Contains(text, each) })
}

// value waits until a metric is known and has a value.
func (w *world) value(program, metric, want string) {
	w.Helper()
	w.eventually(metric+" is "+want, func() bool {
		m := w.metric(program, metric)
		return m.Value == want && m.Unknown == ""
	}, func() any { return w.program(program) })
}

// unknown waits until a metric is not known, for a reason that has some words.
func (w *world) unknown(program, metric string, words ...string) string {
	w.Helper()
	w.eventually(fmt.Sprintf("%s is unknown: %q", metric, words), func() bool {
		m := w.metric(program, metric)
		return m.Unknown != "" && hasAll(m.Unknown, words)
	}, func() any { return w.program(program) })
	return w.metric(program, metric).Unknown
}

// told waits until a condition begins with a text and has some words.
func (w *world) told(kind, name, of, prefix string, words ...string) string {
	w.Helper()
	said := ""
	w.eventually(fmt.Sprintf("%s of %s %s is %s %q", of, kind, name, prefix, words), func() bool {
		said = w.condition(kind, name, of)
		return strings.HasPrefix(said, prefix) && hasAll(said, words)
	}, func() any { return said })
	return said
}

// failing waits until the program tells trouble of its data, which is no mistake of its.
func (w *world) failing(program string, words ...string) string {
	w.Helper()
	said := w.told("AdoptionProgram", program, "SourcesHealthy", "False/QueryFailing", words...)
	if stalled := w.condition("AdoptionProgram", program, "Stalled"); stalled != "" {
		w.Errorf("what an answer says is told as a mistake of the program: %s", stalled)
	}
	return said
}

func (w *world) achieved(name string) {
	w.Helper()
	w.eventually("phase "+name+" is achieved", func() bool {
		return w.phase(name).State == v1alpha1.PhaseAchieved
	}, func() any { return w.phase(name) })
}

// summarised waits until a phase says something.
func (w *world) summarised(name string, words ...string) v1alpha1.PhaseStatus {
	w.Helper()
	w.eventually(fmt.Sprintf("phase %s says %q", name, words), func() bool {
		return hasAll(w.phase(name).Summary, words)
	}, func() any { return w.phase(name) })
	return w.phase(name)
}

// path is the states that a phase went through, such as "Waiting > Active".
func (w *world) path(name string) string {
	w.Helper()
	var states []string
	for i, t := range w.phase(name).Transitions {
		if i == 0 && t.From != "" {
			states = append(states, t.From)
		}
		states = append(states, t.To)
	}
	return strings.Join(states, " > ")
}

// neverAchieved lets some polls go by, and fails when a phase ever was achieved.
func (w *world) neverAchieved(names ...string) {
	w.Helper()
	for _, name := range names { // a busy machine takes a while to start a phase
		for end := time.Now().Add(time.Minute); w.path(name) == "" && time.Now().Before(end); {
			time.Sleep(200 * time.Millisecond)
		}
	}
	time.Sleep(someTurns)
	for _, name := range names {
		if path := w.path(name); path == "" || strings.Contains(path, string(v1alpha1.PhaseAchieved)) {
			w.Errorf("phase %s went %s: %s", name, path, w.phase(name).Summary)
		}
	}
}

// nothingFalls lets some polls go by, and fails when a phase fell back or a barrier is there.
func (w *world) nothingFalls(names ...string) {
	w.Helper()
	time.Sleep(someTurns)
	for _, name := range names {
		if path := w.path(name); strings.Contains(path, string(v1alpha1.PhaseRegressed)) {
			w.Errorf("phase %s went %s: %s", name, path, w.phase(name).Summary)
		}
	}
	var barriers v1alpha1.BarrierList
	if err := people.List(w.Context(), &barriers, client.InNamespace(w.namespace)); err != nil {
		w.Fatal(err)
	}
	for _, b := range barriers.Items {
		w.Errorf("barrier %s: %s", b.Name, b.Status.Summary)
	}
}

func daysAgo(n int) string { return time.Now().UTC().AddDate(0, 0, -n).Format(time.DateOnly) }
