// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// The operator opens a barrier when adoption stalls, falls back, leaves segments
// behind, or leaves the old route open. Such a barrier never blocks: what is to
// be done about it is for people to decide.

// causeSamples is over how many samples a stall is seen.
const causeSamples = 28

// plateauShare of the gap has to be closed in causeSamples, or it is a plateau.
const plateauShare = 0.1

// pattern is a way in which adoption goes wrong that the operator looks for itself.
type pattern struct {
	kind v1alpha1.CauseType
	// name of its barriers, between those of the program and of the metric.
	name     string
	category v1alpha1.BarrierCategory
	severity v1alpha1.Severity
	// title names it without numbers, since it is written once, and they move; %s is the
	// metric.
	title string
	// see looks for it in a metric; nil: it is not seen in one.
	see func(*stepper, cause, *Reading) (cause, presence)
}

// patterns are looked for in this order.
var patterns = []pattern{
	{
		kind: v1alpha1.CauseRegression, name: "regression", category: v1alpha1.CategoryProcess, severity: v1alpha1.SeverityMajor,
		title: "What was achieved has fallen back", // told from the state of phases, and not from a metric
	},
	{
		kind: v1alpha1.CausePlateau, name: "plateau", category: v1alpha1.CategoryMotivation, severity: v1alpha1.SeverityMajor,
		title: "Adoption has stalled: %s hardly moves", see: (*stepper).seePlateau,
	},
	{
		kind: v1alpha1.CauseLaggingSegments, name: "lagging-segments", category: v1alpha1.CategoryLeadership, severity: v1alpha1.SeverityMajor,
		title: "Some segments are far behind others in %s", see: (*stepper).seeLagging,
	},
	{
		kind: v1alpha1.CauseLegacyRoute, name: "legacy-route", category: v1alpha1.CategoryLegacyRoute, severity: v1alpha1.SeverityMinor,
		title: "Every phase is achieved and the old route is still open: %s", see: (*stepper).seeLegacy,
	},
}

// patternOf returns the pattern of a kind. Of one that a later version knows there is
// none, and whether it is there is unclear.
func patternOf(kind v1alpha1.CauseType) pattern {
	i := slices.IndexFunc(patterns, func(p pattern) bool { return p.kind == kind })
	if i < 0 {
		return pattern{}
	}
	return patterns[i]
}

// cause is a reason to open a barrier: a pattern that was found.
type cause struct {
	kind    v1alpha1.CauseType
	metric  v1alpha1.Name
	summary string
}

// title names the cause without numbers.
func (c cause) title() string {
	return strings.ReplaceAll(patternOf(c.kind).title, "%s", string(c.metric))
}

// openings returns the barriers to create: one for each cause and metric that
// has none. An existing one is opened again by its own transition.
func (s *stepper) openings() []*v1alpha1.Barrier {
	if ptr.Deref(s.program.Spec.Suspend, false) || len(s.barriers) >= MaxBarriers {
		return nil
	}
	taken, known := map[string]bool{}, map[v1alpha1.BarrierCause]bool{}
	for _, b := range s.barriers {
		taken[b.Name] = true
		if b.Spec.Cause != nil {
			known[keyOf(*b.Spec.Cause)] = true
		}
	}
	var open []*v1alpha1.Barrier
	for _, c := range s.causes() {
		if known[keyOf(v1alpha1.BarrierCause{Type: c.kind, Metric: c.metric})] {
			continue
		}
		name := s.barrierName(c)
		if taken[name] { // by people: theirs says nothing of this cause, whatever it is called
			const suffix = "-measured"
			name = name[:min(len(name), 253-len(suffix))] + suffix
		}
		if !taken[name] {
			taken[name] = true
			open = append(open, s.newBarrier(name, c))
		}
	}
	return open
}

// keyOf is what makes two barriers one: a regression is one, whatever fell.
func keyOf(c v1alpha1.BarrierCause) v1alpha1.BarrierCause {
	if c.Type == v1alpha1.CauseRegression {
		c.Metric = ""
	}
	return c
}

