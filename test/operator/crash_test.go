// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/demo"
	"github.com/uptake-dev/uptake/internal/operator"
)

const crashStory = `
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: first}
spec:
  programRef: {name: services}
  targets: [{metric: adopted, atLeast: "30%"}]
  hold: {for: 2s, every: 1s}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: second}
spec:
  programRef: {name: services}
  dependsOn: [first]
  targets: [{metric: adopted, atLeast: "60%"}]
  gates: [{name: ok}]
  sustain: {for: 1s}
---
apiVersion: uptake.dev/v1alpha1
kind: Barrier
metadata: {name: too-few}
spec:
  programRef: {name: services}
  summary: Hardly anybody has started
  category: Awareness
  owner: platform
  detect: {metric: adopted, atMost: "20%"}
`

var crashPaths = map[string]string{
	"AdoptionProgram services":            "Planned > Active > Sustaining",
	"Phase first":                         "Waiting > Active > Holding > Achieved",
	"Phase second":                        "Waiting > Active > Holding > Achieved > Regressed > Achieved",
	"Barrier too-few":                     "Watching > Open > Resolved",
	"Barrier services-regression-adopted": "Open > Resolved",
}

// mortal lets a number of writes through and dies at the next one: before it
// reaches the API server, or after, without the answer.
type mortal struct {
	client.Client
	mu    sync.Mutex
	left  int
	after bool
	die   func()
}

var errDead = errors.New("this operator is dead")

func (m *mortal) write(do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock() // one write at a time, so that which is the last is certain
	if m.left < 0 {
		return errDead
	}
	if m.left == 0 && !m.after {
		m.left = -1
		m.die()
		return errDead
	}
	err := do()
	if err != nil {
		return err // nothing was written, such as an event that exists already
	}
	m.left--
	if m.left == 0 && m.after {
		m.left = -1
		m.die()
		return errDead
	}
	return nil
}

func (m *mortal) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	return m.write(func() error { return m.Client.Create(ctx, o, options...) })
}

func (m *mortal) Status() client.SubResourceWriter { return mortalStatus{m.Client.Status(), m} }

type mortalStatus struct {
	client.SubResourceWriter
	of *mortal
}

func (s mortalStatus) Update(ctx context.Context, o client.Object, options ...client.SubResourceUpdateOption) error {
	return s.of.write(func() error { return s.SubResourceWriter.Update(ctx, o, options...) })
}

// undertaker starts an operator again whenever one has died.
type undertaker struct {
	t       *testing.T
	after   bool
	stopped chan struct{}
	done    sync.WaitGroup
	deaths  int
}

func startMortals(t *testing.T, after bool) *undertaker {
	u := &undertaker{t: t, after: after, stopped: make(chan struct{})}
	u.done.Go(func() {
		for {
			dead := make(chan struct{})
			one := startOperator(t, func(o *operator.Options) {
				o.Wrap = func(c client.Client) client.Client {
					return &mortal{Client: c, left: 1, after: after, die: func() { close(dead) }}
				}
			})
			select {
			case <-dead:
				one.stop()
				u.deaths++
			case <-u.stopped:
				one.stop()
				return
			}
		}
	})
	return u
}

func (u *undertaker) stop() {
	close(u.stopped)
	u.done.Wait()
}

// TestACrashAtEveryWrite plays a story with operators that die at each single
// write, before it or after it. A watcher has to see the transitions that an
// operator without faults makes, each with one event.
func TestACrashAtEveryWrite(t *testing.T) {
	for name, after := range map[string]bool{"before the second write": false, "after the first write": true} {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			journal := watchNamespace(t, namespace)
			services(t, namespace, 1)
			apply(t, namespace, program+"---"+crashStory)
			operators := startMortals(t, after)
			playCrashStory(t, namespace, journal)
			judge(t, journal)
			operators.stop()
			t.Logf("%d operators died", operators.deaths)
			if operators.deaths < 20 {
				t.Errorf("only %d operators died: the story has more writes", operators.deaths)
			}
		})
	}
}

func TestTheSameStoryWithoutCrashes(t *testing.T) {
	namespace := newNamespace(t)
	journal := watchNamespace(t, namespace)
	services(t, namespace, 1)
	apply(t, namespace, program+"---"+crashStory)
	startOperator(t, nil)
	playCrashStory(t, namespace, journal)
	judge(t, journal)
}

func playCrashStory(t *testing.T, namespace string, journal *demo.Journal) {
	t.Helper()
	const within = time.Minute
	reach := func(object, path string) {
		t.Helper()
		eventually(t, within, object+" to go "+path, func() bool { return journal.Path(object) == path }, func() string {
			return journal.Path(object)
		})
	}
	reach("Barrier too-few", "Watching > Open")
	services(t, namespace, 4)
	reach("Phase first", "Waiting > Active > Holding > Achieved")
	reach("Barrier too-few", "Watching > Open > Resolved")
	services(t, namespace, 7)
	reach("Phase second", "Waiting > Active > Holding")
	change(t, &v1alpha1.Phase{}, namespace, "second", `{"metadata":{"annotations":{"approval.uptake.dev/ok":"ada"}}}`)
	reach("Phase second", "Waiting > Active > Holding > Achieved")
	reach("AdoptionProgram services", "Planned > Active > Sustaining")
	services(t, namespace, 5)
	reach("Phase second", "Waiting > Active > Holding > Achieved > Regressed")
	reach("Barrier services-regression-adopted", "Open")
	services(t, namespace, 7)
	reach("Phase second", "Waiting > Active > Holding > Achieved > Regressed > Achieved")
	reach("Barrier services-regression-adopted", "Open > Resolved")
}

func judge(t *testing.T, journal *demo.Journal) {
	t.Helper()
	var err error
	for range 100 { // the events of the last transitions are on their way
		if err = journal.Judge(crashPaths); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error(err)
}
