// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// verdict is what is known of one target.
type verdict struct {
	target *v1alpha1.Target
	met    metav1.ConditionStatus
	// fresh says that the reading behind it may move something.
	fresh bool
	at    time.Time
	value string
	needs string
	// missing are segments that do not meet it, furthest behind first.
	missing []v1alpha1.SegmentValue
	// numerator of the overall value, for regressions.
	numerator float64
	hasParts  bool
	// segmentsMet and segments that apply, for scope Each.
	segmentsMet, segments int
	each                  bool
	// partial says that the numerator lacks segments that are unknown.
	partial bool
	// hidden says that the value is not shown, because of minGroupSize.
	hidden bool
	// overall is the value over the whole audience, however the target looks at it.
	overall Value
	why     string
}

// bound is a target's limit, ready to compare with.
type bound struct {
	value float64
	least bool
}

func (b bound) met(v float64) bool {
	if b.least {
		return atLeast(v, b.value)
	}
	return atMost(v, b.value)
}

// withMargin makes the bound easier to meet.
func (b bound) withMargin(margin float64) bound {
	if b.least {
		b.value -= margin
	} else {
		b.value += margin
	}
	return b
}

func (b bound) String(format v1alpha1.Format) string {
	sign := "<= "
	if b.least {
		sign = ">= "
	}
	return sign + formatValue(b.value, format, "")
}

func targetBound(t *v1alpha1.Target, format v1alpha1.Format) (bound, error) {
	text, least := t.AtMost, false
	if t.AtLeast != "" {
		text, least = t.AtLeast, true
	}
	v, err := ParseNumber(string(text), format)
	return bound{v, least}, err
}

// judge gives the verdict on a target of a phase, with a margin on its bound.
func (s *stepper) judge(phase *v1alpha1.Phase, t *v1alpha1.Target, margin float64) verdict {
	r := s.readings[string(t.Metric)]
	limit, err := targetBound(t, r.Format)
	if r.Metric == nil || err != nil {
		return verdict{target: t, met: metav1.ConditionUnknown, why: "the target cannot work as it is written"}
	}
	limit = limit.withMargin(margin)
	v := verdict{target: t, at: r.At, fresh: r.Fresh, why: r.Why, each: t.Scope == v1alpha1.ScopeEach || t.SegmentShare != ""}
	audience := audienceOf(phase, t)
	if r.undivided && len(t.Segments) == 0 {
		audience = nil // a number of the whole program, which guards every phase
	}
	v.hidden = s.hidesFrom(&r, audience)
	v.overall = s.over(&r, audience)
	if v.each {
		v.judgeEach(&r, audience, limit)
	} else {
		v.judgeOverall(&r, limit)
	}
	if v.met == metav1.ConditionUnknown {
		v.fresh = false
	}
	return v
}

// audienceOf is nil when a target looks at all segments.
func audienceOf(phase *v1alpha1.Phase, t *v1alpha1.Target) map[string]bool {
	names := t.Segments
	if len(names) == 0 {
		names = phase.Spec.Segments
	}
	if len(names) == 0 {
		return nil
	}
	audience := make(map[string]bool, len(names))
	for _, n := range names {
		audience[string(n)] = true
	}
	return audience
}

// over is a metric's value over an audience; nil is everybody.
func (s *stepper) over(r *Reading, audience map[string]bool) Value {
	switch {
	case audience == nil:
		return r.Total
	case r.undivided && r.Total.Known:
		return unknownValue("the metric is one number, not one for each segment: leave segments out of the target, or divide the query")
	case len(r.Segments) == 0:
		return unknownValue(cmp.Or(r.Total.Why, "the metric has no value for each segment"))
	}
	return s.blend(r, audience, "")
}

func (v *verdict) judgeOverall(r *Reading, limit bound) {
	value := v.overall
	v.needs = limit.String(r.Format)
	switch {
	case value.NotApplicable:
		v.met, v.why, v.value = metav1.ConditionUnknown, nobodyEligible, "unknown"
	case !value.Known:
		v.partial = true
		v.met, v.why, v.value = metav1.ConditionUnknown, cmp.Or(r.Why, value.Why), "unknown"
	default:
		v.met = truth(limit.met(value.Amount))
		v.value = suppressed
		if !v.hidden {
			v.value = formatValue(value.Amount, r.Format, roundingFor(limit))
		}
		v.numerator, v.hasParts = value.Active, value.HasParts
	}
}

// nobodyEligible is why there is no number where there is nobody to count.
const nobodyEligible = "nobody is eligible"

