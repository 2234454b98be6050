// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/operator"
	"github.com/uptake-dev/uptake/test/internal/paralleltest"
)

const (
	quietPrograms   = 1000
	quietNamespaces = 40
	// quietQueries is how many different questions they ask.
	quietQueries  = 20
	quietInterval = 5 * time.Second
)

// quickly is a client for preparations of a size that people never have.
func quickly(t testing.TB) client.Client {
	t.Helper()
	config := rest.CopyConfig(plane.Config)
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: people.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// quietProgram is a program that counts the Services of one group, of ten.
func quietProgram(namespace, counted string, i int) (*v1alpha1.AdoptionProgram, *v1alpha1.Phase) {
	count := int64(10)
	program := &v1alpha1.AdoptionProgram{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("program-%04d", i)},
		Spec: v1alpha1.AdoptionProgramSpec{
			Objective: "Ten services", Interval: v1alpha1.Duration(quietInterval.String()),
			Accountability: &v1alpha1.Accountability{ExecutiveSponsor: "CIO", ProgramOwner: "platform"},
			Population:     &v1alpha1.Population{Count: &count},
			Metrics: []v1alpha1.Metric{{
				Name: "adopted", Dimension: "Reach",
				Rate: &v1alpha1.Rate{Active: v1alpha1.Query{Objects: &v1alpha1.ObjectsQuery{
					APIVersion: "v1", Kind: "Service",
					LabelSelector:     &metav1.LabelSelector{MatchLabels: map[string]string{"group": fmt.Sprint(i % quietQueries)}},
					NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": counted}},
				}}},
			}},
		},
	}
	phase := &v1alpha1.Phase{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: program.Name + "-phase"},
		Spec: v1alpha1.PhaseSpec{
			ProgramRef: v1alpha1.LocalRef{Name: v1alpha1.ObjectName(program.Name)},
			Targets:    []v1alpha1.Target{{Metric: "adopted", AtLeast: "30%"}},
			Sustain:    &v1alpha1.Sustain{For: "1d", Margin: "5%"},
			// Achieved at once, so that the way there is short.
			Checkpoint: &v1alpha1.Checkpoint{AchievedAt: "2026-01-01"},
		},
	}
	return program, phase
}

// groupServices brings the number of Services of each group to n.
func groupServices(t testing.TB, c client.Client, namespace string, n int) {
	t.Helper()
	paralleltest.Do(t, quietQueries*10, func(i int) error {
		group, number := i%quietQueries, i/quietQueries
		s := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprintf("service-%d-%d", group, number),
				Labels: map[string]string{"group": fmt.Sprint(group)},
			},
			Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"},
		}
		if number < n {
			return client.IgnoreAlreadyExists(c.Create(t.Context(), s))
		}
		return client.IgnoreNotFound(c.Delete(t.Context(), s))
	})
}

// writes counts what the API server was asked to write, as it says itself: of our
// kinds and of events.
func writes(t testing.TB) int {
	t.Helper()
	clients, err := kubernetes.NewForConfig(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	total := scrape(t, func() (io.ReadCloser, error) {
		return clients.RESTClient().Get().AbsPath("/metrics").Stream(t.Context())
	}, func(series string) bool {
		if !strings.HasPrefix(series, "apiserver_request_total{") {
			return false
		}
		ours := strings.Contains(series, `group="uptake.dev"`) || strings.Contains(series, `resource="events"`)
		for _, verb := range []string{"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"} {
			if ours && strings.Contains(series, `verb="`+verb+`"`) {
				return true
			}
		}
		return false
	})
	return int(total)
}

// values gathers uptake_metric_value of every program.
func (w *watched) values(t testing.TB) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for _, m := range w.samples(t, "uptake_metric_value") {
		values[labelOf(m, "namespace")+"/"+labelOf(m, "program")] = m.GetGauge().GetValue()
	}
	return values
}

func all(values map[string]float64, want float64) bool {
	for _, v := range values {
		if v != want {
			return false
		}
	}
	return len(values) == quietPrograms
}

