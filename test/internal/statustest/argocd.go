// SPDX-License-Identifier: Apache-2.0

package statustest

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/test/internal/argocdtest"
)

// wrongInArgo says what is wrong with what Argo CD shows of a status; is holds the
// conditions.
func wrongInArgo(o client.Object, u *unstructured.Unstructured, is map[string]string) (shown string, broken []string) {
	observed, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	seen := observed >= o.GetGeneration() && len(is) > 0
	health, err := argocdtest.HealthOf(u)
	switch {
	case err != nil:
		return "", []string{"health.lua fails: " + err.Error()}
	case health.Message == "":
		broken = append(broken, "Argo CD shows "+health.Status+" without a message")
	}
	if _, err := argocdtest.ActionsFor(u); err != nil {
		broken = append(broken, "discovery.lua fails: "+err.Error())
	}
	shown = health.Status
	if !slices.Contains(argoColours(o, is, seen), shown) {
		broken = append(broken, fmt.Sprintf("Argo CD shows a %T as %s", o, shown))
	}
	return shown, broken
}

// argoColours are those that an object may have, by its conditions and state.
func argoColours(o client.Object, is map[string]string, seen bool) []string {
	switch o := o.(type) {
	case *v1alpha1.UsageSource, *v1alpha1.ClusterUsageSource:
		switch {
		case !seen:
			return []string{"Progressing"}
		case is["Ready"] == "True":
			return []string{"Healthy"}
		}
		return []string{"Degraded", "Progressing"}
	case *v1alpha1.Phase:
		if seen && is["Stalled"] == "" && is["Reconciling"] == "" && is["Suspended"] == "" {
			return phaseColours(o, is)
		}
	case *v1alpha1.AdoptionProgram:
		if seen && is["Stalled"] == "" && is["Reconciling"] != "" {
			return waitingColours(is)
		}
	}
	switch {
	case !seen, is["Stalled"] == "" && is["Reconciling"] != "":
		return []string{"Progressing"}
	case is["Stalled"] != "":
		return []string{"Degraded"}
	case is["Suspended"] != "":
		return []string{"Suspended"}
	}
	if _, isProgram := o.(*v1alpha1.AdoptionProgram); isProgram && is["SourcesHealthy"] == "False" {
		return []string{"Healthy", "Degraded"}
	}
	return []string{"Healthy"}
}

// waitingColours are those of a program that something keeps from being measured: red
// only where that is a source that fails.
func waitingColours(is map[string]string) []string {
	colours := []string{"Progressing"}
	if is["SourcesHealthy"] == "False" {
		colours = append(colours, "Degraded")
	}
	if is["Suspended"] != "" {
		colours = append(colours, "Suspended")
	}
	return colours
}

func phaseColours(p *v1alpha1.Phase, is map[string]string) []string {
	missed := p.Status.Health == v1alpha1.HealthDelayed || p.Status.Health == v1alpha1.HealthRegressed || p.Status.State == v1alpha1.PhaseRegressed
	gate := p.Spec.Reporting == v1alpha1.ReportingGate
	switch {
	case p.Spec.Reporting == v1alpha1.ReportingObserve:
		return []string{"Healthy"}
	case missed:
		return []string{"Degraded"}
	case !gate || p.Status.State == v1alpha1.PhaseAchieved:
		return []string{"Healthy"}
	case is["Blocked"] != "":
		return []string{"Suspended"}
	}
	return []string{"Progressing"}
}
