// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// seeRegression is told from the persisted state of phases: it is there while a
// target is known to be missed, and gone once no phase is regressed. One fall is one
// barrier, with all that fell in it.
func (s *stepper) seeRegression(c cause) (cause, presence) {
	seen := absent
	var fallen []string
	for _, p := range s.inOrder() {
		if !fallenBack(p) {
			continue
		}
		for i := range p.Spec.Targets {
			if i >= len(p.Status.Targets) || p.Status.Targets[i].Met == metav1.ConditionUnknown {
				seen = unclear
				continue
			}
			if t := p.Status.Targets[i]; t.Met == metav1.ConditionFalse {
				if len(fallen) == 0 {
					c.metric = p.Spec.Targets[i].Metric
				}
				fallen = append(fallen, fmt.Sprintf("%s %s, needs %s (phase %s)", t.Metric, t.Value, t.Needs, p.Name))
			}
		}
	}
	if len(fallen) == 0 {
		if s.anyFallenBack() {
			seen = unclear
		}
		return c, seen
	}
	c.summary = "What was achieved has fallen back: " + strings.Join(fallen[:min(len(fallen), 4)], "; ")
	if more := len(fallen) - 4; more > 0 {
		c.summary += fmt.Sprintf("; +%d", more)
	}
	return c, present
}

// anyFallenBack reports whether a phase is on its way back, if no target is missed any more.
func (s *stepper) anyFallenBack() bool { return slices.ContainsFunc(s.phases, fallenBack) }

// fallenBack reports whether a phase was achieved and is not any more.
func fallenBack(p *v1alpha1.Phase) bool {
	reopened := p.Status.Attempt > 1 && (p.Status.State == v1alpha1.PhaseActive || p.Status.State == v1alpha1.PhaseHolding)
	return p.Status.State == v1alpha1.PhaseRegressed || reopened
}