// judgeEach counts segments in three-valued logic: what is known decides as soon
// as the unknown cannot change it any more.
func (v *verdict) judgeEach(r *Reading, audience map[string]bool, limit bound) {
	var worst misses
	unknown := 0
	for i := range r.Segments {
		seg := &r.Segments[i]
		if audience != nil && !audience[seg.Name] {
			continue
		}
		v.numerator, v.hasParts = v.numerator+seg.Value.Active, v.hasParts || seg.Value.HasParts
		if seg.Value.NotApplicable {
			continue
		}
		v.segments++
		switch {
		case !seg.Value.Known:
			unknown++
			v.why = cmp.Or(r.Why, seg.Value.Why)
		case limit.met(seg.Value.Amount):
			v.segmentsMet++
		default:
			worst.add(seg, math.Abs(seg.Value.Amount-limit.value))
		}
	}
	v.partial = unknown > 0
	for _, m := range worst {
		v.missing = append(v.missing, segmentValue(*m.seg, r))
	}

	needed := v.segments
	if share := v.target.SegmentShare; share != "" {
		if p, err := ParseNumber(string(share), v1alpha1.FormatPercent); err == nil {
			needed = int(math.Ceil(p*float64(v.segments) - 1e-9))
		}
	}
	v.needs = fmt.Sprintf("%s in %d/%d", limit.String(r.Format), needed, v.segments)
	v.value = fmt.Sprintf("%d/%d", v.segmentsMet, v.segments)
	switch {
	case v.segments == 0:
		v.met, v.value, v.needs = metav1.ConditionUnknown, "unknown", limit.String(r.Format)+" in each"
		v.why = cmp.Or(r.Why, r.Total.Why, "there are no segments with anybody eligible")
	case v.segmentsMet >= needed:
		v.met, v.why = metav1.ConditionTrue, r.Why
	case v.segmentsMet+unknown < needed:
		v.met, v.why = metav1.ConditionFalse, r.Why
	default:
		v.met, v.value = metav1.ConditionUnknown, "unknown"
	}
}

// misses are the segments that miss a target by most, the worst first. Hidden ones come
// last, by name: where one stands among others would tell.
type misses []miss

type miss struct {
	seg *SegmentReading
	gap float64
}

// mostMisses is how many are told.
const mostMisses = 10

// add keeps a segment if it is among the worst. Of equals the first is.
func (m *misses) add(seg *SegmentReading, gap float64) {
	if seg.Suppressed {
		gap = -1
	}
	if len(*m) == mostMisses && gap <= (*m)[mostMisses-1].gap {
		return
	}
	at := slices.IndexFunc(*m, func(other miss) bool { return gap > other.gap })
	if at < 0 {
		at = len(*m)
	}
	*m = slices.Insert(*m, at, miss{seg, gap})
	*m = (*m)[:min(len(*m), mostMisses)]
}

// segmentValue shows a segment, without numbers when it is too small.
func segmentValue(seg SegmentReading, r *Reading) v1alpha1.SegmentValue {
	shown := v1alpha1.SegmentValue{Name: statusName(seg.Name)}
	if seg.Suppressed {
		shown.Value = suppressed
		return shown
	}
	shown.Value = formatValue(seg.Value.Amount, r.Format, r.Direction)
	if seg.Value.HasParts {
		shown.Numbers = decimal(seg.Value.Numerator) + "/" + decimal(seg.Value.Denominator)
	}
	return shown
}

// overall is the verdict on all targets of a phase together.
type overall struct {
	verdicts []verdict
	met      metav1.ConditionStatus
	// fresh verdict: a known miss that is fresh, or all met and fresh.
	fresh bool
	at    time.Time
}

// judgeAll judges every target; one known, fresh miss decides.
func (s *stepper) judgeAll(phase *v1alpha1.Phase, margins []float64) overall {
	o := overall{met: metav1.ConditionTrue, fresh: true}
	for i := range phase.Spec.Targets {
		margin := 0.0
		if margins != nil {
			margin = margins[i]
		}
		v := s.judge(phase, &phase.Spec.Targets[i], margin)
		o.verdicts = append(o.verdicts, v)
		if o.at.IsZero() || v.at.Before(o.at) {
			o.at = v.at
		}
	}
	for _, v := range o.verdicts {
		switch {
		case v.met == metav1.ConditionFalse && v.fresh:
			o.met, o.fresh, o.at = metav1.ConditionFalse, true, v.at
			return o
		case v.met == metav1.ConditionFalse:
			o.met, o.fresh = metav1.ConditionFalse, false
		case v.met == metav1.ConditionUnknown && o.met == metav1.ConditionTrue:
			o.met, o.fresh = metav1.ConditionUnknown, false
		case !v.fresh:
			o.fresh = false
		}
	}
	return o
}

