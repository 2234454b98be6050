// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Finding answers a question about an object.
type Finding struct {
	Status  metav1.ConditionStatus
	Reason  string
	Message string
}

func yes(reason, message string) Finding { return Finding{metav1.ConditionTrue, reason, message} }
func no(reason, message string) Finding  { return Finding{metav1.ConditionFalse, reason, message} }
func maybe(reason, message string) Finding {
	return Finding{metav1.ConditionUnknown, reason, message}
}

// problem is a finding about an object that cannot work as it is: its own spec
// (Stalled), or a reference that is not there yet (Reconciling).
type problem struct {
	stalled bool
	reason  string
	message string
	// reasons of everything that was found, the first included.
	reasons []string
}

func specProblem(reason, message string) *problem {
	return &problem{true, reason, message, []string{reason}}
}

func referenceProblem(reason, message string) *problem {
	return &problem{false, reason, message, []string{reason}}
}

// has reports whether a reason is among those found; nil has none.
func (p *problem) has(reason string) bool { return p != nil && slices.Contains(p.reasons, reason) }

// conditions sets the conditions of one object, all for one generation.
type conditions struct {
	list       *[]metav1.Condition
	generation int64
	now        time.Time
}

// set stores a finding. Every other condition of the object is brought to the
// same generation by finish.
func (c conditions) set(kind string, f Finding) {
	SetCondition(c.list, metav1.Condition{
		Type: kind, Status: f.Status, Reason: f.Reason, Message: Clip(f.Message, 2048),
		ObservedGeneration: c.generation, LastTransitionTime: stamp(c.now),
	})
}

// SetCondition stores a condition. A new reason counts as a transition: since
// when a deadline is missed is not since when something else was wrong.
func SetCondition(list *[]metav1.Condition, condition metav1.Condition) {
	was := meta.FindStatusCondition(*list, condition.Type)
	newReason := was != nil && was.Reason != condition.Reason
	meta.SetStatusCondition(list, condition)
	if newReason {
		meta.FindStatusCondition(*list, condition.Type).LastTransitionTime = condition.LastTransitionTime
	}
}

// onlyWhileTrue stores a finding that is there only while it is true.
func (c conditions) onlyWhileTrue(kind string, is bool, reason, message string) {
	if !is {
		c.remove(kind)
		return
	}
	c.set(kind, yes(reason, message))
}

// onceTrue stores a finding that appears when it is true for the first time.
func (c conditions) onceTrue(kind string, f Finding) {
	if f.Status == metav1.ConditionTrue || c.get(kind) != nil {
		c.set(kind, f)
	}
}

func (c conditions) get(kind string) *metav1.Condition {
	return meta.FindStatusCondition(*c.list, kind)
}

func (c conditions) remove(kind string) { meta.RemoveStatusCondition(c.list, kind) }

// problem stores Stalled or Reconciling, never both.
func (c conditions) problem(p *problem) {
	if p == nil || !p.stalled {
		c.remove(v1alpha1.ConditionStalled)
	}
	if p == nil || p.stalled {
		c.remove(v1alpha1.ConditionReconciling)
	}
	if p == nil {
		return
	}
	kind := v1alpha1.ConditionReconciling
	if p.stalled {
		kind = v1alpha1.ConditionStalled
	}
	c.set(kind, yes(p.reason, p.message))
}

// finish brings conditions that were kept as they are to the generation of the rest.
func (c conditions) finish() {
	for i := range *c.list {
		(*c.list)[i].ObservedGeneration = c.generation
	}
}
