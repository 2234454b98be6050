// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strings"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func (s *stepper) checkTarget(f *findings, phase *v1alpha1.Phase, i int, scopes []string) {
	t := &phase.Spec.Targets[i]
	path := fmt.Sprintf("spec.targets[%d]", i)
	if share, err := ParseNumber(string(t.SegmentShare), v1alpha1.FormatPercent); err == nil && share == 0 {
		f.invalid(path+".segmentShare", "0%% of the segments are always there: ask for more")
	}
	s.checkAudience(f, path+".segments", t.Segments)
	s.checkWithinAudience(f, phase, path+".segments", t.Segments)
	divided := t.Scope == v1alpha1.ScopeEach || t.SegmentShare != ""
	if divided && !s.pop.segmented {
		f.invalid(path+".scope", "the program has no segments: leave scope out, or give the program segments")
	}
	r, ok := s.checkMetricName(f, FindingSpec, path+".metric", t.Metric, "")
	if !ok {
		return
	}
	limit, err := targetBound(t, r.Format)
	if err != nil {
		f.invalid(path+"."+boundField(t), "metric %s: %v", t.Metric, err)
	} else {
		checkTargetBound(f, path, t, r.Metric, limit)
	}
	checkDirection(f, phase, i, scopes, r)
	if s.pop.segmented && (divided || len(t.Segments) > 0) {
		s.checkDivided(f, path, t, r.Metric)
	}
}

func boundField(t *v1alpha1.Target) string {
	if t.AtLeast != "" {
		return "atLeast"
	}
	return "atMost"
}

// checkTargetBound refuses what can never be met, and what always is.
func checkTargetBound(f *findings, path string, t *v1alpha1.Target, m *v1alpha1.Metric, limit bound) {
	switch {
	case isShareOfWhole(m) && (limit.value < 0 || limit.value > 1):
		f.invalid(path, "metric %s is a share of a whole: ask for something from 0%% to 100%%", t.Metric)
	case neverNegative(m) && !limit.least && limit.value < 0:
		f.invalid(path+".atMost", "metric %s is never below 0, so that %s can never be met: ask for 0 or more", t.Metric, t.AtMost)
	case neverNegative(m) && limit.least && limit.value <= 0:
		f.invalid(path+".atLeast", "metric %s is never below 0, so that %s is always met: ask for more", t.Metric, t.AtLeast)
	case isShareOfWhole(m) && !limit.least && limit.value >= 1:
		f.invalid(path+".atMost", "metric %s is never above 100%%, so that %s is always met: ask for less", t.Metric, t.AtMost)
	}
}

// checkDirection refuses a bound against the direction of its metric, unless it is
// one side of a band whose other side is there as well.
func checkDirection(f *findings, phase *v1alpha1.Phase, i int, scopes []string, r Reading) {
	path := fmt.Sprintf("spec.targets[%d]", i)
	t := &phase.Spec.Targets[i]
	falls := r.Direction == v1alpha1.DirectionDecrease
	least := t.AtLeast != ""
	if least != falls {
		return
	}
	for j := range phase.Spec.Targets {
		other := &phase.Spec.Targets[j]
		if other.Metric == t.Metric && (other.AtLeast != "") != least && scopes[i] == scopes[j] {
			return
		}
	}
	if falls {
		f.invalid(path+".atLeast", "metric %s should decrease (spec.metrics[%s].direction): write atMost, or set direction: Increase there", t.Metric, t.Metric)
		return
	}
	f.invalid(path+".atMost", "metric %s should increase: write atLeast, or set direction: Decrease in spec.metrics[%s]", t.Metric, t.Metric)
}

// checkDivided refuses to ask an undivided number for segments. When only an answer
// shows that it is one, it may be mended there.
func (s *stepper) checkDivided(f *findings, path string, t *v1alpha1.Target, m *v1alpha1.Metric) {
	why, bySpec := s.undividedQuery(m)
	if why == "" {
		return
	}
	field, remedy := path+".scope", "take scope: Each out"
	switch {
	case t.SegmentShare != "":
		field, remedy = path+".segmentShare", "take segmentShare out"
	case len(t.Segments) > 0:
		field, remedy = path+".segments", "take segments out"
	}
	kind := FindingReference
	if bySpec {
		kind = FindingSpec
	}
	f.add(kind, v1alpha1.ReasonInvalidSpec, field, fmt.Sprintf("metric %s has no value for each segment, because %s; or %s", t.Metric, why, remedy))
}

