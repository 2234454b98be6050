// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// segment is a part of the population as the spec and the population query
// describe it.
type segment struct {
	name     string
	mode     v1alpha1.AdoptionMode
	exempt   float64
	eligible amount
}

// amount is a number that may not be known.
type amount struct {
	known bool
	value float64
	why   string
}

func known(v float64) amount    { return amount{known: true, value: v} }
func unknown(why string) amount { return amount{why: why} }

// population is who is eligible.
type population struct {
	// segmented says that there are segments at all.
	segmented bool
	segments  []segment // sorted by name
	// total eligible, before exemptions.
	total   amount
	exempt  float64
	unknown string // why nothing is known of it; empty otherwise
	source  *Measurement
	// roster tells to which segment a name in an answer belongs; nil: there are none.
	roster map[string]string
	// nobody is what the answer has of nobody.
	nobody nobody
}

// newPopulation puts together the segments of a program and who is eligible in them.
func newPopulation(program *v1alpha1.AdoptionProgram, measurements map[string]Measurement, cal calendar, ag *agenda) population {
	spec := &program.Spec
	pop := population{}
	declared := map[string]v1alpha1.Segment{}
	for _, s := range spec.Segments {
		declared[string(s.Name)] = s
	}
	var asked *Measurement
	if spec.Population != nil && spec.Population.Query != nil {
		m := measurements[populationPath]
		asked, pop.source = &m, &m
	}
	for _, name := range pop.segmentNames(spec, declared) {
		s := segment{name: name, mode: modeOf(spec, declared[name])}
		s.exempt = exemptions(declared[name], cal, ag)
		pop.exempt += s.exempt
		pop.segments = append(pop.segments, s)
	}
	if pop.segmented {
		pop.roster = rosterOf(pop.segments, declared)
	}
	var rows map[string]Row
	if asked != nil {
		rows, pop.nobody = assign(*asked, pop.roster, true)
	}
	for i := range pop.segments {
		pop.segments[i].eligible = pop.eligibleIn(rows, pop.segments[i].name, ag.now)
	}
	pop.total = pop.sum(spec, ag.now)
	return pop
}

// segmentNames are the segments that are declared, or those that the population's
// answer has.
func (p *population) segmentNames(spec *v1alpha1.AdoptionProgramSpec, declared map[string]v1alpha1.Segment) []string {
	names := map[string]bool{}
	if spec.SegmentsFrom != v1alpha1.SegmentsFromPopulation {
		for name := range declared {
			names[name] = true
		}
		p.segmented = len(names) > 0
		return slices.Sorted(maps.Keys(names))
	}
	p.segmented = true
	known := rosterOf(nil, declared) // aliases are no segments of their own
	for _, row := range p.rows() {
		if row.Segment != "" && !isWithheld(row.Segment) {
			names[cmp.Or(known[row.Segment], row.Segment)] = true
		}
	}
	asked := p.source
	switch {
	case asked == nil || asked.At.IsZero():
	case !asked.Segmented:
		p.unknown = populationPath + " answers with one number, not one for each segment: set segmentBy"
	case asked.NamesWithheld:
		p.unknown = populationPath + ": " + howNamesAreShown
	case len(names) == 0 && len(asked.Rows) > 0:
		p.unknown = fmt.Sprintf("nothing that %s counts has a segment%s", populationPath, cmp.Or(asked.hint(), carries(spec, spec.Population.Query)))
	case len(names) > MaxSegments:
		p.unknown = fmt.Sprintf("%s answers with %d segments, at most %d are served: choose a coarser segmentBy", populationPath, len(names), MaxSegments)
		return nil
	}
	return slices.Sorted(maps.Keys(names))
}

// hint is what the source says that may be wrong.
func (m Measurement) hint() string {
	if m.Hint == "" {
		return ""
	}
	return ": " + m.Hint
}

// carries names the label that nothing carries.
func carries(spec *v1alpha1.AdoptionProgramSpec, q *v1alpha1.Query) string {
	by := cmp.Or(q.SegmentBy, spec.SegmentBy)
	switch {
	case by == nil:
		return ""
	case by.NamespaceLabel != "":
		return fmt.Sprintf(": no namespace carries the label %s of segmentBy", by.NamespaceLabel)
	default:
		return fmt.Sprintf(": nothing carries the label %s of segmentBy", by.Label)
	}
}

func (p population) find(name string) (segment, bool) {
	i := sort.Search(len(p.segments), func(i int) bool { return p.segments[i].name >= name })
	if i < len(p.segments) && p.segments[i].name == name {
		return p.segments[i], true
	}
	return segment{}, false
}

func (p population) names() []string {
	names := make([]string, len(p.segments))
	for i, s := range p.segments {
		names[i] = s.name
	}
	return names
}

// rows of the answer about the population.
func (p population) rows() []Row {
	if p.source == nil {
		return nil
	}
	return p.source.Rows
}

