// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"time"
)

// part is one query's answer, prepared for look-ups by segment.
type part struct {
	path string
	m    Measurement
	// rows by the segment that they belong to, and what belongs to nobody.
	rows   map[string]Row
	nobody nobody
	now    time.Time
	// roster tells whose rows are; nil: they are not divided by segments.
	roster map[string]string
	// falls says that the less there is, the better: a row under a name that is alike is
	// not taken for another's.
	falls bool
	// discreet says that no message may hold numbers, because of minGroupSize.
	discreet bool
	// scale says that plain percentages are on a scale of 0 to 100; empty: they are not.
	scale string
	zero  bool // a missing row is zero, because onEmpty says so
	// numerator says that a missing row of a non-empty answer is zero: nobody there.
	numerator bool
	// question tells one query from another on the same path.
	question question
	// count says that answers are counts, so never negative or percentages.
	count bool
}

// in returns the part's number in a segment. A row that was seen before and is
// missing is unknown: the one who reported it may have died.
func (p *part) in(segment string, seen *seenSet) amount {
	row, ok := p.rows[segment]
	if why := p.lost(segment, row, seen); why != "" {
		return unknown(why)
	}
	if ok && p.falls {
		if alike := p.nobody.alikeTo(segment); alike != "" {
			return unknown(fmt.Sprintf("%s has a row for segment %s and one of nobody for %q, which may be the same: make it an alias of the segment, or leave it out of the query", p.path, segment, alike))
		}
	}
	switch {
	case ok && p.count:
		a := checkCount(row, p.path, p.now)
		if a.known && !p.m.Complete {
			seen.add(p.question, "", segment)
		}
		return a
	case ok && row.Unknown != "":
		return unknown(p.path + ": " + row.Unknown)
	case ok && row.expired(p.now):
		return unknown(p.path + ": " + row.outOfDate())
	case ok:
		return known(row.Value)
	default:
		return p.missing(segment, seen)
	}
}

// missing is the number of a segment without a row.
func (p *part) missing(segment string, seen *seenSet) amount {
	vouched := p.m.Complete || p.zero
	if claim := p.nobody.claims(p.path, segment, vouched); claim != "" {
		return unknown(claim)
	}
	switch {
	case vouched:
		return known(0)
	case len(p.m.Rows) == 0:
		return unknown(p.path + " answered with nothing: check the names and labels that it asks for; only if nothing means zero, set onEmpty: Zero")
	case !p.m.Segmented:
		return unknown(p.path + " is one number, not one for each segment")
	case !p.numerator:
		return unknown(fmt.Sprintf("%s has no row for segment %s: add one, or if that means zero, set onEmpty: Zero", p.path, segment))
	case seen.has(p.question, "", segment):
		return unknown(fmt.Sprintf("%s had a row for segment %s and has none now: if that means zero, set onEmpty: Zero", p.path, segment))
	case seen.full():
		return unknown(fmt.Sprintf("%s has no row for segment %s, and more rows than can be remembered: if a missing row means zero, set onEmpty: Zero", p.path, segment))
	default:
		return known(0)
	}
}

// lost says which of several sources had a row for a segment before and has none
// now: what the others have is a partial sum.
func (p *part) lost(segment string, row Row, seen *seenSet) string {
	if p.m.Complete || p.zero {
		return ""
	}
	for _, name := range p.m.Sources {
		switch {
		case slices.Contains(row.From, name):
			seen.add(p.question, name, segment)
		case seen.has(p.question, name, segment):
			return fmt.Sprintf("%s: %s had a row for segment %s and has none now: if that means zero, set onEmpty: Zero", p.path, name, segment)
		case seen.full():
			return fmt.Sprintf("%s: %s has no row for segment %s, and there are more rows than can be remembered: if a missing row means zero, set onEmpty: Zero", p.path, name, segment)
		}
	}
	return ""
}

// lostAny says that an answer that is added up has lost a row, or what one of
// several sources had in a row: the rest is a partial sum.
func (p *part) lostAny(seen *seenSet) string {
	if p.m.Complete || p.zero {
		return ""
	}
	seen.addAll(p.question, p.m.Rows)
	gone := seen.gone(p.question, p.m.Sources, p.m.Rows)
	switch {
	case gone > 0:
		return fmt.Sprintf("%s had %d rows that it has no more: if that means zero, set onEmpty: Zero", p.path, gone)
	case seen.full():
		return p.path + " has more rows than can be remembered: add them up in the query, or if a missing row means zero, set onEmpty: Zero"
	default:
		return ""
	}
}

// fingerprint identifies a query, so that what was seen of one is not expected of another.
func fingerprint(use QueryUse) string {
	if use.Query == nil {
		return use.Path
	}
	q := use.Query
	text := use.Path
	if q.SourceRef != nil {
		text += fmt.Sprintf(" %s/%s", q.SourceRef.Kind, q.SourceRef.Name)
	}
	switch {
	case q.Prometheus != nil:
		return text + " " + q.Prometheus.Expr
	case q.HTTP != nil:
		return fmt.Sprintln(text, q.HTTP.Path, q.HTTP.Rows, q.HTTP.Where, q.HTTP.Segment, q.HTTP.Value, q.HTTP.Distinct)
	case q.SQL != nil:
		return text + " " + q.SQL.Statement
	case q.ConfigMap != nil:
		return fmt.Sprintf("%s %s/%s", text, q.ConfigMap.Name, q.ConfigMap.Key)
	case q.Named != nil && len(q.Named.Parameters) > 0:
		return fmt.Sprintf("%s %+v", text, *q.Named)
	case q.Named != nil:
		return text + " " + string(q.Named.Name)
	default:
		return text
	}
}

// whole is the part's number over everybody that it answered for: over the segments,
// where there are any, and what it says of nobody is left out.
func (p *part) whole(pop *population, seen *seenSet) amount {
	if p.nobody.total != "" {
		return unknown(p.path + ": " + p.nobody.total)
	}
	if len(p.m.Rows) == 0 {
		if p.m.Complete || p.zero {
			return known(0)
		}
		return unknown(p.path + " answered with nothing: check the names and labels that it asks for; only if nothing means zero, set onEmpty: Zero")
	}
	if why := p.lostAny(seen); why != "" {
		return unknown(why)
	}
	total := 0.0
	if p.m.Segmented && pop.segmented {
		for _, seg := range pop.segments {
			a := p.in(seg.name, seen)
			if !a.known {
				return a
			}
			total += a.value
		}
		return known(total)
	}
	for _, row := range p.m.Rows { // in order: floating-point sums depend on it
		a := checkCount(row, p.path, p.now)
		if !a.known {
			return a
		}
		total += a.value
	}
	return known(total)
}
