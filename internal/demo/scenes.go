// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"strings"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// scene is one step of the story: something people do, and what the operator
// should make of it.
type scene struct {
	say    string
	do     func(context.Context, organisation) error
	expect string
	until  func(view) bool
}

const regressionBarrier = "gateway-api-regression-migrated"

// scenes of the story, in order.
func scenes() []scene {
	return []scene{
		{
			say:    "Five teams serve ten namespaces through Ingress. The program begins.",
			do:     func(ctx context.Context, o organisation) error { return o.settle(ctx) },
			expect: "10 namespaces are eligible, and the pilot is Active",
			until: func(v view) bool {
				pop := v.program.Status.Population
				return pop != nil && pop.Eligible == "10" && v.state("pilot") == v1alpha1.PhaseActive
			},
		},
		{
			say:    "Team search moves both of its namespaces to Gateway API.",
			do:     func(ctx context.Context, o organisation) error { return o.serveNew(ctx, namespacesOf("search")...) },
			expect: "the pilot meets its target and has to hold it for 6 seconds",
			until:  func(v view) bool { return v.state("pilot") == v1alpha1.PhaseHolding },
		},
		{
			say:    "Nothing else happens: the target stays met.",
			expect: "the pilot is Achieved, and the two phases that depend on it start",
			until: func(v view) bool {
				return v.state("pilot") == v1alpha1.PhaseAchieved && v.state("mandated-teams") == v1alpha1.PhaseActive && v.state("opt-in-teams") == v1alpha1.PhaseActive
			},
		},
		{
			say: "The old route is still open: teams create four new Ingresses.",
			do: func(ctx context.Context, o organisation) error {
				for _, name := range []string{"extra-1", "extra-2", "extra-3", "extra-4"} {
					if err := o.serveOld(ctx, "demo-media-web", name); err != nil {
						return err
					}
				}
				return nil
			},
			expect: "the barrier opens by measurement and blocks the mandated teams",
			until: func(v view) bool {
				return v.barrier("new-ingresses") == v1alpha1.BarrierOpen && v.phases["mandated-teams"].Status.Health == v1alpha1.HealthBlocked
			},
		},
		{
			say: "Ads, cart and media move as well. Behind a barrier nothing is achieved, but time counts.",
			do: func(ctx context.Context, o organisation) error {
				return o.serveNew(ctx, append(append(namespacesOf("ads"), namespacesOf("cart")...), namespacesOf("media")...)...)
			},
			expect: "the mandated teams hold, blocked",
			until:  func(v view) bool { return v.state("mandated-teams") == v1alpha1.PhaseHolding },
		},
		{
			say: "The template for new Ingresses is closed, and the four are removed.",
			do: func(ctx context.Context, o organisation) error {
				for _, name := range []string{"extra-1", "extra-2", "extra-3", "extra-4"} {
					if err := o.stopOld(ctx, "demo-media-web", name); err != nil {
						return err
					}
				}
				return nil
			},
			expect: "the barrier is Resolved by measurement",
			until:  func(v view) bool { return v.barrier("new-ingresses") == v1alpha1.BarrierResolved },
		},
		{
			say:    "Team research, which may choose, moves one of its two namespaces.",
			do:     func(ctx context.Context, o organisation) error { return o.serveNew(ctx, namespacesOf("research")[0]) },
			expect: "the opt-in phase is Achieved; the mandated one is held and waits for a person",
			until: func(v view) bool {
				mandated := v.phases["mandated-teams"].Status
				return v.state("opt-in-teams") == v1alpha1.PhaseAchieved && mandated.State == v1alpha1.PhaseHolding &&
					mandated.Hold != nil && len(mandated.Hold.Checks) == 3 && strings.Contains(mandated.WaitsFor, "approval of exec-signoff")
			},
		},
		{
			say: "The CIO office signs off: kubectl annotate phase mandated-teams approval.uptake.dev/exec-signoff=cio.",
			do: func(ctx context.Context, o organisation) error {
				return o.approve(ctx, "mandated-teams", "exec-signoff", "cio")
			},
			expect: "the mandated teams are Achieved and the last phase starts",
			until: func(v view) bool {
				return v.state("mandated-teams") == v1alpha1.PhaseAchieved && v.state("ingress-is-gone") == v1alpha1.PhaseActive
			},
		},
		{
			say:    "The teams that moved delete their old Ingresses: the legacy route falls.",
			do:     func(ctx context.Context, o organisation) error { return o.closeOld(ctx) },
			expect: "the last phase is Achieved and the program Sustaining",
			until: func(v view) bool {
				return v.state("ingress-is-gone") == v1alpha1.PhaseAchieved && v.program.Status.State == v1alpha1.ProgramSustaining
			},
		},
		{
			say:    "Months later, so to speak, team media rolls back.",
			do:     func(ctx context.Context, o organisation) error { return o.stopNew(ctx, namespacesOf("media")...) },
			expect: "the mandated teams are flagged as Regressed, and the operator opens a barrier itself",
			until: func(v view) bool {
				return v.state("mandated-teams") == v1alpha1.PhaseRegressed && v.barrier(regressionBarrier) == v1alpha1.BarrierOpen &&
					v.program.Status.Health == v1alpha1.HealthRegressed
			},
		},
		{
			say:    "Team media comes back.",
			do:     func(ctx context.Context, o organisation) error { return o.serveNew(ctx, namespacesOf("media")...) },
			expect: "the phase recovers and the program is on track again",
			until: func(v view) bool {
				return v.state("mandated-teams") == v1alpha1.PhaseAchieved && v.barrier(regressionBarrier) == v1alpha1.BarrierResolved &&
					v.program.Status.Health == v1alpha1.HealthOnTrack
			},
		},
	}
}

// Story is the way of every object, as a watcher has to have seen it.
func Story() map[string]string {
	return map[string]string{
		"AdoptionProgram gateway-api":  "Planned > Active > Sustaining",
		"Phase pilot":                  "Waiting > Active > Holding > Achieved",
		"Phase mandated-teams":         "Waiting > Active > Holding > Achieved > Regressed > Achieved",
		"Phase opt-in-teams":           "Waiting > Active > Holding > Achieved",
		"Phase ingress-is-gone":        "Waiting > Active > Holding > Achieved",
		"Barrier new-ingresses":        "Watching > Open > Resolved",
		"Barrier " + regressionBarrier: "Open > Resolved",
	}
}

func (v view) state(phase string) v1alpha1.PhaseState    { return v.phases[phase].Status.State }
func (v view) barrier(name string) v1alpha1.BarrierState { return v.barriers[name].Status.State }
