// SPDX-License-Identifier: Apache-2.0

// Package outage tests that programs stand still while the API server or its
// etcd is away, and go on afterwards.
package outage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/demo"
	"github.com/uptake-dev/uptake/internal/manifest"
	"github.com/uptake-dev/uptake/internal/operatortest"
	"github.com/uptake-dev/uptake/internal/suitetest"
)

const (
	namespace = "team-cart"
	// patience is for a control plane that has just been started on a busy machine.
	patience = 2 * time.Minute
	// away is how long something is away, which is longer than a phase holds.
	away = 12 * time.Second
)

const story = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: services}
spec:
  objective: Ten services
  accountability: {executiveSponsor: CIO, programOwner: platform}
  interval: 1s
  population: {count: 10}
  metrics:
  - name: adopted
    dimension: Reach
    rate:
      active:
        objects:
          apiVersion: v1
          kind: Service
          namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: team-cart}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: pilot}
spec:
  programRef: {name: services}
  targets: [{metric: adopted, atLeast: "30%"}]
  hold: {for: 5s, every: 1s}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: broad}
spec:
  programRef: {name: services}
  dependsOn: [pilot]
  targets: [{metric: adopted, atLeast: "60%"}]
  hold: {for: 5s, every: 1s}
  sustain: {for: 1s}
`

var paths = map[string]string{
	"AdoptionProgram services":            "Planned > Active > Sustaining",
	"Phase pilot":                         "Waiting > Active > Holding > Achieved",
	"Phase broad":                         "Waiting > Active > Holding > Achieved > Regressed > Achieved",
	"Barrier services-regression-adopted": "Open > Resolved",
}

var (
	plane *controlplane.ControlPlane
	// people is a client that may do anything.
	people client.WithWatch
)

func TestMain(m *testing.M) {
	suitetest.Suite{CRDs: []string{"../../config/crd/bases"}}.Main(func(_ context.Context, shared suitetest.Shared) (int, error) {
		plane, people = shared.Plane, shared.People
		return m.Run(), nil
	})
}

// TestProgramsStandStillWhileTheControlPlaneIsAway kills the API server, stops
// etcd without closing its connections, and kills etcd, each in another state of
// the story. Nothing moves because of it, and what comes next still happens.
func TestProgramsStandStillWhileTheControlPlaneIsAway(t *testing.T) {
	etcd, server := processOf(t, "etcd"), processOf(t, "kube-apiserver")
	world := world{t, demo.NewJournal()}
	world.begin()
	ctx, stop := context.WithCancel(t.Context())
	ended, err := operatortest.Start(ctx, plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the operator ended: %v", err)
		}
	})
	world.reach("Phase pilot", "Waiting > Active")
	world.services(4)
	world.reach("Phase pilot", "Waiting > Active > Holding")

	world.without("the API server is killed while a phase holds", func() { server.kill(t) }, func() { server.start(t) })
	world.reach("Phase pilot", "Waiting > Active > Holding > Achieved")
	world.reach("Phase broad", "Waiting > Active")
	world.services(7)
	world.reach("Phase broad", "Waiting > Active > Holding > Achieved")
	world.reach("AdoptionProgram services", "Planned > Active > Sustaining")

	world.without("etcd hangs while everything is achieved", func() { etcd.signal(t, syscall.SIGSTOP) }, func() { etcd.signal(t, syscall.SIGCONT) })
	world.stays()
	world.services(5)
	world.reach("Phase broad", "Waiting > Active > Holding > Achieved > Regressed")
	world.reach("Barrier services-regression-adopted", "Open")

	world.without("etcd is killed while a barrier is open", func() { etcd.kill(t) }, func() { etcd.start(t) })
	world.stays()
	world.services(7)
	world.reach("Phase broad", "Waiting > Active > Holding > Achieved > Regressed > Achieved")
	world.reach("Barrier services-regression-adopted", "Open > Resolved")

	world.without("the API server hangs, and goes on with the connections it has",
		func() { server.signal(t, syscall.SIGSTOP) }, func() { server.signal(t, syscall.SIGCONT) })
	world.stays()
	var told error
	world.eventually("the story is told", func() bool { told = world.journal.Judge(paths); return told == nil }, func() string { return told.Error() })
}

// world is the cluster as its people use and see it.
type world struct {
	t       *testing.T
	journal *demo.Journal
}

func (w world) begin() {
	w.t.Helper()
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: "count"},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"services", "namespaces"}, Verbs: []string{"get", "list", "watch"}}},
		},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "count"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "count"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "default"}},
		},
	}
	parsed, err := manifest.Read([]byte(story))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range parsed {
		o.SetNamespace(namespace)
		objects = append(objects, o)
	}
	for _, o := range objects {
		if err := people.Create(w.t.Context(), o); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.journal.Watch(w.t.Context(), people, namespace); err != nil {
		w.t.Fatal(err)
	}
}

// without takes something away for a while, until the API server answers again.
func (w world) without(what string, take, giveBack func()) {
	w.t.Helper()
	w.t.Log(what)
	take()
	time.Sleep(away)
	giveBack()
	w.eventually("the API server answers", func() bool {
		return people.List(w.t.Context(), &v1alpha1.PhaseList{}) == nil && people.List(w.t.Context(), &corev1.ServiceList{}) == nil
	}, func() string { return "" })
}

// services brings the number of Services to n.
func (w world) services(n int) {
	w.t.Helper()
	for i := range 10 {
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("service-%d", i)}}
		service.Spec.Ports = []corev1.ServicePort{{Port: 80}}
		var err error
		if i < n {
			err = client.IgnoreAlreadyExists(people.Create(w.t.Context(), service))
		} else {
			err = client.IgnoreNotFound(people.Delete(w.t.Context(), service))
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w world) reach(object, path string) {
	w.t.Helper()
	w.eventually(object+" goes "+path, func() bool { return w.journal.Path(object) == path }, func() string { return w.journal.Path(object) })
}

// stays fails when anything moves.
func (w world) stays() {
	w.t.Helper()
	seen := func() string {
		text := ""
		for _, object := range slices.Sorted(maps.Keys(paths)) {
			text += fmt.Sprintf("%s went %s\n", object, w.journal.Path(object))
		}
		return text
	}
	for before, end := seen(), time.Now().Add(5*time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if now := seen(); now != before {
			w.t.Fatalf("it moved. Before:\n%sAfter:\n%s", before, now)
		}
	}
}

func (w world) eventually(what string, done func() bool, describe func() string) {
	w.t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(100 * time.Millisecond) {
		if done() {
			w.t.Logf("after %s: %s", time.Since(began).Round(time.Second), what)
			return
		}
	}
	w.t.Fatalf("not within %s: %s\n%s", patience, what, describe())
}
