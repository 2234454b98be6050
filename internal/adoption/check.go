// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// What the schema cannot say is checked here: names of other objects, formats
// that depend on another field, calendars. Every message names the field, what
// is wrong with it and what to write instead.

// checkProgram returns the first thing that is wrong with a program's own spec.
func (s *stepper) checkProgram() *problem {
	spec := &s.program.Spec
	if _, err := time.LoadLocation(spec.TimeZone); err != nil {
		return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.timeZone: %q is not an IANA time zone: write for example Europe/Zurich", spec.TimeZone))
	}
	for i, f := range spec.Freezes {
		from, err1 := s.calendar.parse(f.From)
		to, err2 := s.calendar.parseEnd(f.To)
		switch {
		case err1 != nil:
			return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.freezes[%d].from: %v", i, err1))
		case err2 != nil:
			return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.freezes[%d].to: %v", i, err2))
		case !from.Before(to):
			return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.freezes[%d]: to is before from: exchange them", i))
		}
	}
	if spec.ReviewedAt != "" {
		if _, err := s.calendar.parse(spec.ReviewedAt); err != nil {
			return specProblem(v1alpha1.ReasonInvalidSpec, "spec.reviewedAt: "+err.Error())
		}
	}
	if p := s.checkDurations(); p != nil {
		return p
	}
	for i := range spec.Metrics {
		if p := s.checkMetric(&spec.Metrics[i]); p != nil {
			return p
		}
	}
	for _, use := range Queries(s.program) {
		if m := s.measurements[use.Path]; m.Problem != nil && m.Problem.Kind != ProblemData {
			return &problem{m.Problem.Kind == ProblemSpec, m.Problem.Reason, use.Path + ": " + m.Problem.Message}
		}
	}
	return nil
}

func (s *stepper) checkDurations() *problem {
	spec := &s.program.Spec
	fields := []struct {
		path  string
		value v1alpha1.Duration
	}{{"spec.interval", spec.Interval}, {"spec.reviewEvery", spec.ReviewEvery}}
	if spec.Accountability != nil {
		fields = append(fields, struct {
			path  string
			value v1alpha1.Duration
		}{"spec.accountability.escalateAfter", spec.Accountability.EscalateAfter})
	}
	for _, f := range fields {
		if p := checkDuration(f.path, f.value, false); p != nil {
			return p
		}
	}
	return nil
}

// checkDuration refuses what the schema's pattern lets through: numbers too
// large to be a duration, and zero where something has to pass.
func checkDuration(path string, d v1alpha1.Duration, zeroAllowed bool) *problem {
	if d == "" {
		return nil
	}
	v, err := ParseDuration(string(d))
	switch {
	case err != nil:
		return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("%s: %v", path, err))
	case v < time.Second && (v != 0 || !zeroAllowed):
		return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("%s: %q is shorter than the shortest that works, 1s", path, d))
	}
	return nil
}

func (s *stepper) checkMetric(m *v1alpha1.Metric) *problem {
	path := metricPath(m)
	invalid := func(format string, args ...any) *problem {
		return specProblem(v1alpha1.ReasonInvalidSpec, path+fmt.Sprintf(format, args...))
	}
	for _, f := range []struct {
		name  string
		value v1alpha1.Duration
	}{{".staleAfter", m.StaleAfter}, {".sampleEvery", m.SampleEvery}} {
		if p := checkDuration(path+f.name, f.value, false); p != nil {
			return p
		}
	}
	if b := m.Baseline; b != nil {
		if _, err := ParseNumber(string(b.Value), formatOf(m)); err != nil {
			return invalid(".baseline.value: %v", err)
		}
		if _, err := s.calendar.parse(b.At); b.At != "" && err != nil {
			return invalid(".baseline.at: %v", err)
		}
	}
	if m.Smooth != nil {
		if p := checkDuration(path+".smooth.over", m.Smooth.Over, false); p != nil {
			return p
		}
		smoothed := 0
		for _, other := range s.program.Spec.Metrics {
			if other.Smooth != nil {
				smoothed++
			}
		}
		if values := smoothed * max(len(s.pop.segments), 1); len(s.pop.segments) > 100 || values > maxSmoothedValues {
			return invalid(".smooth: %d smoothed metrics of %d segments are too many (at most 100 segments, and %d values in all): smooth in the query instead, for example with avg_over_time", smoothed, len(s.pop.segments), maxSmoothedValues)
		}
	}
	for _, use := range metricQueries(m) {
		if p := s.checkQuery(use); p != nil {
			return p
		}
	}
	return nil
}

