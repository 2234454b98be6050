// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// served are the phases that the operator sees to: the oldest.
func (s *stepper) served() []*v1alpha1.Phase { return s.phases[:min(len(s.phases), MaxPhases)] }

// inOrder is the phases so that each comes after those it depends on.
func (s *stepper) inOrder() []*v1alpha1.Phase {
	var order []*v1alpha1.Phase
	placed := map[string]bool{}
	var place func(ph *v1alpha1.Phase, depth int)
	place = func(ph *v1alpha1.Phase, depth int) {
		if placed[ph.Name] || depth > len(s.phases) {
			return
		}
		for _, d := range ph.Spec.DependsOn {
			if other, ok := s.phaseByName[string(d)]; ok && s.cycles[ph.Name] == "" {
				place(other, depth+1)
			}
		}
		if !placed[ph.Name] {
			placed[ph.Name] = true
			order = append(order, ph)
		}
	}
	for _, ph := range s.served() {
		place(ph, 0)
	}
	return order
}

// placesOf numbers phases in the order of the program, so that texts sort as it does.
func placesOf(phases []*v1alpha1.Phase) map[string]string {
	width := max(len(fmt.Sprint(len(phases))), 2)
	places := make(map[string]string, len(phases))
	for i, p := range phases {
		places[p.Name] = fmt.Sprintf("%0*d", width, i+1)
	}
	return places
}
