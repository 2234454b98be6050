// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestALeaseThatIsDeletedIsMadeAnewAndOneThatIsStolenIsLeft(t *testing.T) {
	s := begin(t, "1s", 20)
	leads := start(t, s.namespace, true)
	s.reach("Phase first", "Waiting > Active > Holding")
	leader := s.holder()
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "uptake-operator"}}
	if err := people.Delete(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	s.eventually("the Lease is made anew", func() bool { return s.holder() == leader }, s.holder)
	s.is(30)
	s.shows("30%") // it goes on

	s.eventually("the Lease is stolen", func() bool {
		if err := people.Get(t.Context(), types.NamespacedName{Namespace: s.namespace, Name: "uptake-operator"}, lease); err != nil {
			return false
		}
		lease.Spec.HolderIdentity, lease.Spec.RenewTime = new("thief"), &metav1.MicroTime{Time: time.Now()}
		return people.Update(t.Context(), lease) == nil
	}, s.holder)
	s.approve()
	s.is(90)
	if took := leads.ends(); took > 10*time.Second {
		t.Errorf("it lived for %v without its Lease", took)
	}
	if holder := s.holder(); holder != "thief" {
		t.Errorf("it took the Lease back: %s", holder)
	}
}
