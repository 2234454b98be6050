// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/operator"
)

// TestASlowEtcdCostsTimeAndNothingElse puts two seconds between an API server and its
// etcd. The Lease stays with its holder, and every transition is made once.
func TestASlowEtcdCostsTimeAndNothingElse(t *testing.T) {
	s := begin(t, "2s", 20)
	config, etcd := secondServer(t)
	leads := run(t, config, s.namespace, func(o *operator.Options) { o.LeaderElection = true })
	s.reach("Phase first", "Waiting > Active > Holding")
	leader := s.holder()
	etcd.delay.Store(int64(2 * time.Second))
	s.approve()
	s.reach("Phase second", "Waiting > Active")
	s.judge(latePaths)
	select {
	case err := <-leads.ended:
		t.Errorf("the operator ended: %v", err)
	default:
	}
	if now := s.holder(); now != leader {
		t.Errorf("the Lease went from %q to %q", leader, now)
	}
	etcd.delay.Store(0)
	s.is(60)
	s.reach("Phase second", "Waiting > Active > Holding > Achieved")
}

// TestABlackHoleIsWaitedFor swallows what an operator and its API server send to each
// other. Nothing moves meanwhile, and afterwards it is right within seconds.
func TestABlackHoleIsWaitedFor(t *testing.T) {
	s := begin(t, "1s", 20)
	wire := newProxy(t, addressOf(t))
	config := rest.CopyConfig(plane.Config)
	config.Host = "https://" + wire.address()
	works := run(t, config, s.namespace, nil)
	s.reach("Phase first", "Waiting > Active > Holding")
	wire.swallow()
	s.approve()
	s.is(60)
	time.Sleep(15 * time.Second) // longer than a poll may take
	if path := s.journal.Path("Phase first"); path != "Waiting > Active > Holding" {
		t.Errorf("it moved in the dark: %s", path)
	}
	wire.heal()
	healed := time.Now()
	s.reach("Phase second", "Waiting > Active > Holding > Achieved")
	if took := time.Since(healed); took > 20*time.Second {
		t.Errorf("right only after %v", took)
	}
	s.judge(map[string]string{
		"AdoptionProgram fence": "Planned > Active > Sustaining",
		"Phase first":           "Waiting > Active > Holding > Achieved",
		"Phase second":          "Waiting > Active > Holding > Achieved",
	})
	select {
	case err := <-works.ended:
		t.Errorf("the operator ended: %v", err)
	default:
	}
}

// TestAStaleAPIServerMovesNothing cuts an API server off from etcd while it still
// believes that a gate is open, and starts an operator against it.
func TestAStaleAPIServerMovesNothing(t *testing.T) {
	s := begin(t, "1s", 20)
	config, etcd := secondServer(t)
	before := run(t, config, s.namespace, nil)
	s.reach("Phase first", "Waiting > Active > Holding")
	before.stop()
	if err := <-before.ended; err != nil {
		t.Fatal(err)
	}
	s.approve()
	stale, err := client.New(config, client.Options{Scheme: people.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	first := &v1alpha1.Phase{}
	s.eventually("the second server knows the approval", func() bool {
		return stale.Get(t.Context(), types.NamespacedName{Namespace: s.namespace, Name: "first"}, first) == nil && len(first.Annotations) > 0
	}, func() string { return "" })

	etcd.swallow()
	withdraw := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"approval.uptake.dev/ok":null}}}`))
	if err := people.Patch(t.Context(), s.phase("first"), withdraw); err != nil {
		t.Fatal(err)
	}
	s.is(70)
	run(t, config, s.namespace, nil)
	time.Sleep(8 * time.Second) // it has started, and may read what it can
	if path := s.journal.Path("Phase first"); path != "Waiting > Active > Holding" {
		t.Errorf("it moved on what is not true any more: %s", path)
	}
	etcd.heal()
	s.shows("70%")
	s.judge(map[string]string{"AdoptionProgram fence": "Planned > Active", "Phase first": "Waiting > Active > Holding"})
	s.approve()
	s.reach("Phase second", "Waiting > Active > Holding > Achieved")
}
