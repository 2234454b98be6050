// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// An approval is of something: the targets that are to be met, by whom, for how
// long, and how that is measured. When one of these changes, people have not
// approved what there is now. What is only shown (descriptions, reporting, dates)
// changes nothing of it.

// approvedParts are what an approval is of, in the order in which a change is told.
var approvedParts = []struct{ name, change string }{
	{"targets", "other targets"}, {"audience", "another audience"}, {"hold", "another hold"}, {"queries", "other queries"},
}

// approvedNow is what an approval that is given now is of, "targets=4f1c... ...":
// a short hash of each part.
func (p *phaseStep) approvedNow() string {
	spec := &p.phase.Spec
	parts := map[string]any{
		"targets": canonicalTargets(spec.Targets), "audience": p.approvedAudience(),
		"hold": canonicalHold(spec.Hold), "queries": p.approvedQueries(),
	}
	texts := make([]string, 0, len(approvedParts))
	for _, part := range approvedParts {
		texts = append(texts, part.name+"="+shortHash(parts[part.name]))
	}
	return strings.Join(texts, " ")
}

// shortHash is of the JSON form, which leaves out what is not set: a field that a
// later version adds changes no hash.
func shortHash(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		text = fmt.Append(nil, v)
	}
	h := fnv.New64a()
	_, _ = h.Write(text)
	return fmt.Sprintf("%016x", h.Sum64())
}

// canonicalTargets are targets without what only their writing differs in: "80%"
// and "80.0%" are one, and so are two orders of the same.
func canonicalTargets(targets []v1alpha1.Target) []string {
	texts := make([]string, 0, len(targets))
	for i := range targets {
		t := targets[i].DeepCopy()
		t.AtLeast, t.AtMost = canonicalNumber(t.AtLeast), canonicalNumber(t.AtMost)
		t.SegmentShare = v1alpha1.Percentage(canonicalNumber(v1alpha1.Number(t.SegmentShare)))
		t.Scope = v1alpha1.ScopeOverall
		if inEach(&targets[i]) {
			t.Scope = v1alpha1.ScopeEach
		}
		slices.Sort(t.Segments)
		text, err := json.Marshal(t)
		if err != nil {
			text = fmt.Append(nil, t)
		}
		texts = append(texts, string(text))
	}
	slices.Sort(texts)
	return texts
}

func canonicalNumber(n v1alpha1.Number) v1alpha1.Number {
	digits, percent := strings.CutSuffix(string(n), "%")
	if v, err := strconv.ParseFloat(digits, 64); err == nil {
		digits = strconv.FormatFloat(v, 'g', -1, 64)
	} else if d, err := ParseDuration(digits); err == nil {
		digits = d.String()
	}
	if percent {
		digits += "%"
	}
	return v1alpha1.Number(digits)
}

func canonicalHold(h *v1alpha1.Hold) []string {
	if h == nil {
		return nil
	}
	misses := int32(0)
	if h.MissesAllowed != nil {
		misses = *h.MissesAllowed
	}
	if durationOr(h.For, 0) == 0 {
		return nil // no hold is what that is
	}
	return []string{durationOr(h.For, 0).String(), durationOr(h.Every, 0).String(), strconv.Itoa(int(misses))}
}

// approvedAudience is who the targets look at, with what the program makes of them:
// who is eligible, and who of them is exempt.
func (p *phaseStep) approvedAudience() []any {
	program := &p.program.Spec
	discovered := program.SegmentsFrom == v1alpha1.SegmentsFromPopulation
	audience := []any{slices.Sorted(slices.Values(p.phase.Spec.Segments)), discovered, program.SegmentBy, program.Population}
	if program.Population != nil && program.Population.Query != nil {
		audience = append(audience, EffectiveSource(p.program, program.Population.Query))
	}
	everybody, names := p.looksAt()
	var segments []string
	for i := range program.Segments {
		seg := &program.Segments[i]
		if !everybody && !slices.Contains(names, seg.Name) {
			continue
		}
		if discovered && len(seg.Aliases) == 0 && len(seg.Exemptions) == 0 {
			continue // it is there or not whether it is written or not
		}
		segments = append(segments, canonicalSegment(seg))
	}
	slices.Sort(segments)
	return append(audience, segments)
}

// looksAt is which segments the targets look at. A rate that is not divided is of
// everybody, whatever the audience.
func (p *phaseStep) looksAt() (everybody bool, names []v1alpha1.SegmentName) {
	program, spec := &p.program.Spec, &p.phase.Spec
	names = slices.Clone(spec.Segments)
	everybody = len(names) == 0 && len(spec.Targets) == 0
	for _, t := range spec.Targets {
		if len(t.Segments) > 0 {
			names = append(names, t.Segments...)
			continue
		}
		i := slices.IndexFunc(program.Metrics, func(m v1alpha1.Metric) bool { return m.Name == t.Metric })
		everybody = everybody || len(spec.Segments) == 0 || i >= 0 && p.ofEverybody(&program.Metrics[i])
	}
	return everybody, names
}

