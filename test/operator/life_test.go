// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/demo"
	"github.com/uptake-dev/uptake/internal/operator"
)

const pilotPhase = `
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: pilot}
spec:
  programRef: {name: services}
  targets: [{metric: adopted, atLeast: "30%"}]
  sustain: {for: 1s}
`

func inState(t testing.TB, namespace, name string, state v1alpha1.PhaseState) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("phase %s is %s", name, state), func() bool {
		return phase(t, namespace, name).Status.State == state
	}, func() string { return asJSON(phase(t, namespace, name).Status) })
}

// stays watches something for some polls in which it must not change.
func stays(t testing.TB, what func() string) {
	t.Helper()
	for before, end := what(), time.Now().Add(4*time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if now := what(); now != before {
			t.Fatalf("it changed from %s to %s", before, now)
		}
	}
}

func TestAProgramThatIsDeletedFreezesItsPhases(t *testing.T) {
	one := shareOperator(t)
	namespace := newNamespace(t)
	services(t, namespace, 1)
	apply(t, namespace, program+"---"+pilotPhase)
	inState(t, namespace, "pilot", v1alpha1.PhaseActive)
	started := phase(t, namespace, "pilot").Status.StartedAt
	gone := theProgram(t, namespace, "services")
	if err := people.Delete(t.Context(), &gone); err != nil {
		t.Fatal(err)
	}
	waitForCondition(t, namespace, "Phase", "pilot", "Reconciling", `True/ProgramNotFound: spec.programRef.name: there is no AdoptionProgram "services"`)
	services(t, namespace, 5)
	stays(t, func() string { return string(phase(t, namespace, "pilot").Status.State) })
	eventually(t, patience, "no metric of the program is left", func() bool {
		for _, m := range append(one.samples(t, "uptake_metric_value"), one.samples(t, "uptake_phase_state")...) {
			if labelOf(m, "namespace") == namespace && labelOf(m, "metric") != "" {
				return false
			}
		}
		return true
	}, func() string { return "" })

	apply(t, namespace, program)
	achieved(t, namespace, "pilot")
	p := phase(t, namespace, "pilot")
	if !p.Status.StartedAt.Equal(started) || p.Status.Transitions[0].Number != 1 || len(p.Status.Transitions) != 3 {
		t.Errorf("it should go on where it was: %s", asJSON(p.Status))
	}
	waitForCondition(t, namespace, "Phase", "pilot", "Reconciling", "")
}

