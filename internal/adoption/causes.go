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

// cause is a reason to open a barrier.
type cause struct {
	kind    v1alpha1.CauseType
	metric  v1alpha1.Name
	summary string
}

// title names the cause without numbers: it is written once, and they move.
func (c cause) title() string {
	switch c.kind {
	case v1alpha1.CausePlateau:
		return fmt.Sprintf("Adoption has stalled: %s hardly moves", c.metric)
	case v1alpha1.CauseRegression:
		return "What was achieved has fallen back"
	case v1alpha1.CauseLaggingSegments:
		return fmt.Sprintf("Some segments are far behind others in %s", c.metric)
	default:
		return fmt.Sprintf("Every phase is achieved and the old route is still open: %s", c.metric)
	}
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
	category := map[v1alpha1.CauseType]v1alpha1.BarrierCategory{
		v1alpha1.CausePlateau:         v1alpha1.CategoryMotivation,
		v1alpha1.CauseRegression:      v1alpha1.CategoryProcess,
		v1alpha1.CauseLaggingSegments: v1alpha1.CategoryLeadership,
		v1alpha1.CauseLegacyRoute:     v1alpha1.CategoryLegacyRoute,
	}
	severity := v1alpha1.SeverityMajor
	if c.kind == v1alpha1.CauseLegacyRoute {
		severity = v1alpha1.SeverityMinor
	}
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
			Category:   category[c.kind],
			Severity:   severity,
			Owner:      owner,
			Cause:      &v1alpha1.BarrierCause{Type: c.kind, Metric: c.metric},
		},
	}
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// barrierName is derived, so that a second attempt to create finds the first.
func (s *stepper) barrierName(c cause) string {
	kind := map[v1alpha1.CauseType]string{
		v1alpha1.CausePlateau: "plateau", v1alpha1.CauseRegression: "regression",
		v1alpha1.CauseLaggingSegments: "lagging-segments", v1alpha1.CauseLegacyRoute: "legacy-route",
	}[c.kind]
	metric := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(string(c.metric)), "-"), "-")
	name := fmt.Sprintf("%s-%s-%s", s.program.Name, kind, metric)
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
	if c, there, ok := s.seeRegression(cause{kind: v1alpha1.CauseRegression}); there && ok {
		found = append(found, c)
	}
	for i := range s.program.Spec.Metrics {
		m := &s.program.Spec.Metrics[i]
		for _, kind := range []v1alpha1.CauseType{v1alpha1.CausePlateau, v1alpha1.CauseLaggingSegments, v1alpha1.CauseLegacyRoute} {
			if c, there, ok := s.seeCause(v1alpha1.BarrierCause{Type: kind, Metric: m.Name}); there && ok {
				found = append(found, c)
			}
		}
	}
	return found
}

// lookForCause is what measurements say about a barrier that the operator opened.
func (b *barrierStep) lookForCause(c v1alpha1.BarrierCause) sighting {
	if c.Type == v1alpha1.CauseRegression { // told from the state of phases, not from a measurement
		found, there, known := b.seeRegression(cause{kind: c.Type})
		return sighting{there: there, ok: known, at: b.now, summary: found.summary, rule: newWindowRule(0, 0, b.slowestInterval(), 0)}
	}
	r, ok := b.readings[string(c.Metric)]
	if !ok {
		return sighting{why: "the metric is gone"}
	}
	found, there, known := b.seeCause(c)
	sight := sighting{there: there, ok: known, at: r.At, summary: found.summary, rule: newWindowRule(0, 0, r.slowest, 0)}
	if !there {
		// One more sample, so that a value on the edge does not open and close it.
		sight.rule = newWindowRule(durationOr(r.Metric.SampleEvery, day), 0, r.slowest, 0)
	}
	return sight
}

// slowestInterval is that of all metrics.
func (s *stepper) slowestInterval() time.Duration {
	slowest := time.Duration(0)
	for _, r := range s.readings {
		slowest = max(slowest, r.slowest)
	}
	return slowest
}

// seeCause says whether a cause is there, and whether that is known.
func (s *stepper) seeCause(c v1alpha1.BarrierCause) (found cause, there, ok bool) {
	r, exists := s.readings[string(c.Metric)]
	if !exists {
		return cause{}, false, false
	}
	found = cause{kind: c.Type, metric: c.Metric}
	if !r.Fresh || s.calendar.quietAt(r.At) {
		return found, false, false
	}
	switch c.Type {
	case v1alpha1.CausePlateau:
		return s.seePlateau(found, &r)
	case v1alpha1.CauseLaggingSegments:
		return s.seeLagging(found, &r)
	default:
		return s.seeLegacy(found, &r)
	}
}