func (s *stepper) newBarrier(name string, c cause) *v1alpha1.Barrier {
	owner := ""
	if a := s.program.Spec.Accountability; a != nil {
		owner = a.ProgramOwner
	}
	what := patternOf(c.kind)
	return &v1alpha1.Barrier{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: s.program.Namespace,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "AdoptionProgram", Name: s.program.Name, UID: s.program.UID,
			}},
		},
		Spec: v1alpha1.BarrierSpec{
			ProgramRef: v1alpha1.LocalRef{Name: v1alpha1.ObjectName(s.program.Name)},
			Summary:    c.title(),
			Category:   what.category,
			Severity:   what.severity,
			Owner:      owner,
			Cause:      &v1alpha1.BarrierCause{Type: c.kind, Metric: c.metric},
		},
	}
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// barrierName is derived, so that a second attempt to create finds the first.
func (s *stepper) barrierName(c cause) string {
	metric := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(string(c.metric)), "-"), "-")
	name := fmt.Sprintf("%s-%s-%s", s.program.Name, patternOf(c.kind).name, metric)
	if metric == string(c.metric) && len(name) <= 253 {
		return name
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name + string(c.metric))) // a hash never fails to write
	return fmt.Sprintf("%s-%08x", strings.Trim(name[:min(len(name), 240)], "-"), h.Sum32())
}

// causes lists everything that is seen now, in a stable order.
func (s *stepper) causes() []cause {
	var found []cause
	if c, seen := s.seeRegression(cause{kind: v1alpha1.CauseRegression}); seen == present {
		found = append(found, c)
	}
	for i := range s.program.Spec.Metrics {
		for _, p := range patterns {
			if c, seen := s.seeCause(p, s.program.Spec.Metrics[i].Name); seen == present {
				found = append(found, c)
			}
		}
	}
	return found
}

// detectCause is what measurements say about a barrier that the operator opened.
func (b *barrierStep) detectCause(c v1alpha1.BarrierCause) detection {
	if c.Type == v1alpha1.CauseRegression { // told from the state of phases, not from a measurement
		found, seen := b.seeRegression(cause{kind: c.Type})
		return detection{presence: seen, at: b.now, summary: found.summary, rule: newWindowRule(0, 0, b.slowestInterval(), 0)}
	}
	r, ok := b.readings[string(c.Metric)]
	if !ok {
		return detection{why: "the metric is gone"}
	}
	found, seen := b.seeCause(patternOf(c.Type), c.Metric)
	d := detection{presence: seen, at: r.At, summary: found.summary, rule: newWindowRule(0, 0, r.slowest, 0)}
	if seen != present {
		// One more sample, so that a value on the edge does not open and close it.
		d.rule = newWindowRule(durationOr(r.Metric.SampleEvery, day), 0, r.slowest, 0)
	}
	return d
}

// slowestInterval is that of all metrics.
func (s *stepper) slowestInterval() time.Duration {
	slowest := time.Duration(0)
	for _, r := range s.readings {
		slowest = max(slowest, r.slowest)
	}
	return slowest
}

// seeCause looks for a pattern in a metric.
func (s *stepper) seeCause(p pattern, metric v1alpha1.Name) (cause, presence) {
	c := cause{kind: p.kind, metric: metric}
	r, exists := s.readings[string(metric)]
	if !exists || p.see == nil || !s.counts(&r) {
		return c, unclear
	}
	return p.see(s, c, &r)
}

func (s *stepper) activePhases() []*v1alpha1.Phase {
	var active []*v1alpha1.Phase
	for _, p := range s.phases {
		if p.Status.State == v1alpha1.PhaseActive && p.Status.StartedAt != nil && !ptr.Deref(p.Spec.Suspend, false) {
			active = append(active, p)
		}
	}
	return active
}
