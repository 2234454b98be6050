// SPDX-License-Identifier: Apache-2.0

// Package faults tests what the operator does while something around it fails: the
// API server, etcd, the network in between, its Lease, the clock, or itself.
package faults

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/demo"
	"github.com/uptake-dev/uptake/internal/manifest"
	"github.com/uptake-dev/uptake/internal/operator"
	"github.com/uptake-dev/uptake/internal/suitetest"
)

// patience is for a busy machine.
const patience = 2 * time.Minute

var (
	plane *controlplane.ControlPlane
	// people is a client that may do anything.
	people client.WithWatch
	// kubeconfig has their credentials.
	kubeconfig string
)

// Variables that make a process of this test an operator.
const (
	childVariable = "FAULTS_OPERATOR"
	electVariable = "FAULTS_ELECT"
)

func TestMain(m *testing.M) {
	if namespace := os.Getenv(childVariable); namespace != "" {
		if err := beOperator(namespace); err != nil {
			fmt.Fprintln(os.Stderr, "the operator ended:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	suitetest.Suite{
		CRDs:     []string{"../../config/crd/bases"},
		Parallel: 12, // they wait more than they work
	}.Main(func(_ context.Context, shared suitetest.Shared) (int, error) {
		plane, people, kubeconfig = shared.Plane, shared.People, shared.Kubeconfig
		return m.Run(), nil
	})
}

// beOperator is the process of an operator, as main makes one.
func beOperator(namespace string) error {
	ctx := ctrl.SetupSignalHandler()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	ctrl.SetLogger(logTo(os.Stderr))
	mgr, err := operator.New(ctx, config, optionsFor(namespace, func(o *operator.Options) {
		o.LeaderElection, o.Log = os.Getenv(electVariable) != "", logTo(os.Stderr)
	}))
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func logTo(w io.Writer) logr.Logger {
	var mu sync.Mutex
	return funcr.New(func(prefix, args string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintln(w, time.Now().Format(time.TimeOnly), prefix, args)
	}, funcr.Options{})
}

// optionsFor are those of an operator that works in one namespace, and has its Lease
// there, so that many may run at once.
func optionsFor(namespace string, change func(*operator.Options)) operator.Options {
	options := operator.Options{
		Namespace: namespace, ServiceAccount: "uptake-operator", WatchNamespaces: []string{namespace},
		MetricsAddress: "0", ProbeAddress: "0",
		AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		DisplayEvery:     time.Second, CredentialsEvery: time.Second, MaxConcurrentReconciles: 4,
		Log: logr.Discard(), Registerer: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&options)
	}
	return options
}

// running is an operator in this process.
type running struct {
	stop  context.CancelFunc
	ended chan error
}

// run runs an operator in this process until the test ends.
func run(t *testing.T, config *rest.Config, namespace string, change func(*operator.Options)) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	mgr, err := operator.New(ctx, config, optionsFor(namespace, change))
	if err != nil {
		t.Fatal(err)
	}
	r := &running{stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- mgr.Start(ctx); close(r.ended) }()
	t.Cleanup(func() {
		stop()
		if err := <-r.ended; err != nil {
			t.Errorf("the operator ended: %v", err)
		}
	})
	return r
}

// scene is a namespace with a program, as its people use and see it.
type scene struct {
	t         *testing.T
	namespace string
	journal   *demo.Journal
}

// story is a program on a number that people keep in a ConfigMap, and two phases.
const story = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: fence}
spec:
  objective: Everybody has moved
  accountability: {executiveSponsor: CIO, programOwner: platform}
  interval: INTERVAL
  population: {count: 100}
  metrics:
  - name: adopted
    dimension: Reach
    rate: {active: {configMap: {name: numbers, key: moved}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: first}
spec:
  programRef: {name: fence}
  targets: [{metric: adopted, atLeast: "1%"}]
  gates: [{name: ok}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: second}
spec:
  programRef: {name: fence}
  dependsOn: [first]
  targets: [{metric: adopted, atLeast: "50%"}]
`

// begin makes a namespace with the story in it.
func begin(t *testing.T, interval string, number int) scene {
	t.Helper()
	t.Parallel()
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "faults-"}}
	if err := people.Create(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	s := scene{t, made.Name, demo.NewJournal()}
	s.is(number)
	s.apply(strings.ReplaceAll(story, "INTERVAL", interval))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(stop)
	if err := s.journal.Watch(ctx, people, s.namespace); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s scene) apply(text string) {
	s.t.Helper()
	objects, err := manifest.Read([]byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range objects {
		o.SetNamespace(s.namespace)
		if err := people.Create(s.t.Context(), o); err != nil {
			s.t.Fatal(err)
		}
	}
}

// is says how many have moved.
func (s scene) is(number int) {
	s.t.Helper()
	numbers := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "numbers"},
		Data:       map[string]string{"moved": fmt.Sprint(time.Now().UTC().Format(time.DateOnly), " ", number)},
	}
	err := people.Create(s.t.Context(), numbers)
	if apierrors.IsAlreadyExists(err) {
		err = people.Update(s.t.Context(), numbers)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// approve opens the gate of the first phase.
func (s scene) approve() {
	s.t.Helper()
	phase := &v1alpha1.Phase{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "first"}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"approval.uptake.dev/ok":"admin"}}}`))
	if err := people.Patch(s.t.Context(), phase, patch); err != nil {
		s.t.Fatal(err)
	}
}

func (s scene) program() *v1alpha1.AdoptionProgram {
	program := &v1alpha1.AdoptionProgram{}
	_ = people.Get(s.t.Context(), types.NamespacedName{Namespace: s.namespace, Name: "fence"}, program) // asked again
	return program
}

func (s scene) phase(name string) *v1alpha1.Phase {
	phase := &v1alpha1.Phase{}
	_ = people.Get(s.t.Context(), types.NamespacedName{Namespace: s.namespace, Name: name}, phase) // asked again
	return phase
}

func (s scene) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: s.namespace, Name: name}
}

// shows waits until the program shows a value.
func (s scene) shows(value string) {
	s.t.Helper()
	s.eventually("the program shows "+value, func() bool { return s.program().Status.Adoption == value },
		func() string { return s.program().Status.Adoption + " " + s.program().Status.Summary })
}

func (s scene) reach(object, path string) {
	s.t.Helper()
	s.eventually(object+" goes "+path, func() bool { return s.journal.Path(object) == path }, func() string { return s.journal.Path(object) })
}

// judge compares what happened with the paths, and every transition with its event.
func (s scene) judge(paths map[string]string) {
	s.t.Helper()
	var told error
	s.eventually("the story is told", func() bool { told = s.journal.Judge(paths); return told == nil }, func() string { return told.Error() })
}

func (s scene) eventually(what string, done func() bool, describe func() string) {
	s.t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if done() {
			s.t.Logf("after %s: %s", time.Since(began).Round(100*time.Millisecond), what)
			return
		}
	}
	s.t.Fatalf("not within %s: %s\n%s", patience, what, describe())
}
