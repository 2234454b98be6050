// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/prometheustest"
	usage "github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/configmap"
	"github.com/uptake-dev/uptake/internal/source/database"
	"github.com/uptake-dev/uptake/internal/source/httpjson"
	counting "github.com/uptake-dev/uptake/internal/source/objects"
	"github.com/uptake-dev/uptake/internal/source/prometheus"
)

// pagesWithExamples are copied from.
var pagesWithExamples = []string{"sources.md", "programs.md"}

// thePrograms are the headings of programs.md.
var thePrograms = []string{
	"Ingress to Gateway API", "Pod Security restricted", "Golden-path templates", "GitOps onboarding",
	"Mesh mTLS", "Image signing", "OpenTelemetry", "Cost labels", "Leaving deprecated APIs",
	"Catalog registration", "AI assistants", "Backup opt-in",
}

// exampleDay is when examples are read: a day on which no row of theirs is too old.
var exampleDay = time.Date(2026, 12, 2, 8, 0, 0, 0, time.UTC)

// section of a page, with its blocks of YAML.
type section struct {
	page, heading string
	blocks        []string
}

func (s section) name() string { return s.page + "/" + s.heading }

var (
	heading = regexp.MustCompile(`^##+ (.*)$`)
	fence   = regexp.MustCompile("^```(.*)$")
)

// sections reads the pages with examples.
func sections(t *testing.T) []section {
	t.Helper()
	var found []section
	for _, page := range pagesWithExamples {
		text, err := os.ReadFile(filepath.Join(repository, "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, section{page: page})
		var block []string
		language, inside := "", false
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			current := &found[len(found)-1]
			switch match := fence.FindStringSubmatch(line); {
			case match != nil && inside:
				if language == "yaml" {
					current.blocks = append(current.blocks, strings.Join(block, "\n"))
				}
				inside = false
			case match != nil:
				language, inside, block = match[1], true, nil
			case inside:
				block = append(block, line)
			case heading.MatchString(line):
				found = append(found, section{page: page, heading: heading.FindStringSubmatch(line)[1]})
			}
		}
		if inside {
			t.Fatalf("%s ends within an example", page)
		}
	}
	return slices.DeleteFunc(found, func(s section) bool { return len(s.blocks) == 0 })
}

// examples are the objects of a section, as the API server would store them.
type examples struct {
	programs   []*v1alpha1.AdoptionProgram
	phases     []*v1alpha1.Phase
	sources    []exampleSource
	configMaps map[string]map[string]string
	// fragments are the metrics of examples that are no whole object.
	fragments []*v1alpha1.AdoptionProgram
}

// exampleSource is a source of either kind.
type exampleSource struct {
	name     string
	kind     v1alpha1.SourceKind
	labels   map[string]string
	adHoc    v1alpha1.AdHoc
	settings v1alpha1.SourceSettings
}

// readSection creates all that a section shows, without storing it: a field that does
// not exist, or that the schema refuses, is a failure.
func readSection(t *testing.T, c client.Client, s section) examples {
	t.Helper()
	namespace := newNamespace(t, c)
	strict := client.WithFieldValidation(c, metav1.FieldValidationStrict)
	found := examples{configMaps: map[string]map[string]string{}}
	for i, block := range s.blocks {
		for _, object := range documents(t, []byte(block)) {
			fragment := object.GetKind() == ""
			if fragment {
				object = wholeOf(t, object.Object, fmt.Sprintf("fragment-%d", i))
			}
			if namespaced, err := c.IsObjectNamespaced(object); err != nil {
				t.Fatal(err)
			} else if namespaced {
				object.SetNamespace(namespace)
			}
			if err := strict.Create(t.Context(), object, client.DryRunAll); err != nil {
				t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
				continue
			}
			found.take(t, object, fragment)
		}
	}
	return found
}

// wholeOf makes a program of an example that shows a query, or a metric.
func wholeOf(t *testing.T, fields map[string]any, name string) *unstructured.Unstructured {
	t.Helper()
	metric := map[string]any{"name": "shown", "dimension": "Reach"}
	maps.Copy(metric, fields)
	program := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "AdoptionProgram",
		"spec": map[string]any{"objective": "An example", "population": map[string]any{"count": int64(1)}, "metrics": []any{metric}},
	}}
	program.SetName(name)
	return program
}