func (s *stepper) checkQuery(use QueryUse) *problem {
	q := use.Query
	if IsExternal(q) && q.SourceSelector == nil && EffectiveSource(s.program, q) == nil {
		return specProblem(v1alpha1.ReasonInvalidSpec, use.Path+": no sourceRef: name the source here or in spec.sourceRef")
	}
	if by := use.SegmentBy(s.program); by != nil && by.Source != "" && q.Objects != nil && !IsExternal(q) {
		return specProblem(v1alpha1.ReasonInvalidSpec, use.Path+": segmentBy.source divides by source, and these objects are counted in this cluster: set sourceSelector, or segment by a label")
	}
	if q.Prometheus != nil && q.SegmentBy != nil && q.SegmentBy.NamespaceLabel != "" {
		return specProblem(v1alpha1.ReasonInvalidSpec, use.Path+".segmentBy.namespaceLabel: only objects know namespaces: group by a label in the expression and set segmentBy.label")
	}
	return nil
}

// checkPhase returns what keeps a phase from being judged, its own mistakes first.
func (s *stepper) checkPhase(phase *v1alpha1.Phase, tooMany bool) *problem {
	if tooMany {
		return specProblem(v1alpha1.ReasonTooMany, fmt.Sprintf("the program has more than %d phases and the oldest are served: delete phases that are not needed", MaxPhases))
	}
	spec := &phase.Spec
	for _, f := range []struct {
		path string
		date v1alpha1.Date
	}{{"spec.notBefore", spec.NotBefore}, {"spec.deadline", spec.Deadline}} {
		if _, err := s.calendar.parse(f.date); f.date != "" && err != nil {
			return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("%s: %v", f.path, err))
		}
	}
	if c := spec.Checkpoint; c != nil {
		for _, d := range []v1alpha1.Date{c.AchievedAt, c.StartedAt} {
			if _, err := s.calendar.parse(d); d != "" && err != nil {
				return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.checkpoint: %v", err))
			}
		}
	}
	if p := checkDuration("spec.maxDuration", spec.MaxDuration, false); p != nil {
		return p
	}
	if p := s.checkWindows(phase); p != nil {
		return p
	}
	for i := range spec.Targets {
		if p := s.checkTarget(phase, i); p != nil {
			return p
		}
	}
	if p := s.checkMargin(phase); p != nil {
		return p
	}
	if cycle := s.cycles[phase.Name]; cycle != "" {
		return specProblem(v1alpha1.ReasonDependencyCycle, fmt.Sprintf("spec.dependsOn: the phases wait for each other (%s): take one dependency out", cycle))
	}
	if p := s.checkAudience("spec.segments", spec.Segments); p != nil {
		return p
	}
	return s.checkDependencies(phase)
}

func (s *stepper) checkWindows(phase *v1alpha1.Phase) *problem {
	if h := phase.Spec.Hold; h != nil {
		if p := checkDuration("spec.hold.for", h.For, true); p != nil {
			return p
		}
		if p := checkDuration("spec.hold.every", h.Every, false); p != nil {
			return p
		}
		length, every := durationOr(h.For, 0), durationOr(h.Every, 0)
		if every > 0 && length > maxChecks*every {
			return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.hold.every: %s in %s are more than %d checks: check every %s or less often", h.Every, h.For, maxChecks, (length/maxChecks).Round(time.Second)))
		}
		if allowed := h.MissesAllowed; allowed != nil && length > 0 && int(*allowed) >= newWindowRule(length, every, 0, 0).checks {
			return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.hold.missesAllowed: %d misses of %d checks are no hold: allow fewer", *allowed, newWindowRule(length, every, 0, 0).checks))
		}
		if every > length && length > 0 {
			return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.hold.every: %s is longer than hold.for (%s): make it shorter", h.Every, h.For))
		}
	}
	if sustain := phase.Spec.Sustain; sustain != nil {
		return checkDuration("spec.sustain.for", sustain.For, true)
	}
	return nil
}

func (s *stepper) checkTarget(phase *v1alpha1.Phase, i int) *problem {
	t := &phase.Spec.Targets[i]
	path := fmt.Sprintf("spec.targets[%d]", i)
	r, ok := s.readings[string(t.Metric)]
	if !ok {
		return specProblem(v1alpha1.ReasonMetricNotFound, notFound(path+".metric", "metric", string(t.Metric), s.metricNames()))
	}
	if _, err := targetBound(t, r.Format); err != nil {
		field := ".atMost"
		if t.AtLeast != "" {
			field = ".atLeast"
		}
		return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("%s%s: metric %s: %v", path, field, t.Metric, err))
	}
	if limit, _ := targetBound(t, r.Format); (r.Metric.Rate != nil || r.Metric.Share != nil) && (limit.value < 0 || limit.value > 1) {
		return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("%s: metric %s is a share of a whole: ask for something from 0%% to 100%%", path, t.Metric))
	}
	if share, err := ParseNumber(string(t.SegmentShare), v1alpha1.FormatPercent); err == nil && share == 0 {
		return specProblem(v1alpha1.ReasonInvalidSpec, path+".segmentShare: 0% of the segments are always there: ask for more")
	}
	if (t.Scope == v1alpha1.ScopeEach || t.SegmentShare != "") && !s.pop.segmented {
		return specProblem(v1alpha1.ReasonInvalidSpec, path+".scope: the program has no segments: leave scope out, or give the program segments")
	}
	return s.checkAudience(path+".segments", t.Segments)
}