// TestAThousandProgramsWithNothingNewWriteNothing starts an operator over a
// thousand programs that were achieved before, and lets their values move within
// their targets. Every program takes in the new values, and the API server is not
// asked to write anything.
func TestAThousandProgramsWithNothingNewWriteNothing(t *testing.T) {
	namespaces, c := make([]string, quietNamespaces), quickly(t)
	for i := range namespaces {
		namespaces[i] = newNamespace(t)
	}
	counted := namespaces[0] // whose Services are counted
	groupServices(t, c, counted, 5)
	began := time.Now()
	program, phase := settleOne(t, c, counted)
	empty(t, counted)
	groupServices(t, c, counted, 5)
	paralleltest.Do(t, quietPrograms, func(i int) error {
		return createSettled(t, c, namespaces[i%quietNamespaces], counted, i, program, phase)
	})
	t.Logf("%d programs took %s to prepare", quietPrograms, time.Since(began).Round(time.Second))

	before := writes(t)
	one := startWatched(t)
	for _, n := range []int{5, 7, 4} { // 50%, 70%, then 40%: never below 30%
		pollsBefore, began := one.polls(t, "objects"), time.Now()
		groupServices(t, c, counted, n)
		eventually(t, patience, fmt.Sprintf("every program sees %d of 10", n), func() bool {
			time.Sleep(500 * time.Millisecond)
			return all(one.values(t), float64(n)/10) && time.Since(began) > quietInterval
		}, func() string { return fmt.Sprint(one.values(t)) })
		polled := one.polls(t, "objects") - pollsBefore
		t.Logf("%d of 10: %d polls, %d writes", n, polled, writes(t)-before)
		if polled < quietQueries {
			t.Errorf("there were %d polls of %d queries", polled, quietQueries)
		}
	}
	if wrote := writes(t) - before; wrote != 0 {
		t.Errorf("the API server was asked for %d writes while values only moved within their targets", wrote)
	}
	if about := one.errorsAbout(""); len(about) > 0 {
		t.Errorf("%d errors were logged, such as %s", len(about), about[0])
	}
	// That the count counts: a value beyond the target is written.
	change(t, &v1alpha1.Phase{}, counted, phase.Name, `{"spec":{"targets":[{"metric":"adopted","atLeast":"90%"}]}}`)
	eventually(t, patience, "a write", func() bool { return writes(t) > before }, func() string { return "" })
}

// startWatched runs an operator that the API server alone slows down.
func startWatched(t testing.TB) *watched {
	t.Helper()
	one, credentials := &watched{}, rest.CopyConfig(asOperator)
	credentials.QPS = -1
	one.instance = runOperator(t, credentials, func(o *operator.Options) { one.options(o); o.MaxConcurrentReconciles = 8 })
	t.Cleanup(one.stop)
	return one
}

// settleOne has an operator work one program until it has nothing more to write.
func settleOne(t testing.TB, c client.Client, namespace string) (*v1alpha1.AdoptionProgram, *v1alpha1.Phase) {
	t.Helper()
	program, stage := quietProgram(namespace, namespace, 0)
	for _, o := range []client.Object{program, stage} {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	one := startWatched(t)
	before, quietSince := writes(t), time.Now()
	eventually(t, patience, "the first program has settled", func() bool {
		time.Sleep(200 * time.Millisecond)
		if now := writes(t); now != before {
			before, quietSince = now, time.Now()
		}
		*program = theProgram(t, namespace, program.Name)
		return program.Status.State == v1alpha1.ProgramSustaining && program.Status.Adoption == "50%" && time.Since(quietSince) > quietInterval
	}, func() string { return asJSON(program.Status) })
	one.stop()
	*program, *stage = theProgram(t, namespace, program.Name), phase(t, namespace, stage.Name)
	return program, stage
}

// createSettled creates a program with what an operator wrote about another, an
// hour ago.
func createSettled(t testing.TB, c client.Client, namespace, counted string, i int, ofProgram *v1alpha1.AdoptionProgram, ofPhase *v1alpha1.Phase) error {
	t.Helper()
	program, phase := quietProgram(namespace, counted, i)
	for _, o := range []client.Object{program, phase} {
		if err := c.Create(t.Context(), o); err != nil {
			return err
		}
	}
	ofProgram.Status.DeepCopyInto(&program.Status)
	ofPhase.Status.DeepCopyInto(&phase.Status)
	for _, ring := range [][]v1alpha1.TransitionStatus{program.Status.Transitions, phase.Status.Transitions} {
		for j := range ring { // older than what is announced once more
			ring[j].Time = metav1.NewTime(ring[j].Time.Add(-time.Hour))
		}
	}
	for _, o := range []client.Object{program, phase} {
		if err := c.Status().Update(t.Context(), o); err != nil {
			return err
		}
	}
	return nil
}
