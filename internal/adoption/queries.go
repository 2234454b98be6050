// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// QueryUse is a query and where it stands.
type QueryUse struct {
	// Path of the query in the program, such as spec.metrics[migrated].rate.active.
	Path  string
	Query *v1alpha1.Query
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
	at := func(member string) string { return metricPath(m) + "." + member }
	var uses []QueryUse
	switch {
	case m.Query != nil:
		uses = append(uses, QueryUse{at("query"), m.Query})
	case m.Rate != nil:
		uses = append(uses, QueryUse{at("rate.active"), &m.Rate.Active})
	case m.Ratio != nil:
		uses = append(uses, QueryUse{at("ratio.numerator"), &m.Ratio.Numerator}, QueryUse{at("ratio.denominator"), &m.Ratio.Denominator})
	case m.Share != nil:
		uses = append(uses, QueryUse{at("share.new"), &m.Share.New}, QueryUse{at("share.legacy"), &m.Share.Legacy})
	}
	if m.AliveWhen != nil {
		uses = append(uses, QueryUse{metricPath(m) + aliveMember, m.AliveWhen})
	}
	return uses
}

func metricPath(m *v1alpha1.Metric) string {
	return "spec.metrics[" + string(m.Name) + "]"
}

// SegmentBy is the query's own segmentBy, or the program's. A proof of life is
// one number, unless it says otherwise itself.
func (u QueryUse) SegmentBy(program *v1alpha1.AdoptionProgram) *v1alpha1.SegmentBy {
	if u.Query.SegmentBy != nil || strings.HasSuffix(u.Path, aliveMember) {
		return u.Query.SegmentBy
	}
	return program.Spec.SegmentBy
}

const aliveMember = ".aliveWhen"

// EffectiveSource is the query's own source, or the program's.
func EffectiveSource(program *v1alpha1.AdoptionProgram, q *v1alpha1.Query) *v1alpha1.SourceRef {
	if q.SourceRef != nil {
		return q.SourceRef
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