func TestAPhaseThatIsCreatedAgainStartsAnew(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	services(t, namespace, 5)
	apply(t, namespace, program+"---"+pilotPhase)
	achieved(t, namespace, "pilot")
	remove := func() {
		t.Helper()
		p := phase(t, namespace, "pilot")
		if err := people.Delete(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
	}
	services(t, namespace, 2)
	remove()
	apply(t, namespace, pilotPhase)
	inState(t, namespace, "pilot", v1alpha1.PhaseActive)
	stays(t, func() string { return string(phase(t, namespace, "pilot").Status.State) })
	if p := phase(t, namespace, "pilot"); p.Status.AchievedAt != nil || p.Status.Transitions[0].Number != 1 || p.Status.Attempt != 1 {
		t.Errorf("it remembers its predecessor: %s", asJSON(p.Status))
	}
	remove()
	services(t, namespace, 5)
	apply(t, namespace, pilotPhase+"  checkpoint: {achievedAt: \"2026-01-15\"}\n")
	achieved(t, namespace, "pilot")
	p := phase(t, namespace, "pilot")
	if len(p.Status.Transitions) != 1 || p.Status.Transitions[0].Reason != v1alpha1.ReasonCheckpoint || p.Status.AchievedAt.Format(time.DateOnly) != "2026-01-15" {
		t.Errorf("it should be achieved by its checkpoint: %s", asJSON(p.Status))
	}
}

// TestANamespaceThatIsDeletedCausesNoErrors drives a story on in a namespace that
// takes no new objects any more, and then lets it go.
func TestANamespaceThatIsDeletedCausesNoErrors(t *testing.T) {
	one := shareOperator(t)
	namespace := newNamespace(t)
	services(t, namespace, 5)
	apply(t, namespace, program+"---"+pilotPhase)
	achieved(t, namespace, "pilot")
	ns := &corev1.Namespace{}
	ns.Name = namespace
	if err := people.Delete(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	// A regression, with an event and a barrier that cannot be created.
	if err := people.DeleteAllOf(t.Context(), &corev1.Service{}, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	inState(t, namespace, "pilot", v1alpha1.PhaseRegressed)
	stays(t, func() string { return string(phase(t, namespace, "pilot").Status.State) })
	empty(t, namespace)
	clients, err := kubernetes.NewForConfig(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	if ns, err = clients.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	ns.Spec.Finalizers = nil // as the namespace controller does
	if _, err := clients.CoreV1().Namespaces().Finalize(t.Context(), ns, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "nothing of it is left", func() bool {
		for _, m := range one.samples(t, "uptake_phase_state") {
			if labelOf(m, "namespace") == namespace {
				return false
			}
		}
		return true
	}, func() string { return "" })
	if about := one.errorsAbout(namespace); len(about) > 0 {
		t.Errorf("%d errors were logged, such as %s", len(about), about[0])
	}
}

// TestAStormOfEditsChangesNothing annotates every object fifty times a second
// while the story goes on: the same transitions, each with one event.
func TestAStormOfEditsChangesNothing(t *testing.T) {
	one := shareOperator(t)
	namespace := newNamespace(t)
	journal := watchNamespace(t, namespace)
	services(t, namespace, 1)
	apply(t, namespace, program+"---"+crashStory)
	storm, end := context.WithCancel(t.Context())
	var edits atomic.Int64
	var ended sync.WaitGroup
	for name, o := range map[string]client.Object{
		"first": &v1alpha1.Phase{}, "second": &v1alpha1.Phase{}, "too-few": &v1alpha1.Barrier{}, "services": &v1alpha1.AdoptionProgram{},
	} {
		o.SetNamespace(namespace)
		o.SetName(name)
		ended.Go(func() { annotate(storm, t, o, &edits) })
	}
	began := time.Now()
	playCrashStory(t, namespace, journal)
	end()
	ended.Wait()
	passed := time.Since(began)
	judge(t, journal)
	t.Logf("%d edits in %s", edits.Load(), passed.Round(time.Second))
	if perSecond := float64(edits.Load()) / passed.Seconds(); perSecond < 10 {
		t.Errorf("%.0f edits a second are no storm", perSecond)
	}
	if about := one.errorsAbout(namespace); len(about) > 0 {
		t.Errorf("%d errors were logged, such as %s", len(about), about[0])
	}
}

// annotate edits an object, as often as makes fifty a second of four.
func annotate(ctx context.Context, t testing.TB, o client.Object, edits *atomic.Int64) {
	t.Helper()
	tick := time.NewTicker(80 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"example.com/storm":"%d"}}}`, n)
		err := people.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(patch)))
		if err == nil {
			edits.Add(1)
		} else if ctx.Err() == nil {
			t.Error(err)
		}
	}
}

// wire carries an operator's connections and can be cut, which is how the rest of
// the world sees that the operator was killed: it writes nothing, and does not
// give its lease back.
type wire struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return nil, errors.New("the wire is cut")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		w.conns = append(w.conns, conn)
	}
	return conn, err
}

func (w *wire) cutNow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for _, conn := range w.conns {
		_ = conn.Close()
	}
}

// candidate is an operator that works only while it leads.
func candidate(t testing.TB) (*watched, *wire) {
	t.Helper()
	one, line, credentials := &watched{}, &wire{}, rest.CopyConfig(asOperator)
	credentials.Dial = line.dial
	one.instance = runOperator(t, credentials, func(o *operator.Options) { one.options(o); o.LeaderElection = true })
	t.Cleanup(one.stop)
	return one, line
}

var electionPaths = map[string]string{
	"AdoptionProgram services": "Planned > Active > Sustaining",
	"Phase one":                "Waiting > Active > Holding > Achieved",
	"Phase two":                "Waiting > Active > Holding > Achieved",
	"Phase three":              "Waiting > Active > Holding > Achieved",
}

const electionStory = `
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: one}
spec:
  programRef: {name: services}
  targets: [{metric: adopted, atLeast: "30%"}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: two}
spec:
  programRef: {name: services}
  dependsOn: [one]
  targets: [{metric: adopted, atLeast: "50%"}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: three}
spec:
  programRef: {name: services}
  dependsOn: [two]
  targets: [{metric: adopted, atLeast: "70%"}]
`

// TestOfSeveralOperatorsOneWorks plays a story under a leader, under the one that
// takes over when the first ends, and under the one that takes over when the
// second is cut off without having given its lease back.
func TestOfSeveralOperatorsOneWorks(t *testing.T) {
	namespace := newNamespace(t)
	journal := watchNamespace(t, namespace)
	services(t, namespace, 3)
	apply(t, namespace, program+"---"+electionStory)
	first, _ := candidate(t)
	reach := reacher(t, journal)
	reach("Phase one", electionPaths["Phase one"])
	reach("Phase two", "Waiting > Active")
	second, line := candidate(t)
	polled := first.polls(t, "objects")
	eventually(t, patience, "the first goes on", func() bool { return first.polls(t, "objects") > polled+3 }, func() string { return "" })
	if n := second.polls(t, "objects"); n != 0 {
		t.Errorf("the second polled %d times while the first leads", n)
	}

	first.stop()
	services(t, namespace, 5)
	reach("Phase two", electionPaths["Phase two"])
	reach("Phase three", "Waiting > Active")
	third, _ := candidate(t)
	if third.polls(t, "objects") != 0 {
		t.Error("the third polls while the second leads")
	}

	line.cutNow()
	services(t, namespace, 7)
	reach("Phase three", electionPaths["Phase three"])
	reach("AdoptionProgram services", electionPaths["AdoptionProgram services"])
	if err := <-second.ended; err == nil || !strings.Contains(err.Error(), "leader election lost") {
		t.Errorf("an operator that has lost its lease should end: %v", err)
	}
	second.ended = nil
	polled = third.polls(t, "objects")
	eventually(t, patience, "the third works", func() bool { return third.polls(t, "objects") > polled }, func() string { return "" })
	judgeBy(t, journal, electionPaths)
}

func reacher(t testing.TB, journal *demo.Journal) func(object, path string) {
	return func(object, path string) {
		t.Helper()
		eventually(t, patience, object+" to go "+path, func() bool { return journal.Path(object) == path }, func() string { return journal.Path(object) })
	}
}

func judgeBy(t testing.TB, journal *demo.Journal, paths map[string]string) {
	t.Helper()
	var err error
	for range 100 { // the events of the last transitions are on their way
		if err = journal.Judge(paths); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error(err)
}

const gadgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.later.example.com}
spec:
  group: later.example.com
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget, listKind: GadgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
`

const gadgetProgram = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: gadgets}
spec:
  objective: No gadget is left
  interval: 1s
  metrics:
  - name: gadgets
    dimension: RouteShare
    direction: Decrease
    query: {objects: {apiVersion: later.example.com/v1, kind: Gadget, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: gone}
spec:
  programRef: {name: gadgets}
  targets: [{metric: gadgets, atMost: "0"}]
`

// TestAKindThatComesLaterAndGoesIsNeverZero counts a kind whose
// CustomResourceDefinition comes after the program and goes before it.
func TestAKindThatComesLaterAndGoesIsNeverZero(t *testing.T) {
	one := shareOperator(t)
	namespace := newNamespace(t)
	journal := watchNamespace(t, namespace)
	apply(t, namespace, gadgetProgram)
	metric := func() v1alpha1.MetricStatus {
		if m := theProgram(t, namespace, "gadgets").Status.Metrics; len(m) == 1 {
			return m[0]
		}
		return v1alpha1.MetricStatus{}
	}
	unknown := func() {
		t.Helper()
		eventually(t, patience, "it is unknown because the kind is not served", func() bool {
			return strings.Contains(metric().Unknown, "does not serve the kind Gadget")
		}, func() string { return asJSON(metric()) })
		waitForCondition(t, namespace, "AdoptionProgram", "gadgets", "SourcesHealthy", "False/QueryFailing")
		waitForCondition(t, namespace, "AdoptionProgram", "gadgets", "Reconciling", "True/NotServed")
	}
	unknown()
	reacher(t, journal)("Phase gone", "Waiting > Active")

	crd := parse(t, "", gadgets)[0]
	create(t, crd)
	deleteAfter(t, crd)
	for i := range 3 {
		gadget := parse(t, namespace, fmt.Sprintf("{apiVersion: later.example.com/v1, kind: Gadget, metadata: {name: gadget-%d}}", i))[0]
		eventually(t, patience, "the new kind is served", func() bool {
			return client.IgnoreAlreadyExists(people.Create(t.Context(), gadget)) == nil
		}, func() string { return "" })
	}
	waitForCondition(t, namespace, "AdoptionProgram", "gadgets", "Reconciling", "True/AccessDenied")
	mayCount(t, "later.example.com", "gadgets", namespace)
	value := func(want string) {
		t.Helper()
		eventually(t, patience, want+" gadgets", func() bool { m := metric(); return m.Value == want && m.Unknown == "" }, func() string { return asJSON(metric()) })
	}
	value("3")
	waitForCondition(t, namespace, "AdoptionProgram", "gadgets", "SourcesHealthy", "True/Answering")
	waitForCondition(t, namespace, "AdoptionProgram", "gadgets", "Reconciling", "")

	if err := people.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	unknown()
	stays(t, func() string { return journal.Path("Phase gone") + metric().Value })
	if path := journal.Path("Phase gone"); path != "Waiting > Active" {
		t.Errorf("a kind that is gone was taken for none left: %s", path)
	}
	if m := metric(); m.Value != "3" {
		t.Errorf("the last good value should stay: %s", asJSON(m))
	}
	if about := one.errorsAbout(namespace); len(about) > 0 {
		t.Errorf("%d errors were logged, such as %s", len(about), about[0])
	}
}
