// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"
)

// holder is who has the Lease.
func (s scene) holder() string {
	lease := &coordinationv1.Lease{}
	if err := people.Get(s.t.Context(), types.NamespacedName{Namespace: s.namespace, Name: "uptake-operator"}, lease); err != nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

var latePaths = map[string]string{
	"AdoptionProgram fence": "Planned > Active",
	"Phase first":           "Waiting > Active > Holding > Achieved",
	"Phase second":          "Waiting > Active",
}

// TestALeaderThatWokeUpLateDecidesNothing stops a leader that has measured 90 %. The
// next one measures 10 %, and starts a phase that needs 50 %. The first one goes on.
func TestALeaderThatWokeUpLateDecidesNothing(t *testing.T) {
	s := begin(t, "10m", 90)
	first := start(t, s.namespace, true)
	s.reach("Phase first", "Waiting > Active > Holding")
	start(t, s.namespace, true)
	leader := s.holder()
	first.signal(syscall.SIGSTOP)
	s.is(10)
	s.eventually("the second takes the Lease", func() bool { return s.holder() != leader }, s.holder)
	s.shows("10%")
	s.approve()
	s.reach("Phase second", "Waiting > Active")

	first.signal(syscall.SIGCONT)
	if took := first.ends(); took > 10*time.Second {
		t.Errorf("a leader whose Lease is another's lived for %v", took)
	}
	if !strings.Contains(first.log.String(), "leader election lost") {
		t.Error("it does not say why it ended")
	}
	s.judge(latePaths)
	s.shows("10%")
}

// TestAnOperatorThatWasStoppedMeasuresAnew stops the only operator for longer than its
// Lease may go without a renewal. Meanwhile the number falls, and a gate is opened.
func TestAnOperatorThatWasStoppedMeasuresAnew(t *testing.T) {
	for _, elect := range []bool{true, false} {
		t.Run(fmt.Sprintf("with leader election %v", elect), func(t *testing.T) {
			s := begin(t, "10m", 90)
			only := start(t, s.namespace, elect)
			s.reach("Phase first", "Waiting > Active > Holding")
			only.signal(syscall.SIGSTOP)
			s.is(10)
			s.approve()
			time.Sleep(12 * time.Second) // longer than the Lease may go without a renewal
			only.signal(syscall.SIGCONT)
			s.shows("10%")
			s.reach("Phase second", "Waiting > Active")
			s.judge(latePaths)
			if log := only.log.String(); strings.Contains(log, "Reconciler error") {
				t.Error("what it does not decide is told as an error")
			}
		})
	}
}
