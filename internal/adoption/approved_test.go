// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"slices"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

const approvalOK = "approval.uptake.dev/ok"

// approvedPhase has its Finish gate approved and its target not met.
func approvedPhase(t *testing.T) (*world, *v1alpha1.Phase) {
	t.Helper()
	w := newWorld(t).withSegments("staff", "students")
	w.counts("population.query", map[string]float64{"staff": 50, "students": 50})
	w.counts("rate.active", map[string]float64{"staff": 20, "students": 20})
	p := w.phase("only", targeting("adopted", "80%"), holdingFor("2d", "12h", 1), gated("ok", v1alpha1.GateAtFinish))
	p.Annotations[approvalOK] = "cio"
	w.begin()
	if len(p.Status.Approvals) != 1 || p.Status.Approvals[0].Spent || p.Status.Approvals[0].ApprovedFor == "" {
		t.Fatalf("the approval is not recorded: %+v", p.Status.Approvals)
	}
	return w, p
}

// An editor makes easier what was approved: that is not what people have decided.
func TestAnApprovalIsOfWhatWasThere(t *testing.T) {
	for name, test := range map[string]struct {
		change func(w *world, s *v1alpha1.PhaseSpec)
		says   string
	}{
		"easier targets": {func(_ *world, s *v1alpha1.PhaseSpec) { s.Targets[0].AtLeast = "3%" }, "other targets"},
		"fewer segments": {func(_ *world, s *v1alpha1.PhaseSpec) {
			s.Targets[0].AtLeast = "3%"
			s.Segments = []v1alpha1.SegmentName{"staff"}
		}, "other targets, another audience"},
		"a share of segments": {func(_ *world, s *v1alpha1.PhaseSpec) { s.Targets[0].AtLeast, s.Targets[0].SegmentShare = "40%", "50%" }, "other targets"},
		"no hold": {func(w *world, s *v1alpha1.PhaseSpec) {
			s.Hold = nil
			w.counts("rate.active", map[string]float64{"staff": 50, "students": 50})
		}, "another hold"},
		"more misses": {func(w *world, s *v1alpha1.PhaseSpec) {
			s.Hold.MissesAllowed = new(int32(2))
			w.counts("rate.active", map[string]float64{"staff": 50, "students": 50})
		}, "another hold"},
		"another query": {func(w *world, _ *v1alpha1.PhaseSpec) {
			w.metric("adopted").Rate.Active = *objectsQuery("Everything")
			w.counts("rate.active", map[string]float64{"staff": 50, "students": 50})
		}, "other queries"},
		"another denominator": {func(w *world, _ *v1alpha1.PhaseSpec) {
			w.program.Spec.Population.Query = objectsQuery("Few")
			w.counts("rate.active", map[string]float64{"staff": 50, "students": 50})
		}, "another audience"},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := approvedPhase(t)
			test.change(w, &p.Spec)
			p.Generation++
			w.run(10 * day)
			w.expect(p, v1alpha1.PhaseHolding)
			want := "waits for approval of ok (that of cio does not count: it was for " + test.says + "). Approve again with: kubectl -n ns annotate phase only " + approvalOK + "- && "
			if !strings.Contains(p.Status.Summary, want) {
				t.Errorf("it is told %q, want %q", p.Status.Summary, want)
			}
			if got := condition(p.Status.Conditions, "Approved"); got != "False/NotApproved" {
				t.Errorf("Approved is %s", got)
			}
			w.run(day) // the annotation that is still there is no new approval
			w.expect(p, v1alpha1.PhaseHolding)
			delete(p.Annotations, approvalOK)
			w.run(hour)
			p.Annotations[approvalOK] = "cio"
			w.run(2 * day)
			w.expect(p, v1alpha1.PhaseAchieved)
		})
	}
}