// decides says whether the verdict may move a phase, and which way.
func (o overall) decides() (met, ok bool) {
	return o.met == metav1.ConditionTrue, o.fresh && o.met != metav1.ConditionUnknown
}

// margins reads sustain.margin in the format of each target.
func (s *stepper) margins(phase *v1alpha1.Phase) []float64 {
	margins := make([]float64, len(phase.Spec.Targets))
	if phase.Spec.Sustain == nil || phase.Spec.Sustain.Margin == "" {
		return margins
	}
	for i, t := range phase.Spec.Targets {
		if v, err := ParseNumber(string(phase.Spec.Sustain.Margin), s.readings[string(t.Metric)].Format); err == nil {
			margins[i] = v
		}
	}
	return margins
}

// targetsHash tells whether what a phase asks for has changed.
func (s *stepper) targetsHash(phase *v1alpha1.Phase) string {
	h := fnv.New64a()
	for i := range phase.Spec.Targets {
		t := &phase.Spec.Targets[i]
		segments := slices.Sorted(slices.Values(hashedNames(t.Segments)))
		limit, _ := targetBound(t, s.readings[string(t.Metric)].Format) // "80%" and "80.0%" are one
		_, _ = fmt.Fprintf(h, "%s|%v|%v|%s|%s|%v;", t.Metric, limit.least, limit.value, t.Scope, t.SegmentShare, segments)
	}
	_, _ = fmt.Fprintf(h, "%v", slices.Sorted(slices.Values(hashedNames(phase.Spec.Segments))))
	return fmt.Sprintf("%016x", h.Sum64())
}

// roundingFor is the direction in which a displayed value is rounded.
func roundingFor(b bound) v1alpha1.Direction {
	if b.least {
		return v1alpha1.DirectionIncrease
	}
	return v1alpha1.DirectionDecrease
}

func truth(b bool) metav1.ConditionStatus {
	if b {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

// asks is what a target wants: "80% migrated", "legacy at most 5".
func (v verdict) asks() string {
	if v.target.AtLeast != "" {
		return fmt.Sprintf("%s %s", v.target.AtLeast, v.target.Metric)
	}
	return fmt.Sprintf("%s at most %s", v.target.Metric, v.target.AtMost)
}

// asksOf is what a target wants, and of whom: "80% migrated in each of 12 segments".
func (v verdict) asksOf() string {
	switch {
	case !v.each:
		return v.asks()
	case v.segments == 0:
		return v.asks() + " in each segment"
	case v.segments == 1:
		return v.asks() + " in its segment"
	case v.target.SegmentShare != "":
		return fmt.Sprintf("%s in %s of %d segments", v.asks(), v.target.SegmentShare, v.segments)
	default:
		return fmt.Sprintf("%s in each of %d segments", v.asks(), v.segments)
	}
}

// needsPhrase says what a target asks for and what there is: "80% migrated in
// each of 12 segments, has 7 (below: cart, media, +3)".
func (v verdict) needsPhrase() string {
	switch {
	case v.met == metav1.ConditionUnknown && (!v.each || v.segments == 0):
		return fmt.Sprintf("%s, which is unknown (%s)", v.asksOf(), v.why)
	case v.hidden && !v.each:
		return v.asks() + ", and too few people are in it for the number to be shown"
	case !v.each:
		return fmt.Sprintf("%s, has %s", v.asks(), v.value)
	}
	phrase := fmt.Sprintf("%s, has %d", v.asksOf(), v.segmentsMet)
	if len(v.missing) > 0 {
		phrase += " (" + v.short() + ": " + v.missingNames() + ")"
	}
	if v.met == metav1.ConditionUnknown {
		phrase += "; others unknown (" + v.why + ")"
	}
	return phrase
}

// short says on which side of the target the segments are that do not meet it.
func (v verdict) short() string {
	if v.target.AtLeast != "" {
		return "below"
	}
	return "above"
}

func (v verdict) missingNames() string {
	names := make([]string, 0, 3)
	for _, m := range v.missing[:min(len(v.missing), 3)] {
		names = append(names, nameInText(m.Name))
	}
	text := strings.Join(names, ", ")
	if rest := v.segments - v.segmentsMet - len(names); rest > 0 {
		text += fmt.Sprintf(", +%d", rest)
	}
	return text
}
