// SPDX-License-Identifier: Apache-2.0

// Package scale runs the operator as it is installed, with as many programs as it is
// meant for, and looks at what it takes.
package scale

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/lease"
	"github.com/uptake-dev/uptake/internal/suitetest"
	"github.com/uptake-dev/uptake/test/internal/paralleltest"
)

const (
	// programsVariable says how many programs there are, each with a query of its own.
	programsVariable = "UPTAKE_SCALE_PROGRAMS"
	// fewPrograms are enough to see that the test works, and 10,000 what is meant.
	fewPrograms = 300
	namespaces  = 40
	// memoryLimit is the chart's.
	memoryLimit = 512 << 20
)

// interval of the polls.
func interval(programs int) time.Duration {
	if programs > 2_000 {
		return time.Minute
	}
	return 10 * time.Second
}

var shared suitetest.Shared

func TestMain(m *testing.M) {
	suitetest.Suite{CRDs: []string{"../../config/crd/bases"}}.Main(func(_ context.Context, given suitetest.Shared) (int, error) {
		shared = given
		return m.Run(), nil
	})
}

func TestTheDefaultLimitsHold(t *testing.T) {
	programs := fewPrograms
	if text := os.Getenv(programsVariable); text != "" {
		var err error
		if programs, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	every := interval(programs)
	asked := &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `[{"team":"cart","used":30},{"team":"media","used":20}]`)
	}))
	defer server.Close()
	began := time.Now()
	createAll(t, programs, server.URL, every)
	t.Logf("%d programs are created after %v", programs, time.Since(began).Round(time.Second))

	binary := build(t)
	// That all are new at once is how this test prepares: more at a time, for the API
	// server takes long over so many first writes.
	first := start(t, binary, "--max-concurrent-reconciles=32")
	first.evaluates(t, programs, time.Now().Add(20*time.Minute))
	t.Logf("a new operator has evaluated all after %v, and takes %d MiB", time.Since(first.began).Round(100*time.Millisecond), first.resident(t)>>20)
	before, spent := asked.Load(), first.spent(t)
	time.Sleep(2 * every)
	if polls := asked.Load() - before; polls < int64(programs)*19/10 {
		t.Errorf("%d polls in two intervals: there were to be %d", polls, 2*programs)
	}
	t.Logf("it takes %.1f%% of a core, and %d MiB at most", 100*(first.spent(t)-spent).Seconds()/(2*every).Seconds(), first.resident(t)>>20)
	first.kill(t)

	second := start(t, binary)
	// The Lease of a killed leader is waited for besides.
	second.evaluates(t, programs, second.began.Add(2*every+lease.Duration))
	t.Logf("one that follows a killed one has evaluated all after %v, and takes %d MiB", time.Since(second.began).Round(100*time.Millisecond), second.resident(t)>>20)
	time.Sleep(every)
	for name, o := range map[string]*operator{"the first": first, "the second": second} {
		if o.most > memoryLimit {
			t.Errorf("%s operator took %d MiB: the container has %d", name, o.most>>20, memoryLimit>>20)
		}
	}
	if second.resident(t) > memoryLimit {
		t.Errorf("it took %d MiB", second.most>>20)
	}
}