// take keeps what the API server made of an object.
func (e *examples) take(t *testing.T, object *unstructured.Unstructured, fragment bool) {
	t.Helper()
	into := func(typed any) {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
			t.Fatal(err)
		}
	}
	switch object.GetKind() {
	case "AdoptionProgram":
		program := &v1alpha1.AdoptionProgram{}
		into(program)
		if fragment {
			e.fragments = append(e.fragments, program)
			return
		}
		e.programs = append(e.programs, program)
	case "Phase":
		phase := &v1alpha1.Phase{}
		into(phase)
		e.phases = append(e.phases, phase)
	case "UsageSource":
		o := &v1alpha1.UsageSource{}
		into(o)
		e.sources = append(e.sources, exampleSource{o.Name, v1alpha1.SourceKindNamespaced, o.Labels, o.Spec.AdHoc, o.Spec.SourceSettings})
	case "ClusterUsageSource":
		o := &v1alpha1.ClusterUsageSource{}
		into(o)
		e.sources = append(e.sources, exampleSource{o.Name, v1alpha1.SourceKindCluster, o.Labels, o.Spec.AdHoc, o.Spec.SourceSettings})
	case "ConfigMap":
		e.configMaps[object.GetName()] = nestedStrings(object, "data")
	}
}

// Whoever copies an example gets what the page promises: the API server takes it, every
// driver understands its queries, and the operator has nothing against its spec.
func TestExamplesOfThePagesWork(t *testing.T) {
	c := administrator(t, plane)
	for _, s := range sections(t) {
		t.Run(s.name(), func(t *testing.T) {
			found := readSection(t, c, s)
			for _, program := range append(slices.Clone(found.programs), found.fragments...) {
				for _, use := range adoption.Queries(program) {
					for _, problem := range found.prepare(t, program, use) {
						t.Errorf("%s: %s: %s", program.Name, use.Path, problem)
					}
				}
			}
			for _, from := range found.sources {
				for _, named := range from.settings.Queries {
					if problem := from.prepare(t, from.namedQuestion(named, nil)); problem != "" {
						t.Errorf("%s: queries[%s]: %s", from.name, named.Name, problem)
					}
				}
			}
			for _, program := range found.programs {
				wantWorkable(t, program, found.phases)
			}
			for _, phase := range found.phases {
				if !slices.ContainsFunc(found.programs, func(p *v1alpha1.AdoptionProgram) bool { return p.Name == string(phase.Spec.ProgramRef.Name) }) {
					t.Errorf("phase %s is of another program", phase.Name)
				}
			}
		})
	}
}

// wantWorkable has the core look at a program and its phases before anything is measured.
func wantWorkable(t *testing.T, program *v1alpha1.AdoptionProgram, phases []*v1alpha1.Phase) {
	t.Helper()
	outcome := adoption.Step(adoption.Snapshot{Program: program, ProgramName: program.Name, Phases: phases}, exampleDay)
	wantReady(t, program.Name, outcome.Program.Status.Conditions)
	for _, phase := range outcome.Phases {
		wantReady(t, phase.Phase.Name, phase.Status.Conditions)
	}
}

// All the programs are there, each with what it needs to be copied.
func TestExamplesAreOfEveryProgram(t *testing.T) {
	c := administrator(t, plane)
	var headings []string
	languages := map[string]bool{}
	for _, s := range sections(t) {
		if s.page != "programs.md" {
			continue
		}
		headings = append(headings, s.heading)
		found := readSection(t, c, s)
		if len(found.programs) != 1 || len(found.phases) == 0 || len(found.fragments) > 0 {
			t.Errorf("%s: %d programs, %d phases, %d fragments", s.heading, len(found.programs), len(found.phases), len(found.fragments))
			continue
		}
		spec := found.programs[0].Spec
		has := func(dimension ...string) bool {
			return slices.ContainsFunc(spec.Metrics, func(m v1alpha1.Metric) bool { return slices.Contains(dimension, string(m.Dimension)) })
		}
		if spec.Population == nil || spec.Metrics[0].Rate == nil || !has("Quality", "Conformance") {
			t.Errorf("%s: it lacks a population, a rate as its first metric, or a measure of quality", s.heading)
		}
		for _, use := range adoption.Queries(found.programs[0]) {
			languages[languageOf(use.Query)] = true
		}
		for _, from := range found.sources {
			languages["a source of type "+string(from.settings.Type)] = true
		}
	}
	if !slices.Equal(headings, thePrograms) {
		t.Errorf("the programs are %q, not %q", headings, thePrograms)
	}
	for _, language := range []string{
		"objects", "configMap", "prometheus", "http", "named",
		"a source of type Prometheus", "a source of type HTTP", "a source of type SQL", "a source of type Kubernetes",
	} {
		if !languages[language] {
			t.Errorf("no program has %s", language)
		}
	}
}

