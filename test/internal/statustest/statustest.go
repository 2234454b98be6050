// SPDX-License-Identifier: Apache-2.0

// Package statustest judges every status that a test produces: with Flux' own code
// (kstatus), with Argo CD's health scripts, and by the rules of conditions.
package statustest

import (
	"context"
	"fmt"
	"sync"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// judge looks at every status of a control plane.
type judge struct {
	client client.WithWatch

	mu      sync.Mutex
	judged  map[status.Status]int
	shown   map[string]int    // by Argo CD
	strange map[string]string // by rule, an example
}

// Run runs tests and fails them when a status that was there meanwhile breaks a rule.
func Run(ctx context.Context, c client.WithWatch, tests interface{ Run() int }) (code int, err error) {
	j, err := follow(ctx, c)
	if err != nil {
		return 1, err
	}
	if code = tests.Run(); !j.passes() {
		code = 1
	}
	return code, nil
}

// follow judges all that has a status, until the context ends.
func follow(ctx context.Context, c client.WithWatch) (*judge, error) {
	j := &judge{client: c, judged: map[status.Status]int{}, shown: map[string]int{}, strange: map[string]string{}}
	for _, list := range []client.ObjectList{
		&v1alpha1.AdoptionProgramList{}, &v1alpha1.PhaseList{}, &v1alpha1.BarrierList{}, &v1alpha1.UsageSourceList{}, &v1alpha1.ClusterUsageSourceList{},
	} {
		stream, err := c.Watch(ctx, list)
		if err != nil {
			return nil, err
		}
		go func() {
			defer stream.Stop()
			for event := range stream.ResultChan() {
				if o, is := event.Object.(client.Object); is && o.GetDeletionTimestamp() == nil {
					j.judge(o)
				}
			}
		}()
	}
	return j, nil
}

func (j *judge) judge(o client.Object) {
	gvk, err := j.client.GroupVersionKindFor(o)
	if err != nil {
		return
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(gvk)
	verdict, err := status.Compute(u)
	j.mu.Lock()
	defer j.mu.Unlock()
	note := func(rule string) {
		if j.strange[rule] == "" {
			j.strange[rule] = fmt.Sprintf("%s: %s/%s: %v", gvk.Kind, o.GetNamespace(), o.GetName(), u.Object["status"])
		}
	}
	if err != nil {
		note("kstatus cannot read it: " + err.Error())
		return
	}
	j.judged[verdict.Status]++
	shown, wrong := wrongInArgo(o, u, conditionsOf(u))
	j.shown[shown]++
	for _, rule := range wrong {
		note(rule)
	}
	for _, rule := range brokenRules(o, u, verdict.Status) {
		note(rule)
	}
}

// brokenRules says what clients would read wrongly of a status.
func brokenRules(o client.Object, u *unstructured.Unstructured, verdict status.Status) []string {
	observed, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	if observed < o.GetGeneration() {
		if verdict != status.InProgressStatus {
			return []string{"what the operator has not seen is " + verdict.String()}
		}
		return nil
	}
	var broken []string
	is := map[string]metav1.ConditionStatus{}
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, entry := range list {
		c, _ := entry.(map[string]any)
		kind, _ := c["type"].(string)
		value, _ := c["status"].(string)
		reason, _ := c["reason"].(string)
		generation, _ := c["observedGeneration"].(int64)
		is[kind] = metav1.ConditionStatus(value)
		if generation != observed {
			broken = append(broken, "a condition is about another generation than the status")
		}
		if value != "True" && isAbnormal(kind) {
			broken = append(broken, kind+" is written while it is not true")
		}
		if kind == "Ready" && value != "True" && isGreen(reason) {
			broken = append(broken, "a bad state has the reason "+reason)
		}
	}
	ready, stalled, reconciling := is["Ready"], is["Stalled"] != "", is["Reconciling"] != ""
	phase, isPhase := o.(*v1alpha1.Phase)
	gate := isPhase && phase.Spec.Reporting == v1alpha1.ReportingGate
	switch {
	case ready == "":
		broken = append(broken, "there is no Ready")
	case stalled && reconciling:
		broken = append(broken, "Stalled and Reconciling at once")
	case ready == metav1.ConditionTrue && (stalled || reconciling):
		broken = append(broken, "Stalled or Reconciling beside Ready")
	case ready != metav1.ConditionTrue && !stalled && !reconciling && !gate:
		broken = append(broken, "not Ready, and neither Stalled nor Reconciling: InProgress for ever")
	}
	want := status.InProgressStatus
	switch {
	case stalled:
		want = status.FailedStatus
	case ready == metav1.ConditionTrue:
		want = status.CurrentStatus
	}
	if verdict != want {
		broken = append(broken, fmt.Sprintf("kstatus says %s, the conditions mean %s", verdict, want))
	}
	return broken
}

// conditionsOf reads the conditions, as a client that knows nothing of the kind.
func conditionsOf(u *unstructured.Unstructured) map[string]string {
	is := map[string]string{}
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, entry := range list {
		if c, isMap := entry.(map[string]any); isMap {
			kind, _ := c["type"].(string)
			is[kind], _ = c["status"].(string)
		}
	}
	return is
}

// isAbnormal lists conditions that are present only while they are true: some
// clients paint every False as an error.
func isAbnormal(kind string) bool {
	switch kind {
	case "Blocked", "Suspended", "ReviewDue", "ExemptionsEnd", "ClockJumped", "Reconciling", "Stalled":
		return true
	}
	return false
}

// isGreen lists words that some clients paint green wherever they stand.
func isGreen(reason string) bool {
	switch reason {
	case "Ready", "Available", "Succeeded", "Success", "Accepted":
		return true
	}
	return false
}

// passes reports whether nothing was wrong and anything was judged, and reports it.
func (j *judge) passes() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Printf("Report: every status of this run: kstatus says %v, Argo CD shows %v; %d rules broken\n", j.judged, j.shown, len(j.strange))
	for rule, example := range j.strange {
		fmt.Printf("  %s, such as %s\n", rule, example)
	}
	if j.judged[status.CurrentStatus] == 0 {
		fmt.Println("  which proves nothing: run a test that makes objects, too")
		return false
	}
	return len(j.strange) == 0
}
