// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/operator"
	"github.com/uptake-dev/uptake/internal/prometheustest"
)

// patience is how long is waited for what takes seconds: others use the machine too.
const patience = 3 * time.Minute

// watched is an operator whose metrics and errors can be looked at.
type watched struct {
	*instance
	registry *prometheus.Registry

	mu     sync.Mutex
	errors []string
}

// options makes an operator tell its metrics and errors.
func (w *watched) options(o *operator.Options) {
	w.registry = prometheus.NewRegistry()
	o.Registerer = w.registry
	o.CredentialsEvery = time.Second
	everything := recorded(10)
	o.Log = funcr.New(func(prefix, line string) {
		everything.Info(prefix + " " + line)
		if !strings.Contains(line, `"error"=`) {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.errors = append(w.errors, prefix+" "+line)
	}, funcr.Options{Verbosity: 10})
}

// errorsAbout lists the errors that were logged about a namespace.
func (w *watched) errorsAbout(namespace string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var about []string
	for _, line := range w.errors {
		if strings.Contains(line, namespace) {
			about = append(about, line)
		}
	}
	return about
}

// samples gathers the operator's own metrics of a name, with their labels.
func (w *watched) samples(t testing.TB, name string) []*dto.Metric {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()
		}
	}
	return nil
}

// polls counts the polls of a source, whatever came of them.
func (w *watched) polls(t testing.TB, source string) int {
	t.Helper()
	total := 0.0
	for _, m := range w.samples(t, "uptake_polls_total") {
		if labelOf(m, "source") == source {
			total += m.GetCounter().GetValue()
		}
	}
	return int(total)
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// crowd is the operator that all parallel tests share: two would work the same
// objects. It runs while one of them does.
var crowd struct {
	mu    sync.Mutex
	users int
	one   *watched
}

// shareOperator gives a parallel test the operator that it shares with the others.
// Parallel tests begin when all others have ended.
func shareOperator(t *testing.T) *watched {
	t.Helper()
	t.Parallel()
	crowd.mu.Lock()
	defer crowd.mu.Unlock()
	if crowd.users == 0 {
		crowd.one = &watched{}
		credentials := rest.CopyConfig(asOperator)
		credentials.QPS = -1 // it has the work of twenty operators
		crowd.one.instance = runOperator(t, credentials, func(o *operator.Options) { crowd.one.options(o); o.MaxConcurrentReconciles = 8 })
	}
	crowd.users++
	t.Cleanup(func() {
		crowd.mu.Lock()
		defer crowd.mu.Unlock()
		if crowd.users--; crowd.users == 0 {
			crowd.one.stop()
		}
	})
	return crowd.one
}

// shell runs a command that the operator printed, as somebody who may do anything.
func shell(t testing.TB, command string) {
	t.Helper()
	assets, err := filepath.Abs(os.Getenv(controlplane.AssetsVariable))
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, plane.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command("bash", "-euc", command)
	run.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+assets+":"+os.Getenv("PATH"))
	if output, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, output)
	}
}

// remedy is the command at the end of a message.
func remedy(t testing.TB, message string) string {
	t.Helper()
	i := strings.Index(message, "kubectl ")
	if i < 0 {
		t.Fatalf("there is no command in: %s", message)
	}
	return message[i:]
}

// exporter is what a Prometheus scrapes: gauges that a test sets.
type exporter struct {
	address string
	mu      sync.Mutex
	values  map[string]float64
}

func startExporter(t testing.TB) *exporter {
	t.Helper()
	e := &exporter{values: map[string]float64{}}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.address = strings.TrimPrefix(server.URL, "http://")
	return e
}

// ServeHTTP implements http.Handler.
func (e *exporter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for name, v := range e.values {
		_, _ = fmt.Fprintf(w, "%s %v\n", name, v)
	}
}

func (e *exporter) set(name string, value float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.values[name] = value
}

// startPrometheus runs a real Prometheus for one test.
func startPrometheus(t testing.TB, options prometheustest.Options) *prometheustest.Server {
	t.Helper()
	server, err := prometheustest.Start(options)
	if err != nil {
		t.Fatalf("a Prometheus is needed: %v", err)
	}
	t.Cleanup(server.Remove)
	return server
}

// scrape sums the samples of a metrics page that a function picks.
func scrape(t testing.TB, get func() (io.ReadCloser, error), pick func(series string) bool) float64 {
	t.Helper()
	body, err := get()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	total := 0.0
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		i := strings.LastIndexByte(lines.Text(), ' ')
		if i < 0 || strings.HasPrefix(lines.Text(), "#") || !pick(lines.Text()[:i]) {
			continue
		}
		value, err := strconv.ParseFloat(lines.Text()[i+1:], 64)
		if err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		total += value
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return total
}

// countRequests is how many instant queries a Prometheus has answered, as it
// says itself.
func countRequests(t testing.TB, server *prometheustest.Server) int {
	t.Helper()
	total := scrape(t, func() (io.ReadCloser, error) {
		response, err := http.Get("http://" + server.Address + "/metrics")
		if err != nil {
			return nil, err
		}
		return response.Body, nil
	}, func(series string) bool {
		return strings.HasPrefix(series, "prometheus_http_requests_total{") && strings.Contains(series, `handler="/api/v1/query"`)
	})
	return int(total)
}

// eventsOf lists the events of an object with a reason.
func eventsOf(t testing.TB, o client.Object, reason string) []corev1.Event {
	t.Helper()
	var list corev1.EventList
	namespace := o.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	if err := people.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	var found []corev1.Event
	for _, e := range list.Items {
		if e.InvolvedObject.UID == o.GetUID() && e.Reason == reason {
			found = append(found, e)
		}
	}
	return found
}

// mayCount lets the operator and the programs of some namespaces count a resource.
func mayCount(t testing.TB, group, resource string, namespaces ...string) {
	t.Helper()
	name := "test-count-" + resource
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{"list", "watch"}}},
	}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "uptake-system", Name: "uptake-operator"}}
	for _, ns := range namespaces {
		subjects = append(subjects, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: "default"})
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}
	for _, o := range []client.Object{role, binding} {
		if err := people.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		deleteAfter(t, o)
	}
}

// deleteAfter deletes an object that is in no namespace of the test's own.
func deleteAfter(t testing.TB, o client.Object) {
	t.Helper()
	t.Cleanup(func() {
		if err := client.IgnoreNotFound(people.Delete(context.WithoutCancel(t.Context()), o)); err != nil {
			t.Error(err)
		}
	})
}
