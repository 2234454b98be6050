// SPDX-License-Identifier: Apache-2.0

package statustest

import (
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func TestTheJudgeKnowsABadStatus(t *testing.T) {
	phase := func(conditions ...any) (*v1alpha1.Phase, *unstructured.Unstructured) {
		return &v1alpha1.Phase{ObjectMeta: metav1.ObjectMeta{Generation: 2}}, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "uptake.dev/v1alpha1", "kind": "Phase", "metadata": map[string]any{"generation": int64(2)},
			"status": map[string]any{"observedGeneration": int64(2), "conditions": conditions},
		}}
	}
	is := func(kind, value string, generation int64) any {
		return map[string]any{"type": kind, "status": value, "reason": "Because", "observedGeneration": generation}
	}
	for words, conditions := range map[string][]any{
		"":                     {is("Ready", "True", 2)},
		"no Ready":             {},
		"another generation":   {is("Ready", "True", 1)},
		"at once":              {is("Ready", "False", 2), is("Stalled", "True", 2), is("Reconciling", "True", 2)},
		"beside Ready":         {is("Ready", "True", 2), is("Stalled", "True", 2)},
		"InProgress for ever":  {is("Ready", "False", 2)},
		"while it is not true": {is("Ready", "True", 2), is("Blocked", "False", 2)},
	} {
		o, u := phase(conditions...)
		verdict, err := status.Compute(u)
		if err != nil {
			t.Fatal(err)
		}
		broken := strings.Join(brokenRules(o, u, verdict.Status), "; ")
		if words == "" && broken != "" || !strings.Contains(broken, words) {
			t.Errorf("want %q, got %q", words, broken)
		}
	}
}