// seeRegression is told from the persisted state of phases: it is there while a
// target is known to be missed, and gone once no phase is regressed. One fall is one
// barrier, with all that fell in it.
func (s *stepper) seeRegression(c cause) (cause, bool, bool) {
	ok := true
	var fallen []string
	for _, p := range s.inOrder() {
		if !fallenBack(p) {
			continue
		}
		for i := range p.Spec.Targets {
			if i >= len(p.Status.Targets) || p.Status.Targets[i].Met == metav1.ConditionUnknown {
				ok = false // not known
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
		return c, false, ok && !s.anyFallenBack()
	}
	c.summary = "What was achieved has fallen back: " + strings.Join(fallen[:min(len(fallen), 4)], "; ")
	if more := len(fallen) - 4; more > 0 {
		c.summary += fmt.Sprintf("; +%d", more)
	}
	return c, true, true
}

// anyFallenBack reports whether a phase is on its way back, if no target is missed any more.
func (s *stepper) anyFallenBack() bool { return slices.ContainsFunc(s.phases, fallenBack) }

// fallenBack reports whether a phase was achieved and is not any more.
func fallenBack(p *v1alpha1.Phase) bool {
	reopened := p.Status.Attempt > 1 && (p.Status.State == v1alpha1.PhaseActive || p.Status.State == v1alpha1.PhaseHolding)
	return p.Status.State == v1alpha1.PhaseRegressed || reopened
}

// seePlateau: less than a tenth of the gap to the target was closed in 28 samples of
// an active phase, quiet freezes left out. It looks at the audience of the target, and
// at nothing from before the phase started. A phase that has fallen back is told as that.
func (s *stepper) seePlateau(c cause, r *Reading) (cause, bool, bool) {
	ok := true
	for _, p := range s.activePhases() {
		for i := range p.Spec.Targets {
			if p.Spec.Targets[i].Metric != c.metric || fallenBack(p) || i >= len(p.Status.Targets) {
				continue
			}
			v := s.judge(p, &p.Spec.Targets[i], 0)
			if !v.overall.Known {
				ok = false
				continue
			}
			if text := s.stalled(p, i, v, r); text != "" {
				c.summary = text
				return c, true, true
			}
		}
	}
	return c, false, ok
}

// stalled says that a target has hardly moved; empty when it has, or when it is too
// early to say.
func (s *stepper) stalled(p *v1alpha1.Phase, i int, v verdict, r *Reading) string {
	limit, err := targetBound(v.target, r.Format)
	points := s.loudPoints(s.history(p.Status.Targets[i].History))
	if err != nil || len(points) <= causeSamples {
		return ""
	}
	// Sample against sample, and 28 apart, which is four whole weeks: a rhythm of
	// the day or of the week is no stall.
	window := points[len(points)-1-causeSamples:]
	if !r.counted.IsZero() && r.counted.Before(window[1].at) {
		return "" // nobody has counted since: a survey of each quarter does not stall
	}
	before, newest, now := window[0].value, window[causeSamples].value, v.overall.Amount
	if limit.met(now) || limit.met(before) {
		return ""
	}
	closed := (newest - before) / (limit.value - before)
	if closed >= plateauShare {
		return ""
	}
	moved := "has hardly moved"
	if closed <= -plateauShare {
		moved = "has fallen"
	}
	shown := suppressed
	if !v.hidden {
		shown = formatValue(now, r.Format, r.Direction)
	}
	return fmt.Sprintf("%s %s for %d samples: %s, and phase %s needs %s", v.target.Metric, moved, causeSamples, shown, p.Name, limit.String(r.Format))
}

// seeLagging: in a phase that has been active for 28 samples some segments meet
// a target that is not met, and mandated ones have not come half of the way.
func (s *stepper) seeLagging(c cause, r *Reading) (cause, bool, bool) {
	long := causeSamples * durationOr(r.Metric.SampleEvery, day)
	for _, p := range s.activePhases() {
		if s.now.Sub(p.Status.StartedAt.Time) < long {
			s.agenda.at(p.Status.StartedAt.Add(long))
			continue
		}
		for i := range p.Spec.Targets {
			t := &p.Spec.Targets[i]
			limit, err := targetBound(t, r.Format)
			if t.Metric != c.metric || err != nil || t.Scope != v1alpha1.ScopeEach && t.SegmentShare == "" {
				continue
			}
			if s.judge(p, t, 0).met == metav1.ConditionTrue {
				continue // enough segments for its segmentShare
			}
			lagging, met := laggingIn(r, audienceOf(p, t), limit)
			if len(lagging) > 0 && met > 0 {
				c.summary = fmt.Sprintf("%d segments are less than half way to %s %s of phase %s, while %d have reached it: %s", len(lagging), c.metric, limit.String(r.Format), p.Name, met, listed(lagging, 5))
				return c, true, true
			}
		}
	}
	return c, false, true
}

func laggingIn(r *Reading, audience map[string]bool, limit bound) (lagging []string, met int) {
	for _, seg := range r.Segments {
		if audience != nil && !audience[seg.Name] || !seg.Value.Known {
			continue
		}
		v := seg.Value.Amount
		halfWay := v >= limit.value/2
		if !limit.least {
			halfWay = v <= limit.value*2
		}
		switch {
		case limit.met(v):
			met++
		case seg.Mode == v1alpha1.ModeMandated && !halfWay && !seg.Suppressed:
			lagging = append(lagging, seg.Name)
		}
	}
	return lagging, met
}

// seeLegacy: every phase has been achieved for 28 samples and a route share
// still has somebody on the old route.
func (s *stepper) seeLegacy(c cause, r *Reading) (cause, bool, bool) {
	legacy := r.Total.Denominator - r.Total.Numerator
	if !r.Total.Known {
		return c, false, false
	}
	if r.Metric.Share == nil || s.program.Status.State != v1alpha1.ProgramSustaining || legacy <= 0 {
		return c, false, true
	}
	var last time.Time
	for _, p := range s.phases {
		if p.Status.AchievedAt != nil && p.Status.AchievedAt.After(last) {
			last = p.Status.AchievedAt.Time
		}
	}
	ripe := last.Add(causeSamples * durationOr(r.Metric.SampleEvery, day))
	if s.now.Before(ripe) {
		s.agenda.at(ripe)
		return c, false, true
	}
	if r.Suppressed {
		c.summary = "Every phase is achieved and the old route is still open"
		return c, true, true
	}
	c.summary = fmt.Sprintf("Every phase is achieved and the old route is still open: %s is %s, %s still go the old way", c.metric, formatValue(r.Total.Amount, r.Format, r.Direction), decimal(legacy))
	return c, true, true
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