// createAll creates programs, each with a phase and a query that no other has.
func createAll(t *testing.T, programs int, url string, every time.Duration) {
	t.Helper()
	config := rest.CopyConfig(shared.Plane.Config)
	config.QPS = -1
	people, err := client.New(config, client.Options{Scheme: shared.People.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	paralleltest.Do(t, namespaces, func(i int) error {
		name := fmt.Sprintf("team-%02d", i)
		if err := people.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
		return people.Create(t.Context(), &v1alpha1.UsageSource{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "usage"},
			Spec: v1alpha1.UsageSourceSpec{AdHoc: v1alpha1.AdHocAllowed, SourceSettings: v1alpha1.SourceSettings{
				Type: v1alpha1.SourceTypeHTTP, HTTP: &v1alpha1.HTTPSource{URL: url}, Interval: v1alpha1.Duration(every.String()),
			}},
		})
	})
	hundred := int64(100)
	paralleltest.Do(t, programs, func(i int) error {
		namespace, name := fmt.Sprintf("team-%02d", i%namespaces), fmt.Sprintf("program-%05d", i)
		program := &v1alpha1.AdoptionProgram{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: v1alpha1.AdoptionProgramSpec{
				Objective: "Teams use it", SourceRef: &v1alpha1.SourceRef{Name: "usage"},
				Accountability: &v1alpha1.Accountability{ExecutiveSponsor: "CIO", ProgramOwner: "platform"},
				Population:     &v1alpha1.Population{Count: &hundred},
				Metrics: []v1alpha1.Metric{{Name: "adopted", Dimension: "Reach", Rate: &v1alpha1.Rate{Active: v1alpha1.Query{
					HTTP: &v1alpha1.HTTPQuery{
						Path: "/usage", Value: "row.used", Where: v1alpha1.Expression(fmt.Sprintf("row.used > 0.0 && row.team != 'nobody-%d'", i)),
					},
				}}}},
			},
		}
		if err := people.Create(t.Context(), program); err != nil {
			return err
		}
		return people.Create(t.Context(), &v1alpha1.Phase{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: v1alpha1.PhaseSpec{
				ProgramRef: v1alpha1.LocalRef{Name: v1alpha1.ObjectName(name)},
				Targets:    []v1alpha1.Target{{Metric: "adopted", AtLeast: "80%"}},
			},
		})
	})
}

func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "uptake")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/uptake").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return binary
}

// operator is one as the chart installs it, in a process of its own.
type operator struct {
	cmd     *exec.Cmd
	began   time.Time
	metrics string
	most    int64
}

func start(t *testing.T, binary string, flags ...string) *operator {
	t.Helper()
	address := freeAddress(t)
	o := &operator{began: time.Now(), metrics: "http://" + address + "/metrics"}
	o.cmd = exec.Command(binary, append([]string{
		"operator", "--namespace=default", "--allow-source-addresses=127.0.0.0/8",
		"--health-probe-bind-address=0", "--metrics-secure=false", "--metrics-bind-address=" + address,
	}, flags...)...)
	o.cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig, "UPTAKE_MEMORY_LIMIT="+strconv.Itoa(memoryLimit))
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	o.cmd.Stdout, o.cmd.Stderr = log, log
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = o.cmd.Process.Kill() // it may have ended
		_ = o.cmd.Wait()         // it was killed
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("the end of its log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return o
}

func freeAddress(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(nil)
	defer server.Close()
	return server.Listener.Addr().String()
}

// evaluates waits until the operator knows a fresh value of every program.
func (o *operator) evaluates(t *testing.T, programs int, until time.Time) {
	t.Helper()
	known := 0
	for time.Now().Before(until) {
		if known = o.count(t, "uptake_metric_value{"); known == programs {
			o.resident(t)
			return
		}
		if o.cmd.ProcessState != nil {
			t.Fatal("the operator has ended")
		}
		// A scrape is work, too: of ten thousand programs 5 MB.
		time.Sleep(time.Second + time.Duration(programs)*time.Millisecond/2)
	}
	t.Fatalf("%d of %d programs have been evaluated after %v", known, programs, time.Since(o.began).Round(time.Second))
}

// count counts the series of a metric.
func (o *operator) count(t *testing.T, prefix string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.metrics, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0 // it is starting
	}
	defer func() { _ = response.Body.Close() }()
	n := 0
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), prefix) {
			n++
		}
	}
	return n
}

// resident is the most memory that the process has had at once.
func (o *operator) resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, is := strings.CutPrefix(line, "VmHWM:"); is {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			o.most = kilobytes << 10
			return o.most
		}
	}
	t.Fatal("the kernel does not say how much memory a process takes")
	return 0
}

// spent is how much processor time the process has had.
func (o *operator) spent(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", o.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func (o *operator) kill(t *testing.T) {
	t.Helper()
	o.resident(t)
	if err := o.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = o.cmd.Wait() // it was killed
}