// Going back to what was approved does not bring the approval back: it was given
// before somebody tried something else.
func TestASpentApprovalStaysSpent(t *testing.T) {
	w, p := approvedPhase(t)
	p.Spec.Targets[0].AtLeast = "3%"
	w.run(hour)
	p.Spec.Targets[0].AtLeast = "80%"
	w.counts("rate.active", map[string]float64{"staff": 50, "students": 50})
	w.run(10 * day)
	w.expect(p, v1alpha1.PhaseHolding)
	p.Annotations[approvalOK] = "ceo" // somebody else approves
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestAnApprovalInTheSameChangeIsOfTheNewTargets(t *testing.T) {
	w, p := approvedPhase(t)
	p.Spec.Targets[0].AtLeast, p.Annotations[approvalOK] = "3%", "ceo"
	p.Generation++
	w.run(10 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestWhatIsOnlyShownSpendsNoApproval(t *testing.T) {
	for name, change := range map[string]func(w *world, p *v1alpha1.Phase){
		"a deadline":      func(_ *world, p *v1alpha1.Phase) { p.Spec.Deadline = "2027-03-31" },
		"a description":   func(_ *world, p *v1alpha1.Phase) { p.Spec.Gates[0].Description = "50 is enough" },
		"reporting":       func(_ *world, p *v1alpha1.Phase) { p.Spec.Reporting = v1alpha1.ReportingObserve },
		"sustain":         func(_ *world, p *v1alpha1.Phase) { p.Spec.Sustain = &v1alpha1.Sustain{For: "7d"} },
		"the same number": func(_ *world, p *v1alpha1.Phase) { p.Spec.Targets[0].AtLeast = "80.0%" },
		"the same hold":   func(_ *world, p *v1alpha1.Phase) { p.Spec.Hold.For = "48h" },
		"another metric": func(w *world, _ *v1alpha1.Phase) {
			w.program.Spec.Metrics = append(w.program.Spec.Metrics, v1alpha1.Metric{Name: "more", Query: objectsQuery("More")})
		},
		"a baseline": func(w *world, _ *v1alpha1.Phase) { w.metric("adopted").Baseline = &v1alpha1.Baseline{Value: "2%"} },
		"a freeze": func(w *world, _ *v1alpha1.Phase) {
			w.program.Spec.Freezes = []v1alpha1.Freeze{{From: "2027-12-19", To: "2027-12-31"}}
		},
		"the annotation taken": func(_ *world, p *v1alpha1.Phase) { delete(p.Annotations, approvalOK) },
	} {
		t.Run(name, func(t *testing.T) {
			w, p := approvedPhase(t)
			change(w, p)
			w.counts("rate.active", map[string]float64{"staff": 50, "students": 50})
			w.run(10 * day)
			w.expect(p, v1alpha1.PhaseAchieved)
		})
	}
}

// An approval of an earlier version has no record of what it is of.
func TestAnApprovalOfAnEarlierVersionCounts(t *testing.T) {
	w, p := approvedPhase(t)
	p.Status.Approvals[0].ApprovedFor = ""
	w.counts("rate.active", map[string]float64{"staff": 50, "students": 50})
	w.run(hour)
	if p.Status.Approvals[0].ApprovedFor == "" {
		t.Error("what it is of is still not recorded")
	}
	w.run(10 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
}

func TestWhatWasDecidedIsNotUndecided(t *testing.T) {
	w, p := approvedPhase(t)
	w.counts("rate.active", map[string]float64{"staff": 50, "students": 50})
	w.run(10 * day)
	w.expect(p, v1alpha1.PhaseAchieved)
	p.Spec.Targets[0].AtLeast = "60%" // still met: it stays, and does not hide what was approved
	w.run(day)
	w.expect(p, v1alpha1.PhaseAchieved)
	i := slices.IndexFunc(shortConditions(p.Status.Conditions), func(c string) bool {
		return strings.HasPrefix(c, "Approved=True") && strings.Contains(c, "the approval of cio was for other targets")
	})
	if i < 0 {
		t.Errorf("nobody says what was approved: %v", shortConditions(p.Status.Conditions))
	}
	w.counts("rate.active", map[string]float64{"staff": 20, "students": 20})
	p.Spec.Targets[0].AtLeast = "90%" // not met: active again, and to be approved again
	w.run(day)
	w.expect(p, v1alpha1.PhaseActive)
	w.counts("rate.active", map[string]float64{"staff": 50, "students": 50})
	w.run(10 * day)
	w.expect(p, v1alpha1.PhaseHolding)
}

func TestAStartThatWasApprovedForOtherTargetsIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	w.is(40, 100)
	p := w.phase("only", targeting("adopted", "80%"), dated("2026-11-10", ""), gated("ok", v1alpha1.GateAtStart))
	p.Annotations[approvalOK] = "cio"
	w.begin()
	p.Spec.Targets[0].AtLeast = "3%"
	w.run(10 * day)
	w.expect(p, v1alpha1.PhaseWaiting)
	if !strings.Contains(p.Status.WaitsFor, "that of cio does not count: it was for other targets") {
		t.Errorf("it waits for %s", p.Status.WaitsFor)
	}
	p.Annotations[approvalOK] = "ceo"
	w.run(hour)
	w.expect(p, v1alpha1.PhaseAchieved)
}

// A gate that was taken out and comes back is asked for.
func TestAGateThatComesBackIsNotApproved(t *testing.T) {
	w, p := approvedPhase(t)
	gates := p.Spec.Gates
	p.Spec.Gates = nil
	w.run(hour)
	p.Spec.Gates = gates
	w.counts("rate.active", map[string]float64{"staff": 50, "students": 50})
	w.run(10 * day)
	w.expect(p, v1alpha1.PhaseHolding)
	if !strings.Contains(p.Status.Summary, "its gate was taken out since") {
		t.Errorf("it is told %q", p.Status.Summary)
	}
}

// What breaks a phase for a while does not carry an approval over to other targets.
func TestAnApprovalOfABrokenPhaseIsOfWhatItAskedFor(t *testing.T) {
	w := newWorld(t)
	w.is(40, 100)
	p := w.phase("only", targeting("adoptd", "80%"), gated("ok", v1alpha1.GateAtFinish))
	p.Annotations[approvalOK] = "cio"
	w.begin()
	p.Spec.Targets[0].Metric, p.Spec.Targets[0].AtLeast = "adopted", "3%"
	w.run(2 * day)
	w.expect(p, v1alpha1.PhaseHolding)
}

// What turns a miss into a pass may stand in the program: it was not approved either.
func TestAChangeOfTheProgramThatDecidesSpendsAnApproval(t *testing.T) {
	exempt := []v1alpha1.Exemption{{Count: 10, Reason: "on leave", ApprovedBy: "CIO"}}
	for name, test := range map[string]struct {
		change func(s *v1alpha1.AdoptionProgramSpec)
		says   string
	}{
		"exemptions":              {func(s *v1alpha1.AdoptionProgramSpec) { s.Segments[0].Exemptions = exempt }, "another audience"},
		"an alias":                {func(s *v1alpha1.AdoptionProgramSpec) { s.Segments[0].Aliases = []v1alpha1.SegmentName{"crew"} }, "another audience"},
		"a segment less":          {func(s *v1alpha1.AdoptionProgramSpec) { s.Segments = s.Segments[:1] }, "another audience"},
		"segments from elsewhere": {func(s *v1alpha1.AdoptionProgramSpec) { s.SegmentsFrom = v1alpha1.SegmentsFromPopulation }, "another audience"},
		"a declared population":   {func(s *v1alpha1.AdoptionProgramSpec) { s.Population = &v1alpha1.Population{Count: new(int64(50))} }, "another audience"},
		"another division":        {func(s *v1alpha1.AdoptionProgramSpec) { s.SegmentBy = &v1alpha1.SegmentBy{Label: "site"} }, "another audience, other queries"},
		"another dimension":       {func(s *v1alpha1.AdoptionProgramSpec) { s.Metrics[0].Dimension = v1alpha1.DimensionDepth }, "other queries"},
		"another direction":       {func(s *v1alpha1.AdoptionProgramSpec) { s.Metrics[0].Direction = v1alpha1.DirectionDecrease }, "other queries"},
		"another format":          {func(s *v1alpha1.AdoptionProgramSpec) { s.Metrics[0].Format = v1alpha1.FormatNumber }, "other queries"},
		"nothing is zero":         {func(s *v1alpha1.AdoptionProgramSpec) { s.Metrics[0].OnEmpty = v1alpha1.OnEmptyZero }, "other queries"},
		"another sample":          {func(s *v1alpha1.AdoptionProgramSpec) { s.Metrics[0].SampleEvery = "1h" }, "other queries"},
		"older answers":           {func(s *v1alpha1.AdoptionProgramSpec) { s.Metrics[0].StaleAfter = "30d" }, "other queries"},
		"a proof of life":         {func(s *v1alpha1.AdoptionProgramSpec) { s.Metrics[0].Heartbeat = objectsQuery("Lease") }, "other queries"},
		"a smoothed value":        {func(s *v1alpha1.AdoptionProgramSpec) { s.Metrics[0].Smooth = &v1alpha1.Smooth{Over: "7d"} }, "other queries"},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := approvedPhase(t)
			test.change(&w.program.Spec)
			w.run(hour)
			if a := p.Status.Approvals[0]; !a.Spent || a.SpentBecause != "it was for "+test.says {
				t.Errorf("spent: %v, because %q, want %q", a.Spent, a.SpentBecause, test.says)
			}
		})
	}
}

func TestAggregationSpendsAnApproval(t *testing.T) {
	w := withMetrics(t)
	p := w.phase("only", targets(least("score", "80")), gated("ok", v1alpha1.GateAtFinish))
	p.Annotations[approvalOK] = "cio"
	w.begin()
	w.metric("score").Aggregation = v1alpha1.AggregationMax
	w.run(hour)
	if a := p.Status.Approvals[0]; a.SpentBecause != "it was for other queries" {
		t.Errorf("spent: %v, because %q", a.Spent, a.SpentBecause)
	}
}

// What the phase does not look at, or what only writes out a default, is not what was approved.
func TestAChangeOfTheProgramThatDecidesNothingSpendsNoApproval(t *testing.T) {
	exempt := []v1alpha1.Exemption{{Count: 10, Reason: "on leave", ApprovedBy: "CIO"}}
	for name, change := range map[string]func(s *v1alpha1.AdoptionProgramSpec){
		"exemptions of others": func(s *v1alpha1.AdoptionProgramSpec) { s.Segments[1].Exemptions = exempt },
		"an alias of others":   func(s *v1alpha1.AdoptionProgramSpec) { s.Segments[1].Aliases = []v1alpha1.SegmentName{"pupils"} },
		"others gone":          func(s *v1alpha1.AdoptionProgramSpec) { s.Segments = s.Segments[:1] },
		"a mode":               func(s *v1alpha1.AdoptionProgramSpec) { s.Segments[0].Mode = v1alpha1.ModeOptIn },
		"another default mode": func(s *v1alpha1.AdoptionProgramSpec) {
			s.SegmentDefaults = &v1alpha1.SegmentDefaults{Mode: v1alpha1.ModeOptIn}
		},
		"defaults written out": func(s *v1alpha1.AdoptionProgramSpec) {
			s.Metrics[0].Format, s.Metrics[0].SampleEvery = v1alpha1.FormatPercent, "24h"
		},
		"defaults left out": func(s *v1alpha1.AdoptionProgramSpec) {
			s.Metrics[0].Direction, s.Metrics[0].OnEmpty, s.Metrics[0].SampleEvery, s.SegmentsFrom = "", "", "", ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).withSegments("staff", "students")
			w.counts("population.query", map[string]float64{"staff": 50, "students": 50})
			w.counts("rate.active", map[string]float64{"staff": 20, "students": 20})
			p := w.phase("only", targeting("adopted", "80%"), inSegments("staff"), gated("ok", v1alpha1.GateAtFinish))
			p.Annotations[approvalOK] = "cio"
			w.begin()
			change(&w.program.Spec)
			w.run(hour)
			if a := p.Status.Approvals[0]; a.Spent {
				t.Errorf("spent: %s", a.SpentBecause)
			}
		})
	}
}

// A rate that is one number is of everybody, so that every exemption changes it.
func TestExemptionsOfOthersSpendTheApprovalOfAnUndividedRate(t *testing.T) {
	w := newWorld(t).withSegments("staff", "students")
	w.program.Spec.Population = &v1alpha1.Population{Count: new(int64(100))}
	w.counts("rate.active", map[string]float64{"staff": 20, "students": 20})
	p := w.phase("only", targeting("adopted", "80%"), inSegments("staff"), gated("ok", v1alpha1.GateAtFinish))
	p.Annotations[approvalOK] = "cio"
	w.begin()
	w.program.Spec.Segments[1].Exemptions = []v1alpha1.Exemption{{Count: 50, Reason: "on leave", ApprovedBy: "CIO"}}
	w.run(hour)
	if a := p.Status.Approvals[0]; a.SpentBecause != "it was for another audience" {
		t.Errorf("spent: %v, because %q", a.Spent, a.SpentBecause)
	}
}
