// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"slices"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

func (s *stepper) checkMetric(f *findings, m *v1alpha1.Metric) {
	path := metricPath(m)
	checkLengths(f, false, lengthField{path + ".staleAfter", m.StaleAfter}, lengthField{path + ".sampleEvery", m.SampleEvery})
	if b := m.Baseline; b != nil {
		v, err := ParseNumber(string(b.Value), formatOf(m))
		switch {
		case err != nil:
			f.invalid(path+".baseline.value", "%v", err)
		case neverNegative(m) && v < 0:
			f.invalid(path+".baseline.value", "%s cannot be: the metric is never negative", b.Value)
		case isShareOfWhole(m) && v > 1:
			f.invalid(path+".baseline.value", "%s cannot be: the metric is a share of a whole, at most 100%%", b.Value)
		}
		s.checkPast(f, FindingSpec, "it was measured", datedField{path + ".baseline.at", b.At})
	}
	s.checkSmooth(f, m, path)
	s.checkStaleAfter(f, m, path)
	for _, use := range metricQueries(m) {
		s.checkQuery(f, use)
	}
}

func (s *stepper) checkSmooth(f *findings, m *v1alpha1.Metric, path string) {
	if m.Smooth == nil {
		return
	}
	checkLengths(f, false, lengthField{path + ".smooth.over", m.Smooth.Over})
	smoothed := 0
	for _, other := range s.program.Spec.Metrics {
		if other.Smooth != nil {
			smoothed++
		}
	}
	if values := smoothed * max(len(s.pop.segments), 1); len(s.pop.segments) > 100 || values > maxSmoothedValues {
		f.invalid(path+".smooth", "%d smoothed metrics of %d segments are too many (at most 100 segments, and %d values in all): smooth in the query instead, for example with avg_over_time", smoothed, len(s.pop.segments), maxSmoothedValues)
	}
}

// checkStaleAfter wants an answer to be good until the next one comes.
func (s *stepper) checkStaleAfter(f *findings, m *v1alpha1.Metric, path string) {
	good, every := durationOr(m.StaleAfter, 0), durationOr(s.program.Spec.Interval, 0)
	asked := slices.ContainsFunc(metricQueries(m), func(use QueryUse) bool { return use.Query.Objects != nil && !IsExternal(use.Query) })
	if asked && good > 0 && good < every {
		f.invalid(path+".staleAfter", "%s is shorter than spec.interval (%s), so that the metric would be unknown most of the time: make it longer, or ask more often", m.StaleAfter, s.program.Spec.Interval)
	}
}

func (s *stepper) checkQuery(f *findings, use QueryUse) {
	q := use.Query
	if IsExternal(q) && q.SourceSelector == nil && EffectiveSource(s.program, q) == nil {
		f.invalid(use.Path, "no sourceRef: name the source here or in spec.sourceRef")
	}
	if by := use.SegmentBy(s.program); by != nil && by.Source != "" && q.Objects != nil && !IsExternal(q) {
		f.invalid(use.Path, "segmentBy.source divides by source, and these objects are counted in this cluster: set sourceSelector, or segment by a label")
	}
	if q.Prometheus != nil && q.SegmentBy != nil && q.SegmentBy.NamespaceLabel != "" {
		f.invalid(use.Path+".segmentBy.namespaceLabel", "only objects know namespaces: group by a label in the expression and set segmentBy.label")
	}
}

// neverNegative reports whether no true value of a metric is below zero. A plain number
// may be (a promoter score, a balance), and so may a percentage that is no share of a
// whole (a saving, a change of depth).
func neverNegative(m *v1alpha1.Metric) bool {
	return m.Query == nil || m.Query.Objects != nil || formatOf(m) == v1alpha1.FormatDuration || isShare(m) || slices.Contains(counting, m.Dimension)
}

// isShareOfWhole reports whether no true value of a metric is above 100%.
func isShareOfWhole(m *v1alpha1.Metric) bool {
	return m.Rate != nil || m.Share != nil || isShare(m)
}

// isUndivided reports whether a query is one number, whatever its source answers: that
// is known of those that are divided by their spec.
func (s *stepper) isUndivided(use QueryUse) bool {
	q, by := use.Query, use.SegmentBy(s.program)
	if by != nil && by.Source != "" {
		return false
	}
	switch {
	case q.Objects != nil, q.Prometheus != nil:
		return by == nil
	case q.HTTP != nil:
		return q.HTTP.Segment == ""
	default: // a ConfigMap, a statement and a named query divide by their columns
		return false
	}
}

// undividedQuery names what makes a metric one number, by its spec or by what was
// answered, and what to do about it; empty: it has a number for each segment.
func (s *stepper) undividedQuery(m *v1alpha1.Metric) (why string, bySpec bool) {
	if m.Rate != nil {
		if p := s.program.Spec.Population; p != nil && p.Count != nil {
			return "spec.population.count is one number, not one for each segment: in the program, write population.query with segmentBy in place of population.count, and the same segmentBy in the query of the metric", true
		}
		if s.pop.source != nil && answersWithOneNumber(*s.pop.source) {
			return populationPath + " answers with one number, not one for each segment: divide it", false
		}
	}
	for _, use := range metricQueries(m) {
		if use.Alive {
			continue
		}
		m := s.measurements[use.Path]
		if s.isUndivided(use) && !m.Segmented {
			return use.Path + " is one number, not one for each segment: " + divideRemedy(use.Query), true
		}
		if answersWithOneNumber(m) {
			return use.Path + " answers with one number, not one for each segment: " + divideRemedy(use.Query), false
		}
	}
	return "", false
}

func answersWithOneNumber(m Measurement) bool {
	return !m.At.IsZero() && !m.Segmented && len(m.Rows) == 1
}

func divideRemedy(q *v1alpha1.Query) string {
	switch {
	case q.HTTP != nil:
		return "set http.segment"
	case q.ConfigMap != nil:
		return "write it as CSV with a column segment"
	case q.SQL != nil:
		return "have the statement answer with a column segment"
	case q.Named != nil:
		return "ask the source's administrator to divide it"
	default:
		return "set segmentBy"
	}
}