func languageOf(q *v1alpha1.Query) string {
	switch {
	case q.Objects != nil:
		return "objects"
	case q.ConfigMap != nil:
		return "configMap"
	case q.Prometheus != nil:
		return "prometheus"
	case q.HTTP != nil:
		return "http"
	case q.SQL != nil:
		return "sql"
	}
	return "named"
}

// prepare has everybody whom a query asks look at it, as the operator would, and
// returns what they have against it.
func (e examples) prepare(t *testing.T, program *v1alpha1.AdoptionProgram, use adoption.QueryUse) []string {
	t.Helper()
	q := use.Query
	switch {
	case q.ConfigMap != nil:
		return e.readConfigMap(t, q.ConfigMap)
	case !adoption.IsExternal(q):
		counter, err := counting.New(plane.Config, counting.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = counter.Query(*q.Objects, use.SegmentBy(program))
		return told(err)
	}
	asked := e.askedBy(t, program, q)
	if len(asked) == 0 {
		return []string{"it asks a source that is not in the example"}
	}
	var problems []string
	for _, from := range asked {
		question, problem := from.question(q)
		if by := use.SegmentBy(program); by != nil && by.Source == "" {
			question.SegmentBy = by
		}
		if problem == "" {
			problem = from.prepare(t, question)
		}
		if problem != "" {
			problems = append(problems, from.name+": "+problem)
		}
	}
	return problems
}

func told(err error) []string {
	if err != nil {
		return []string{err.Error()}
	}
	return nil
}

// askedBy finds whom a query asks. A fragment asks the source of its section, or one
// like those that other sections show.
func (e examples) askedBy(t *testing.T, program *v1alpha1.AdoptionProgram, q *v1alpha1.Query) []exampleSource {
	t.Helper()
	ref := adoption.EffectiveSource(program, q)
	var asked []exampleSource
	for _, from := range e.sources {
		switch {
		case q.SourceSelector != nil:
			selector, err := metav1.LabelSelectorAsSelector(q.SourceSelector.Selector)
			if err != nil {
				t.Fatal(err)
			}
			if selector.Matches(labels.Set(from.labels)) {
				asked = append(asked, from)
			}
		case ref != nil && string(ref.Name) == from.name && (ref.Kind == from.kind || ref.Kind == "" && from.kind == v1alpha1.SourceKindNamespaced):
			asked = append(asked, from)
		case ref == nil && strings.HasPrefix(program.Name, "fragment-"):
			asked = []exampleSource{from}
		}
	}
	if len(asked) == 0 && strings.HasPrefix(program.Name, "fragment-") {
		if q.HTTP != nil && ref == nil {
			return []exampleSource{{name: "any", adHoc: v1alpha1.AdHocAllowed, settings: v1alpha1.SourceSettings{Type: v1alpha1.SourceTypeHTTP, HTTP: &v1alpha1.HTTPSource{URL: "https://api.example.com"}}}}
		}
		if q.Objects != nil && q.SourceSelector != nil {
			return []exampleSource{{name: "any", adHoc: v1alpha1.AdHocAllowed, settings: v1alpha1.SourceSettings{Type: v1alpha1.SourceTypeKubernetes, Kubernetes: &v1alpha1.KubernetesSource{}}}}
		}
	}
	return asked
}

// readConfigMap reads the key that a query names, if its ConfigMap is shown.
func (e examples) readConfigMap(t *testing.T, q *v1alpha1.ConfigMapQuery) []string {
	t.Helper()
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	shown := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}
	shown.SetName(string(q.Name))
	shown.SetNamespace(namespace)
	data := e.configMaps[string(q.Name)]
	if err := unstructured.SetNestedStringMap(shown.Object, data, "data"); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), shown); err != nil {
		t.Fatal(err)
	}
	answer, err := configmap.New(c, namespace, string(q.Name), q.Key, time.UTC, func() time.Time { return exampleDay }).Ask(t.Context())
	if err == nil && len(answer.Rows) == 0 {
		return []string{"it has no row"}
	}
	return told(err)
}