// ofEverybody reports whether a rate is one number by its spec.
func (p *phaseStep) ofEverybody(m *v1alpha1.Metric) bool {
	population := p.program.Spec.Population
	if m.Rate == nil || population == nil {
		return false
	}
	return population.Query == nil || p.isUndivided(QueryUse{Query: population.Query}) || p.isUndivided(QueryUse{Query: &m.Rate.Active})
}

func canonicalSegment(seg *v1alpha1.Segment) string {
	exempt := make([]string, 0, len(seg.Exemptions))
	for _, e := range seg.Exemptions {
		exempt = append(exempt, fmt.Sprint(e.Count, " ", e.Expires))
	}
	slices.Sort(exempt)
	return fmt.Sprintf("%q %q %q", seg.Name, slices.Sorted(slices.Values(seg.Aliases)), exempt)
}

// approvedQueries are the metrics of the targets as they are measured, with what
// they take from the program.
func (p *phaseStep) approvedQueries() []any {
	program := &p.program.Spec
	var measured []any
	for _, name := range p.targetMetrics() {
		i := slices.IndexFunc(program.Metrics, func(m v1alpha1.Metric) bool { return m.Name == name })
		if i < 0 {
			measured = append(measured, name)
			continue
		}
		measured = append(measured, canonicalMetric(&program.Metrics[i]))
		for _, use := range metricQueries(&program.Metrics[i]) {
			measured = append(measured, use.SegmentBy(p.program), EffectiveSource(p.program, use.Query))
		}
	}
	return measured
}

// canonicalMetric is a metric without what is only shown (its baseline), and with
// what it has by default: to write that out changes nothing.
func canonicalMetric(metric *v1alpha1.Metric) *v1alpha1.Metric {
	m := metric.DeepCopy()
	m.Baseline = nil
	m.Direction = cmp.Or(m.Direction, v1alpha1.DirectionIncrease)
	m.Format, m.OnEmpty = formatOf(metric), cmp.Or(m.OnEmpty, v1alpha1.OnEmptyUnknown)
	if m.Query != nil {
		m.Aggregation = aggregationOf(metric)
	}
	m.SampleEvery, m.StaleAfter = canonicalLength(cmp.Or(m.SampleEvery, "1d")), canonicalLength(m.StaleAfter)
	if m.Smooth != nil {
		m.Smooth.Over, m.Smooth.Function = canonicalLength(m.Smooth.Over), cmp.Or(m.Smooth.Function, v1alpha1.SmoothMean)
	}
	return m
}

func canonicalLength(d v1alpha1.Duration) v1alpha1.Duration {
	return v1alpha1.Duration(canonicalNumber(v1alpha1.Number(d)))
}

// targetMetrics are the metrics of the targets, each once.
func (p *phaseStep) targetMetrics() []v1alpha1.Name {
	var names []v1alpha1.Name
	for _, t := range p.phase.Spec.Targets {
		names = append(names, t.Metric)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// spendChanged spends approvals of something else than what there is now, while
// they still decide something: a gate at the start until the phase has started, one
// at the finish until it is achieved. A gate that was taken out is not approved when
// it comes back.
func (p *phaseStep) spendChanged(current string) {
	for i := range p.status.Approvals {
		a := &p.status.Approvals[i]
		gate := p.gate(a.Gate)
		switch {
		case a.Spent:
		case gate == nil && p.status.State != "":
			a.Spent, a.SpentBecause = true, "its gate was taken out since"
		case a.ApprovedFor == "":
			a.ApprovedFor = current // recorded by an earlier version: of what was there then
		case gate != nil && !p.decided(*gate) && a.ApprovedFor != current:
			a.Spent, a.SpentBecause = true, "it was for "+changedSince(a.ApprovedFor, current)
		}
	}
}

// gate is a gate of the phase by its name; nil when there is none.
func (p *phaseStep) gate(name string) *v1alpha1.Gate {
	for i := range p.phase.Spec.Gates {
		if string(p.phase.Spec.Gates[i].Name) == name {
			return &p.phase.Spec.Gates[i]
		}
	}
	return nil
}

// decided reports whether what a gate kept back has happened.
func (p *phaseStep) decided(g v1alpha1.Gate) bool {
	waiting := p.status.State == "" || p.status.State == v1alpha1.PhaseWaiting
	return p.done() || gateAt(g) == v1alpha1.GateAtStart && !waiting
}

// changedSince says in what two approvals differ: "other targets, another hold".
func changedSince(before, now string) string {
	var changes []string
	old := strings.Fields(before)
	for i, text := range strings.Fields(now) {
		if i < len(approvedParts) && !slices.Contains(old, text) {
			changes = append(changes, approvedParts[i].change)
		}
	}
	if len(changes) == 0 {
		return "something else"
	}
	return strings.Join(changes, ", ")
}

// approvedForOther says that something has changed since the approval of a gate
// that has decided: that takes nothing back, and is not what was approved.
func (p *phaseStep) approvedForOther() string {
	current := ""
	for _, a := range p.status.Approvals {
		if p.gate(a.Gate) == nil || a.Spent || a.ApprovedFor == "" {
			continue
		}
		if current == "" {
			current = p.approvedNow()
		}
		if a.ApprovedFor != current {
			return "; the approval of " + a.By + " was for " + changedSince(a.ApprovedFor, current)
		}
	}
	return ""
}
