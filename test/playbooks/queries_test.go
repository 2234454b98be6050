// SPDX-License-Identifier: Apache-2.0

package playbooks

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/prometheustest"
	usage "github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/database"
	"github.com/uptake-dev/uptake/internal/source/httpjson"
	counting "github.com/uptake-dev/uptake/internal/source/objects"
	"github.com/uptake-dev/uptake/internal/source/prometheus"
)

// Every query can be asked: the driver that would ask it has nothing against it.
func TestQueriesCanBeAsked(t *testing.T) {
	objects := rendered(t, everything(t), "somewhere")
	sources := typed[v1alpha1.UsageSource](t, objects, "UsageSource")
	counter, err := counting.New(plane.Config, counting.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range programsOf(t, objects) {
		for _, use := range adoption.Queries(program) {
			switch {
			case use.Query.ConfigMap != nil: // its rows are read where the story is played
			case !adoption.IsExternal(use.Query):
				if _, err := counter.Query(*use.Query.Objects, use.SegmentBy(program)); err != nil {
					t.Errorf("%s: %s: %v", program.Name, use.Path, err)
				}
			default:
				asked := askedBy(t, program, use.Query, sources)
				if len(asked) == 0 {
					t.Errorf("%s: %s asks nobody", program.Name, use.Path)
				}
				for _, from := range asked {
					prepare(t, from, program, use)
				}
			}
		}
	}
}

// askedBy are the sources that a query asks.
func askedBy(t *testing.T, program *v1alpha1.AdoptionProgram, q *v1alpha1.Query, sources []*v1alpha1.UsageSource) []*v1alpha1.UsageSource {
	t.Helper()
	ref := adoption.EffectiveSource(program, q)
	return slices.DeleteFunc(slices.Clone(sources), func(from *v1alpha1.UsageSource) bool {
		if q.SourceSelector == nil {
			return ref == nil || from.Name != string(ref.Name)
		}
		selector, err := metav1.LabelSelectorAsSelector(q.SourceSelector.Selector)
		if err != nil {
			t.Fatal(err)
		}
		return !selector.Matches(labels.Set(from.Labels))
	})
}

// prepare has the source's driver look at a query. Nothing is sent.
func prepare(t *testing.T, from *v1alpha1.UsageSource, program *v1alpha1.AdoptionProgram, use adoption.QueryUse) {
	t.Helper()
	if use.Query.Named == nil && from.Spec.AdHoc != v1alpha1.AdHocAllowed {
		t.Errorf("%s: %s: %s allows named queries only", program.Name, use.Path, from.Name)
	}
	question := questionOf(t, from, use.Query)
	if by := use.SegmentBy(program); by != nil && by.Source == "" {
		question.SegmentBy = by
	}
	connection := connect(t, from)
	defer connection.Close()
	if _, err := connection.Asker(question); err != nil {
		t.Errorf("%s: %s: %s: %v", program.Name, use.Path, from.Name, err)
	}
}

// questionOf is what a query asks of a source.
func questionOf(t *testing.T, from *v1alpha1.UsageSource, q *v1alpha1.Query) usage.Question {
	t.Helper()
	if q.Named == nil {
		return usage.Question{Prometheus: q.Prometheus, SQL: q.SQL, Objects: q.Objects}
	}
	i := slices.IndexFunc(from.Spec.Queries, func(named v1alpha1.NamedQuery) bool { return named.Name == q.Named.Name })
	if i < 0 {
		t.Fatalf("%s has no query %s", from.Name, q.Named.Name)
	}
	named := from.Spec.Queries[i]
	question := usage.Question{Prometheus: named.Prometheus, HTTP: named.HTTP, SQL: named.SQL, Objects: named.Objects}
	if len(named.Parameters) != len(q.Named.Parameters) {
		t.Errorf("%s: %s has %d parameters, not %d", from.Name, named.Name, len(named.Parameters), len(q.Named.Parameters))
	}
	for i, declared := range named.Parameters {
		if given := q.Named.Parameters[i]; given.Name != declared.Name || given.Value == "" {
			t.Errorf("%s: %s: parameter %s is given as %s=%q", from.Name, named.Name, declared.Name, given.Name, given.Value)
		}
		question.Parameters = append(question.Parameters, usage.Parameter{Name: string(declared.Name), Value: q.Named.Parameters[i].Value})
	}
	return question
}

// someKubeconfig leads to a cluster that is never asked.
const someKubeconfig = `
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://east.example.com"}}]
users: [{name: u, user: {token: t}}]`

// connect makes a connection of the source's driver, with what its Secret would hold.
func connect(t *testing.T, from *v1alpha1.UsageSource) usage.Connection {
	t.Helper()
	driver := map[v1alpha1.SourceType]usage.Driver{
		v1alpha1.SourceTypePrometheus: prometheus.New, v1alpha1.SourceTypeHTTP: httpjson.New,
		v1alpha1.SourceTypeSQL: database.New, v1alpha1.SourceTypeKubernetes: counting.Connect,
	}[from.Spec.Type]
	credentials := map[v1alpha1.SourceType]usage.Credentials{
		v1alpha1.SourceTypePrometheus: {Token: "t"}, v1alpha1.SourceTypeHTTP: {Token: "t"},
		v1alpha1.SourceTypeSQL:        {Username: "reader", Password: "p"},
		v1alpha1.SourceTypeKubernetes: {Kubeconfig: []byte(someKubeconfig)},
	}[from.Spec.Type]
	connection, err := driver(usage.Settings{
		Name: from.Name, Prometheus: from.Spec.Prometheus, HTTP: from.Spec.HTTP, SQL: from.Spec.SQL, Kubernetes: from.Spec.Kubernetes,
		Credentials: credentials, Now: func() time.Time { return time.Date(2026, 12, 2, 8, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatalf("%s: %v", from.Name, err)
	}
	return connection
}

// PromQL is understood by Prometheus alone: a real one evaluates every expression, over
// nothing.
func TestExpressionsAreUnderstoodByPrometheus(t *testing.T) {
	if os.Getenv(prometheustest.ProgramVariable) == "" {
		t.Fatal(prometheustest.ProgramVariable + " is not set: run `make test`, which sets it")
	}
	server, err := prometheustest.Start(prometheustest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	connection, err := prometheus.New(usage.Settings{
		Name: "playbooks", Prometheus: &v1alpha1.PrometheusSource{URL: "http://" + server.Address},
		Guard: usage.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	asked := 0
	for _, program := range programsOf(t, rendered(t, everything(t), "somewhere")) {
		for _, use := range adoption.Queries(program) {
			if use.Query.Prometheus == nil {
				continue
			}
			asked++
			if failure := prometheustest.Ask(t.Context(), connection, usage.Question{Prometheus: use.Query.Prometheus}); failure != nil {
				t.Errorf("%s: %s: %s", program.Name, use.Path, failure.Message)
			}
		}
	}
	if asked == 0 {
		t.Error("no expression was found")
	}
}