// checkWithinAudience finds segments of a target that the phase is not about.
func (s *stepper) checkWithinAudience(f *findings, phase *v1alpha1.Phase, path string, names []v1alpha1.SegmentName) {
	if len(phase.Spec.Segments) == 0 {
		return
	}
	var outside []string
	for _, name := range names {
		if !slices.Contains(phase.Spec.Segments, name) {
			outside = append(outside, string(name))
		}
	}
	if len(outside) > 0 {
		f.invalid(path, "%s: not in spec.segments, the audience of the phase: add it there, or take it out here", listed(namesInText(outside), 5))
	}
}

// checkTargetsTogether finds targets that say the same, and those that cannot be
// met together.
func (s *stepper) checkTargetsTogether(f *findings, phase *v1alpha1.Phase, scopes []string) {
	for j := range phase.Spec.Targets {
		b := &phase.Spec.Targets[j]
		r, ok := s.readings[string(b.Metric)]
		second, err := targetBound(b, r.Format)
		if !ok || err != nil {
			continue
		}
		for i := range phase.Spec.Targets[:j] {
			a := &phase.Spec.Targets[i]
			first, err := targetBound(a, r.Format)
			if a.Metric != b.Metric || err != nil {
				continue
			}
			same := scopes[i] == scopes[j]
			if same || first.least != second.least && bothHold(phase, a, b, r.Metric) {
				checkPair(f, phase, i, j, first, second)
			}
		}
	}
}

// checkPair compares two targets that bind the same numbers.
func checkPair(f *findings, phase *v1alpha1.Phase, i, j int, first, second bound) {
	a, b := &phase.Spec.Targets[i], &phase.Spec.Targets[j]
	path := fmt.Sprintf("spec.targets[%d]", j)
	switch {
	case first.least == second.least && first.value == second.value:
		f.invalid(path, "says the same as spec.targets[%d]: take one of them out", i)
	case first.least == second.least:
		f.warn(path, "asks for the same as spec.targets[%d] with another bound: only the stricter one decides", i)
	default:
		low, high := first, second
		if second.least {
			low, high = second, first
		}
		if low.value > high.value && (!inEach(a) || !inEach(b) || sharesMeet(a, b)) {
			f.invalid(path, "%s contradicts %s in spec.targets[%d]: nothing of metric %s is both, change one of them", boundText(b), boundText(a), i, a.Metric)
		}
	}
}

func boundText(t *v1alpha1.Target) string {
	if t.AtLeast != "" {
		return "atLeast " + string(t.AtLeast)
	}
	return "atMost " + string(t.AtMost)
}

func inEach(t *v1alpha1.Target) bool { return t.Scope == v1alpha1.ScopeEach || t.SegmentShare != "" }

// scopesOf says of each target what it looks at, and how: two that are equal look at
// the same.
func scopesOf(phase *v1alpha1.Phase) []string {
	scopes := make([]string, len(phase.Spec.Targets))
	for i := range phase.Spec.Targets {
		t := &phase.Spec.Targets[i]
		scopes[i] = fmt.Sprint(inEach(t), shareOf(t), audienceText(phase, t))
	}
	return scopes
}

func shareOf(t *v1alpha1.Target) float64 {
	if v, err := ParseNumber(string(t.SegmentShare), v1alpha1.FormatPercent); err == nil {
		return v
	}
	return 1
}

// sharesMeet reports whether two shares of the same segments have segments in common.
func sharesMeet(a, b *v1alpha1.Target) bool { return shareOf(a)+shareOf(b) > 1+1e-9 }

func audienceText(phase *v1alpha1.Phase, t *v1alpha1.Target) string {
	names := t.Segments
	if len(names) == 0 {
		names = phase.Spec.Segments
	}
	return strings.Join(slices.Sorted(slices.Values(hashedNames(names))), " ")
}

// bothHold reports whether two targets of different scope bind the same numbers: each of
// some segments, and a segment or the mean of segments among them.
func bothHold(phase *v1alpha1.Phase, a, b *v1alpha1.Target, m *v1alpha1.Metric) bool {
	eachA, eachB := inEach(a) && shareOf(a) == 1, inEach(b) && shareOf(b) == 1
	inA, inB := audienceOf(phase, a), audienceOf(phase, b)
	switch {
	case eachA && eachB:
		return inA == nil || inB == nil || overlap(inA, inB)
	case inEach(a) && inEach(b):
		return sharesMeet(a, b) && audienceText(phase, a) == audienceText(phase, b)
	case (eachA && !inEach(b) || eachB && !inEach(a)) && (m.Rate != nil || m.Share != nil):
		return audienceText(phase, a) == audienceText(phase, b)
	default:
		return false
	}
}

func overlap(a, b map[string]bool) bool {
	for name := range a {
		if b[name] {
			return true
		}
	}
	return false
}