// checkMargin wants a margin to fit at least one target; the others have none.
func (s *stepper) checkMargin(phase *v1alpha1.Phase) *problem {
	if phase.Spec.Sustain == nil || phase.Spec.Sustain.Margin == "" {
		return nil
	}
	var last error
	for _, t := range phase.Spec.Targets {
		_, err := ParseNumber(string(phase.Spec.Sustain.Margin), s.readings[string(t.Metric)].Format)
		if err == nil {
			return nil
		}
		last = fmt.Errorf("metric %s: %w", t.Metric, err)
	}
	return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.sustain.margin: %v", last))
}

// checkAudience finds segments that do not exist. Discovered segments may come
// later; until the population is known nothing is said.
func (s *stepper) checkAudience(path string, names []v1alpha1.Name) *problem {
	discovered := s.program.Spec.SegmentsFrom == v1alpha1.SegmentsFromPopulation
	if discovered && (s.pop.source == nil || s.pop.source.At.IsZero()) {
		return nil
	}
	for i, name := range names {
		if _, ok := s.pop.find(string(name)); ok {
			continue
		}
		message := notFound(fmt.Sprintf("%s[%d]", path, i), "segment", string(name), s.pop.names())
		if discovered {
			return referenceProblem(v1alpha1.ReasonSegmentNotFound, message)
		}
		return specProblem(v1alpha1.ReasonSegmentNotFound, message)
	}
	return nil
}

// checkDependencies matters only to a phase that has not started.
func (s *stepper) checkDependencies(phase *v1alpha1.Phase) *problem {
	if phase.Status.State != v1alpha1.PhaseWaiting && phase.Status.State != "" {
		return nil
	}
	for i, d := range phase.Spec.DependsOn {
		if _, ok := s.phaseByName[string(d.Name)]; !ok {
			others := without(s.phaseNames(), phase.Name)
			return referenceProblem(v1alpha1.ReasonDependencyNotFound, notFound(fmt.Sprintf("spec.dependsOn[%d].name", i), "phase", string(d.Name), others))
		}
	}
	return nil
}

// checkBarrier returns what is wrong with a barrier.
func (s *stepper) checkBarrier(b *v1alpha1.Barrier, tooMany bool) *problem {
	if tooMany {
		return specProblem(v1alpha1.ReasonTooMany, fmt.Sprintf("the program has more than %d barriers and the oldest are served: delete barriers that are not needed", MaxBarriers))
	}
	spec := &b.Spec
	dates := []struct {
		path string
		date v1alpha1.Date
	}{{"spec.reportedAt", spec.ReportedAt}, {"spec.dueBy", spec.DueBy}}
	if spec.Resolution != nil {
		dates = append(dates, struct {
			path string
			date v1alpha1.Date
		}{"spec.resolution.until", spec.Resolution.Until})
	}
	for _, f := range dates {
		if _, err := s.calendar.parse(f.date); f.date != "" && err != nil {
			return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("%s: %v", f.path, err))
		}
	}
	if p := checkDuration("spec.escalateAfter", spec.EscalateAfter, false); p != nil {
		return p
	}
	if d := spec.Detect; d != nil {
		r, ok := s.readings[string(d.Metric)]
		if !ok {
			return specProblem(v1alpha1.ReasonMetricNotFound, notFound("spec.detect.metric", "metric", string(d.Metric), s.metricNames()))
		}
		if _, err := detectBound(d, r.Format); err != nil {
			return specProblem(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.detect: metric %s: %v", d.Metric, err))
		}
		if p := checkDuration("spec.detect.for", d.For, true); p != nil {
			return p
		}
	}
	if cause := spec.Cause; cause != nil && cause.Type != v1alpha1.CauseRegression {
		if _, ok := s.readings[string(cause.Metric)]; !ok {
			return referenceProblem(v1alpha1.ReasonMetricNotFound, notFound("spec.cause.metric", "metric", string(cause.Metric), s.metricNames())+"; resolve the barrier, or delete it")
		}
	}
	if p := s.checkAudience("spec.segments", spec.Segments); p != nil {
		return p
	}
	for i, name := range spec.Phases {
		if _, ok := s.phaseByName[string(name)]; !ok {
			return referenceProblem(v1alpha1.ReasonPhaseNotFound, notFound(fmt.Sprintf("spec.phases[%d]", i), "phase", string(name), s.phaseNames()))
		}
	}
	return nil
}

// programNotFound is what phases and barriers without a program are told.
func (s *stepper) programNotFound() *problem {
	var others []string
	if s.nearest != "" {
		others = []string{s.nearest}
	}
	message := notFound("spec.programRef.name", "AdoptionProgram", s.programName, others)
	return referenceProblem(v1alpha1.ReasonProgramNotFound, strings.Replace(message, ", and none with another name either", " in this namespace", 1))
}

func without(names []string, name string) []string {
	var rest []string
	for _, n := range names {
		if n != name {
			rest = append(rest, n)
		}
	}
	return rest
}
