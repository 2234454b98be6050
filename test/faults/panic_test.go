// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/operator"
	"github.com/uptake-dev/uptake/test/internal/processtest"
)

const secret = "hunter2-must-not-be-told"

// buggy fails on one object, for as long as it has the bug.
type buggy struct {
	client.Client
	on  string
	bug *atomic.Bool
}

func (b buggy) Status() client.SubResourceWriter {
	return buggyStatus{b.Client.Status(), b}
}

type buggyStatus struct {
	client.SubResourceWriter
	of buggy
}

func (b buggyStatus) Update(ctx context.Context, o client.Object, options ...client.SubResourceUpdateOption) error {
	if _, isPhase := o.(*v1alpha1.Phase); isPhase && o.GetName() == b.of.on && b.of.bug.Load() {
		panic(secret)
	}
	return b.SubResourceWriter.Update(ctx, o, options...)
}

const another = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: other}
spec:
  objective: Others go on
  accountability: {executiveSponsor: CIO, programOwner: platform}
  interval: 1s
  population: {count: 100}
  metrics:
  - name: adopted
    dimension: Reach
    rate: {active: {configMap: {name: numbers, key: moved}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: others}
spec:
  programRef: {name: other}
  targets: [{metric: adopted, atLeast: "50%"}]
`

// TestAPanicQuarantinesOneObject has a step panic. The program says so, others go on,
// what it panicked with is told nowhere, and a change is worth another attempt.
func TestAPanicQuarantinesOneObject(t *testing.T) {
	s := begin(t, "1s", 20)
	bug, registry, log := &atomic.Bool{}, prometheus.NewRegistry(), &processtest.Output{}
	bug.Store(true)
	run(t, plane.Config, s.namespace, func(o *operator.Options) {
		o.Registerer, o.Log = registry, logTo(log)
		o.Wrap = func(c client.Client) client.Client { return buggy{c, "first", bug} }
	})
	stalled := func() *metav1.Condition {
		return meta.FindStatusCondition(s.program().Status.Conditions, v1alpha1.ConditionStalled)
	}
	s.eventually("the program says that it is left alone", func() bool {
		c := stalled()
		return c != nil && c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonQuarantined
	}, func() string { return s.program().Status.Summary })
	if ready := meta.FindStatusCondition(s.program().Status.Conditions, v1alpha1.ConditionReady); ready == nil || ready.Status != metav1.ConditionFalse {
		t.Errorf("it is still Ready: %v", ready)
	}
	events := func() (events []corev1.Event) {
		var list corev1.EventList
		if err := people.List(t.Context(), &list, client.InNamespace(s.namespace)); err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Items {
			if e.Reason == v1alpha1.ReasonQuarantined {
				events = append(events, e)
			}
		}
		return events
	}
	s.eventually("there is an event", func() bool { return len(events()) == 1 }, func() string { return "" })

	s.apply(another)
	s.is(60)
	s.reach("Phase others", "Waiting > Active > Holding > Achieved")
	if path := s.journal.Path("Phase first"); path != "" {
		t.Errorf("it is left alone, and went %s", path)
	}
	if n := panics(t, registry); n < 1 || n > 3 {
		t.Errorf("counted %v panics: it is not left alone", n)
	}
	if n := len(events()); n != 1 {
		t.Errorf("%d events tell of it", n)
	}

	bug.Store(false)
	s.approve() // a change: tried at once
	s.eventually("the program is as any other", func() bool { return stalled() == nil }, func() string { return s.program().Status.Summary })
	s.reach("Phase second", "Waiting > Active > Holding > Achieved")
	if strings.Contains(log.String(), secret) {
		t.Error("what it panicked with is in the log")
	}
	if !strings.Contains(log.String(), "buggyStatus") {
		t.Errorf("the log has no trace:\n%s", log)
	}
}

func panics(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, family := range families {
		if family.GetName() == "uptake_panics_total" {
			for _, m := range family.GetMetric() {
				total += value(m)
			}
		}
	}
	return total
}

func value(m *dto.Metric) float64 { return m.GetCounter().GetValue() }