// question is what a query asks of a source, or why it may not.
func (s exampleSource) question(q *v1alpha1.Query) (question usage.Question, problem string) {
	if q.Named == nil {
		if s.adHoc != v1alpha1.AdHocAllowed {
			return question, "it allows named queries only"
		}
		question = usage.Question{Prometheus: q.Prometheus, SQL: q.SQL, Objects: q.Objects}
		if q.HTTP != nil {
			question.HTTP = &v1alpha1.NamedHTTPQuery{HTTPQuery: *q.HTTP}
		}
		return question, ""
	}
	i := slices.IndexFunc(s.settings.Queries, func(named v1alpha1.NamedQuery) bool { return named.Name == q.Named.Name })
	if i < 0 {
		return question, "it has no query " + string(q.Named.Name)
	}
	values := map[string]string{}
	for _, v := range q.Named.Parameters {
		values[string(v.Name)] = v.Value
	}
	for _, declared := range s.settings.Queries[i].Parameters {
		if values[string(declared.Name)] == "" {
			return question, "no value for " + string(declared.Name)
		}
	}
	if len(values) != len(s.settings.Queries[i].Parameters) {
		return question, "a value for a parameter that is not declared"
	}
	return s.namedQuestion(s.settings.Queries[i], values), ""
}

// namedQuestion is a named query with these values, or with others that will do.
func (exampleSource) namedQuestion(named v1alpha1.NamedQuery, values map[string]string) usage.Question {
	question := usage.Question{Prometheus: named.Prometheus, HTTP: named.HTTP, SQL: named.SQL, Objects: named.Objects}
	for _, declared := range named.Parameters {
		value := values[string(declared.Name)]
		if value == "" {
			value = "some-value"
		}
		question.Parameters = append(question.Parameters, usage.Parameter{Name: string(declared.Name), Value: value})
	}
	return question
}

// exampleKubeconfig leads to a cluster that is never asked.
const exampleKubeconfig = `
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://east.example.com"}}]
users: [{name: u, user: {token: t}}]`

// prepare has the source's real driver look at a question. Nothing is sent.
func (s exampleSource) prepare(t *testing.T, question usage.Question) string {
	t.Helper()
	driver := map[v1alpha1.SourceType]usage.Driver{
		v1alpha1.SourceTypePrometheus: prometheus.New, v1alpha1.SourceTypeHTTP: httpjson.New,
		v1alpha1.SourceTypeSQL: database.New, v1alpha1.SourceTypeKubernetes: counting.Connect,
	}[s.settings.Type]
	connection, err := driver(usage.Settings{
		Name: s.name, Prometheus: s.settings.Prometheus, HTTP: s.settings.HTTP, SQL: s.settings.SQL, Kubernetes: s.settings.Kubernetes,
		Credentials: credentialsFor(s.settings.Type), Now: func() time.Time { return exampleDay },
	})
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	if _, err := connection.Asker(question); err != nil {
		return err.Error()
	}
	return ""
}

func credentialsFor(kind v1alpha1.SourceType) usage.Credentials {
	switch kind {
	case v1alpha1.SourceTypeSQL:
		return usage.Credentials{Username: "reader", Password: "p"}
	case v1alpha1.SourceTypeKubernetes:
		return usage.Credentials{Kubeconfig: []byte(exampleKubeconfig)}
	default:
		return usage.Credentials{Token: "t"}
	}
}

