// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/operator"
)

// edited has people edit objects between a decision and its write.
type edited struct {
	client.Client
	before func(ctx context.Context, decided client.Object)
}

func (e edited) Status() client.SubResourceWriter { return editedStatus{e.Client.Status(), e} }

type editedStatus struct {
	client.SubResourceWriter
	of edited
}

func (s editedStatus) Update(ctx context.Context, o client.Object, options ...client.SubResourceUpdateOption) error {
	s.of.before(ctx, o)
	return s.SubResourceWriter.Update(ctx, o, options...)
}

func startEdited(t *testing.T, before func(ctx context.Context, decided client.Object)) {
	t.Helper()
	startOperator(t, func(o *operator.Options) {
		o.Wrap = func(c client.Client) client.Client { return edited{c, before} }
	})
}

// merge edits an object as people do, and leaves the one it is given alone.
func merge(ctx context.Context, t *testing.T, o client.Object, patch string) {
	t.Helper()
	target := o.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy of an object is one
	if err := people.Patch(ctx, target, client.RawPatch("application/merge-patch+json", []byte(patch))); client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
		t.Error(err)
	}
}

// TestEveryDecisionIsWrittenThoughObjectsAreEditedMeanwhile annotates each object
// before each decision is written: were it made anew, none would ever be.
func TestEveryDecisionIsWrittenThoughObjectsAreEditedMeanwhile(t *testing.T) {
	namespace := newNamespace(t)
	journal := watchNamespace(t, namespace)
	services(t, namespace, 1)
	apply(t, namespace, program+"---"+crashStory)
	var mu sync.Mutex
	tried, again := map[client.Object]bool{}, 0
	startEdited(t, func(ctx context.Context, decided client.Object) {
		mu.Lock()
		defer mu.Unlock()
		if tried[decided] { // the same decision once more, and not a new one
			again++
			return
		}
		tried[decided] = true
		merge(ctx, t, decided, `{"metadata":{"annotations":{"example.com/seen":"`+decided.GetResourceVersion()+`"}}}`)
	})
	playCrashStory(t, namespace, journal)
	judge(t, journal)
	mu.Lock()
	defer mu.Unlock()
	if again < 15 {
		t.Errorf("only %d writes met an edit: the story has more", again)
	}
}

// TestADecisionIsMadeAgainWhenItsGroundsWereEdited edits what a decision rests on
// after it was made and before it is written.
func TestADecisionIsMadeAgainWhenItsGroundsWereEdited(t *testing.T) {
	const gated = program + `---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: pilot, annotations: {approval.uptake.dev/ok: ada}}
spec:
  programRef: {name: services}
  targets: [{metric: adopted, atLeast: "30%"}]
  gates: [{name: ok}]
`
	for name, c := range map[string]struct {
		decided func(v1alpha1.PhaseStatus) bool
		edit    string
		want    v1alpha1.PhaseState
	}{
		"the target is raised": {
			func(s v1alpha1.PhaseStatus) bool { return s.State == v1alpha1.PhaseAchieved },
			`{"spec":{"targets":[{"metric":"adopted","atLeast":"90%"}]}}`, v1alpha1.PhaseActive,
		},
		"the approval is withdrawn": {
			func(s v1alpha1.PhaseStatus) bool { return len(s.Approvals) > 0 },
			`{"metadata":{"annotations":{"approval.uptake.dev/ok":null}}}`, v1alpha1.PhaseHolding,
		},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			journal := watchNamespace(t, namespace)
			services(t, namespace, 7)
			apply(t, namespace, gated)
			var once sync.Once
			met := make(chan struct{})
			startEdited(t, func(ctx context.Context, decided client.Object) {
				if p, ok := decided.(*v1alpha1.Phase); ok && c.decided(p.Status) {
					once.Do(func() { merge(ctx, t, decided, c.edit); close(met) })
				}
			})
			select {
			case <-met:
			case <-time.After(patience):
				t.Fatal("the decision was never made")
			}
			inState(t, namespace, "pilot", c.want)
			stays(t, func() string { return string(phase(t, namespace, "pilot").Status.State) })
			if path := journal.Path("Phase pilot"); strings.Contains(path, string(v1alpha1.PhaseAchieved)) {
				t.Errorf("the phase went %s", path)
			}
		})
	}
}
