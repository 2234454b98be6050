// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// QueryUse is a query and where it stands.
type QueryUse struct {
	// Path of the query in the program, such as spec.metrics[migrated].rate.active.
	Path  string
	Query *v1alpha1.Query
	// EmptyIsZero says that an answer without anything is a zero (onEmpty: Zero).
	EmptyIsZero bool
	// Alive says that it is a proof of life (heartbeat), which every source has to give.
	Alive bool
}

const populationPath = "spec.population.query"

// Queries returns every query of a program, in the order of the spec.
func Queries(program *v1alpha1.AdoptionProgram) []QueryUse {
	var uses []QueryUse
	if p := program.Spec.Population; p != nil && p.Query != nil {
		uses = append(uses, QueryUse{Path: populationPath, Query: p.Query})
	}
	for i := range program.Spec.Metrics {
		uses = append(uses, metricQueries(&program.Spec.Metrics[i])...)
	}
	return uses
}

func metricQueries(m *v1alpha1.Metric) []QueryUse {
	zero := m.OnEmpty == v1alpha1.OnEmptyZero
	use := func(member string, q *v1alpha1.Query) QueryUse {
		return QueryUse{Path: metricPath(m) + "." + member, Query: q, EmptyIsZero: zero}
	}
	var uses []QueryUse
	switch {
	case m.Query != nil:
		uses = append(uses, use("query", m.Query))
	case m.Rate != nil:
		uses = append(uses, use("rate.active", &m.Rate.Active))
	case m.Ratio != nil:
		uses = append(uses, use("ratio.numerator", &m.Ratio.Numerator), use("ratio.denominator", &m.Ratio.Denominator))
	case m.Share != nil:
		uses = append(uses, use("share.new", &m.Share.New), use("share.legacy", &m.Share.Legacy))
	}
	if m.Heartbeat != nil {
		uses = append(uses, QueryUse{Path: metricPath(m) + aliveMember, Query: m.Heartbeat, Alive: true})
	}
	return uses
}

func metricPath(m *v1alpha1.Metric) string {
	return "spec.metrics[" + string(m.Name) + "]"
}

// SegmentBy is the query's own segmentBy, or the program's. A proof of life is
// one number, unless it says otherwise itself.
func (u QueryUse) SegmentBy(program *v1alpha1.AdoptionProgram) *v1alpha1.SegmentBy {
	if u.Query.SegmentBy != nil || u.Alive {
		return u.Query.SegmentBy
	}
	return program.Spec.SegmentBy
}

const aliveMember = ".heartbeat"

// IsExternal reports whether a query asks one or several sources, rather than this
// cluster.
func IsExternal(q *v1alpha1.Query) bool {
	return q.ConfigMap == nil && (q.Objects == nil || q.SourceRef != nil || q.SourceSelector != nil)
}

// EffectiveSource is the query's own source, or the program's; nil when it asks
// none, or those that its sourceSelector picks.
func EffectiveSource(program *v1alpha1.AdoptionProgram, q *v1alpha1.Query) *v1alpha1.SourceRef {
	switch {
	case q.SourceRef != nil:
		return q.SourceRef
	case q.SourceSelector != nil || !IsExternal(q):
		return nil
	}
	return program.Spec.SourceRef
}

func formatOf(m *v1alpha1.Metric) v1alpha1.Format {
	switch {
	case m.Format != "":
		return m.Format
	case m.Query != nil:
		return v1alpha1.FormatNumber
	default:
		return v1alpha1.FormatPercent
	}
}