// PromQL is understood by Prometheus alone: a real one evaluates every expression, over
// nothing. It needs UPTAKE_PROMETHEUS, which `make test` sets.
func TestExamplesOfExpressionsAreUnderstoodByPrometheus(t *testing.T) {
	if os.Getenv(prometheustest.ProgramVariable) == "" {
		t.Fatal(prometheustest.ProgramVariable + " is not set: make test sets it")
	}
	server, err := prometheustest.Start(prometheustest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	connection, err := prometheus.New(usage.Settings{
		Name: "examples", Prometheus: &v1alpha1.PrometheusSource{URL: "http://" + server.Address},
		Guard: usage.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	c := administrator(t, plane)
	asked := 0
	for _, s := range sections(t) {
		for path, question := range expressionsOf(readSection(t, c, s)) {
			asked++
			if failure := prometheustest.Ask(t.Context(), connection, question); failure != nil {
				t.Errorf("%s: %s: %s", s.name(), path, failure.Message)
			}
		}
	}
	if asked < 15 {
		t.Errorf("only %d expressions found", asked)
	}
}

// expressionsOf finds all PromQL, written by programs and by sources.
func expressionsOf(e examples) map[string]usage.Question {
	found := map[string]usage.Question{}
	for _, program := range append(slices.Clone(e.programs), e.fragments...) {
		for _, use := range adoption.Queries(program) {
			if use.Query.Prometheus != nil {
				found[program.Name+" "+use.Path] = usage.Question{Prometheus: use.Query.Prometheus}
			}
		}
	}
	for _, from := range e.sources {
		for _, named := range from.settings.Queries {
			if named.Prometheus != nil {
				found[from.name+" "+string(named.Name)] = from.namedQuestion(named, nil)
			}
		}
	}
	return found
}

// Every fragment of a page is YAML, so that nothing is left out by mistake.
func TestExamplesAreYAML(t *testing.T) {
	count := 0
	for _, s := range sections(t) {
		for _, block := range s.blocks {
			for document := range strings.SplitSeq(block, "\n---\n") {
				count++
				var fields map[string]any
				if err := yaml.UnmarshalStrict([]byte(document), &fields); err != nil || len(fields) == 0 {
					t.Errorf("%s: %v in\n%s", s.name(), err, document)
				}
			}
		}
	}
	if count < 60 {
		t.Errorf("only %d examples found", count)
	}
}

// recorded are answers of public APIs, by the path that is asked.
var recorded = map[string]string{
	"/orgs/acme/copilot/billing/seats?per_page=100":                "copilot-seats-1.json",
	"/orgs/acme/copilot/billing/seats?page=2":                      "copilot-seats-2.json",
	"/orgs/acme/copilot/billing":                                   "copilot-billing.json",
	"/orgs/acme/copilot/metrics/reports/users-28-day/latest":       "copilot-report.json",
	"/reports/users-1.ndjson":                                      "copilot-users-1.ndjson",
	"/reports/users-2.ndjson":                                      "copilot-users-2.ndjson",
	"/api/v1/applications":                                         "argocd-applications.json",
	"/api/catalog/entities/by-query?filter=kind=component,spec.ty": "backstage-count.json",
}

// The queries for public APIs give numbers on what these APIs answer, as recorded for
// the tests of the driver.
func TestExamplesGiveNumbersOfRecordedAnswers(t *testing.T) {
	c := administrator(t, plane)
	folder := filepath.Join(repository, "internal", "source", "httpjson", "testdata")
	files := serveRecorded(t, folder, "")
	address := serveRecorded(t, folder, files)
	got := map[string]string{}
	for _, s := range sections(t) {
		if s.page != "programs.md" {
			continue
		}
		for _, from := range readSection(t, c, s).sources {
			if from.settings.HTTP == nil {
				continue
			}
			from.settings.HTTP.URL = "http://" + address
			from.settings.HTTP.DownloadHosts = []string{files}
			for _, named := range from.settings.Queries {
				got[from.name+" "+string(named.Name)] = from.answer(t, from.namedQuestion(named, nil))
			}
		}
	}
	want := map[string]string{
		"copilot seats": "cart=3 media=1 no-team=1", "copilot active-seats": "cart=2 media=0 no-team=1",
		"copilot active-this-cycle": "=0.75", "copilot generated": "=52", "copilot accepted": "=13", "copilot days-of-use": "=3",
		"argocd applications": "ads=1 cart=2 nobody=1", "argocd synced-by-themselves": "ads=1 cart=1 nobody=0",
		"backstage components": "=143",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, not %v", got, want)
	}
}

// serveRecorded answers as the APIs would, with links to files on another host.
func serveRecorded(t *testing.T, folder, files string) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.URL.Path
		for prefix := range recorded {
			if strings.Contains(prefix, "?") && strings.HasPrefix(r.URL.RequestURI(), prefix) {
				asked = prefix
			}
		}
		text, err := os.ReadFile(filepath.Join(folder, recorded[asked]))
		if err != nil {
			t.Errorf("it asks for %s", r.URL.RequestURI())
		}
		if strings.Contains(asked, "per_page") {
			w.Header().Set("Link", `</orgs/acme/copilot/billing/seats?page=2>; rel="next"`)
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(string(text), "FILES", "http://"+files))
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// answer asks, and writes what comes of it as one text.
func (s exampleSource) answer(t *testing.T, question usage.Question) string {
	t.Helper()
	connection, err := httpjson.New(usage.Settings{
		Name: s.name, HTTP: s.settings.HTTP, Guard: usage.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Now: func() time.Time { return time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		return err.Error()
	}
	t.Cleanup(connection.Close)
	asker, err := connection.Asker(question)
	if err != nil {
		return err.Error()
	}
	answer, err := asker.Ask(t.Context())
	if err != nil {
		return err.Error()
	}
	var words []string
	for _, row := range answer.Rows {
		words = append(words, fmt.Sprintf("%s=%v%s", row.Segment, row.Value, row.Unknown))
	}
	return strings.Join(words, " ")
}