func (p population) sum(spec *v1alpha1.AdoptionProgramSpec, now time.Time) amount {
	asked := p.source
	switch {
	case spec.Population == nil:
		return unknown("the program has no population")
	case spec.Population.Count != nil:
		return known(float64(*spec.Population.Count))
	case p.unknown != "":
		return unknown(p.unknown)
	case len(asked.Rows) == 0 && !asked.Complete:
		return unknown(populationPath + " answered with nothing")
	case p.nobody.total != "":
		return unknown(populationPath + ": " + p.nobody.total)
	case !asked.Segmented && len(asked.Rows) == 1:
		return checkCount(asked.Rows[0], populationPath, now)
	case !p.segmented:
		total := 0.0
		for _, row := range asked.Rows {
			a := checkCount(row, populationPath, now)
			if !a.known {
				return a
			}
			total += a.value
		}
		return known(total)
	}
	total := 0.0
	for _, s := range p.segments {
		if !s.eligible.known {
			return s.eligible
		}
		total += s.eligible.value
	}
	return known(total)
}

func (p population) eligibleIn(rows map[string]Row, name string, now time.Time) amount {
	if p.source == nil || !p.source.Segmented {
		return unknown("the population is not known by segment")
	}
	if row, ok := rows[name]; ok {
		return checkCount(row, populationPath, now)
	}
	claim := p.nobody.claims(populationPath, name, p.source.Complete)
	switch {
	case claim != "":
		return unknown(claim)
	case p.source.Complete:
		return known(0)
	default:
		return unknown(fmt.Sprintf("%s has no row for segment %s", populationPath, name))
	}
}

// maxCount is more than anything that is counted, and still short when written.
const maxCount = 1e15

// checkCount refuses what cannot be a count.
func checkCount(row Row, path string, now time.Time) amount {
	switch {
	case row.Unknown != "":
		return unknown(path + ": " + row.Unknown)
	case row.expired(now):
		return unknown(path + ": " + row.outOfDate())
	case row.Percent:
		return unknown(path + " answers with a percentage where a count is needed: ask for a count, or if the number is a percentage, write query in place of rate in the metric, and format: Percent beside it")
	case row.Value < 0:
		return unknown(path + " answers with a negative count")
	case row.Value > maxCount:
		return unknown(path + " answers with an implausibly large number (over 1e15)")
	default:
		return known(row.Value)
	}
}

func modeOf(spec *v1alpha1.AdoptionProgramSpec, s v1alpha1.Segment) v1alpha1.AdoptionMode {
	switch {
	case s.Mode != "":
		return s.Mode
	case spec.SegmentDefaults != nil && spec.SegmentDefaults.Mode != "":
		return spec.SegmentDefaults.Mode
	default:
		return v1alpha1.ModeMandated
	}
}

func exemptions(s v1alpha1.Segment, cal calendar, ag *agenda) float64 {
	total := 0.0
	for _, e := range s.Exemptions {
		if e.Expires != "" {
			end, err := cal.parseEnd(e.Expires)
			if err != nil || !end.After(ag.now) {
				continue
			}
			ag.at(end)
		}
		total += float64(e.Count)
	}
	return total
}

// usableFor is how long an answer is good for.
func usableFor(m Measurement, staleAfter time.Duration) time.Duration {
	if staleAfter > 0 {
		return staleAfter
	}
	return max(3*m.Interval, time.Hour)
}

// freshAt returns when a measurement was made if it is fresh, or why it is not.
// Stale says that the last good answer is too old to be shown as the present.
func freshAt(m Measurement, path string, staleAfter time.Duration, now time.Time) (at time.Time, why string, stale bool) {
	age := usableFor(m, staleAfter)
	stale = m.At.IsZero() || now.Sub(m.At) > age
	if m.At.IsZero() && m.Problem != nil && m.Problem.Kind == ProblemData {
		// Nothing was ever answered to this operator; what an earlier one wrote
		// stays shown for as long as it would with an answer.
		stale = !m.Problem.Since.IsZero() && now.Sub(m.Problem.Since) > age
	}
	switch {
	case m.Problem != nil:
		return m.At, path + ": " + m.Problem.Message, stale
	case m.At.IsZero():
		return m.At, path + ": waiting for the first answer", false
	case now.Sub(m.At) > age:
		return m.At, path + ": the newest answer is older than staleAfter", true
	}
	if !m.Segmented && len(m.Rows) == 1 && m.Rows[0].expired(now) {
		return m.At, path + ": " + m.Rows[0].outOfDate(), true
	}
	return m.At, "", false
}

// expired reports whether a number is too old. That concerns its segment, and no other.
func (r Row) expired(now time.Time) bool { return !r.Expires.IsZero() && !r.Expires.After(now) }

func (r Row) outOfDate() string {
	name := ""
	if r.Segment != "" {
		name = " for segment " + r.Segment
	}
	return "the newest row" + name + " is out of date: add a new one"
}
