// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Reading is what is known of one metric at one moment.
type Reading struct {
	Metric    *v1alpha1.Metric
	Format    v1alpha1.Format
	Direction v1alpha1.Direction
	// At is when the oldest of its queries was answered.
	At time.Time
	// Fresh says that every query was answered at its newest attempt and is not
	// too old: only then may the reading move anything.
	Fresh bool
	// Pending says that a query has not been attempted yet.
	Pending bool
	// Stale says that there has been no usable answer for longer than staleAfter.
	Stale bool
	// Why it is not fresh, for people.
	Why string
	// Total over all segments.
	Total Value
	// addedUp says that the total comes from the segments, not from elsewhere.
	addedUp bool
	// Suppressed says that not even the total is shown, because of minCohort.
	Suppressed bool
	// Mandated and OptIn are the totals of the two modes, when there are both.
	Mandated, OptIn Value
	// Segments, sorted by name.
	Segments []SegmentReading
	// Unmatched is how much of the answer belongs to no known segment.
	Unmatched float64
	// seen has hashes of the rows that were there (see seen.go).
	seen string
	// samples of a smoothed metric.
	samples []v1alpha1.Sample
	slowest time.Duration
}

// SegmentReading is the value of one segment.
type SegmentReading struct {
	Name  string
	Mode  v1alpha1.AdoptionMode
	Value Value
	// Suppressed says that its number is not shown, because of minCohort.
	Suppressed bool
	// size is how many people the number is about.
	size float64
}

// Value is a number with what it was made of.
type Value struct {
	Known bool
	// NotApplicable: nobody is eligible here. Neither known nor unknown.
	NotApplicable bool
	Amount        float64
	// Numerator and Denominator of a rate, ratio or share; exempt is taken off
	// the denominator. HasParts says whether they are set.
	Numerator, Denominator, Exempt float64
	// Active is everybody counted, those included where nobody is eligible: what
	// a regression is told from.
	Active   float64
	HasParts bool
	// Why it is not known.
	Why string
}

func unknownValue(why string) Value { return Value{Why: why} }

// part is one query's answer, prepared for look-ups by segment.
type part struct {
	path string
	m    Measurement
	rows map[string]Row
	zero bool // a missing row is zero, because onEmpty says so
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
	switch {
	case ok && p.count:
		a := checkCount(row, p.path)
		if a.known && !p.m.Complete {
			seen.add(p.question, "", segment)
		}
		return a
	case ok && row.Unknown != "":
		return unknown(p.path + ": " + row.Unknown)
	case ok:
		return known(row.Value)
	case p.m.Complete || p.zero:
		return known(0)
	case len(p.rows) == 0:
		return unknown(p.path + " answered with nothing: if that means zero, set onEmpty: Zero")
	case !p.m.Segmented:
		return unknown(p.path + " is one number, not one for each segment")
	case !p.numerator:
		return unknown(fmt.Sprintf("%s has no row for segment %s", p.path, segment))
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

// asks names a question, so that what was seen of one is not expected of another.
func asks(use QueryUse) string {
	switch {
	case use.Query == nil:
		return use.Path
	case use.Query.Prometheus != nil:
		return use.Path + " " + use.Query.Prometheus.Expr
	case use.Query.HTTP != nil:
		q := use.Query.HTTP
		return fmt.Sprintln(use.Path, q.Path, q.Rows, q.Where, q.Segment, q.Value)
	case use.Query.SQL != nil:
		return use.Path + " " + use.Query.SQL.Statement
	case use.Query.Named != nil && len(use.Query.Named.Parameters) > 0:
		return fmt.Sprintf("%s %+v", use.Path, *use.Query.Named)
	case use.Query.Named != nil:
		return use.Path + " " + string(use.Query.Named.Name)
	default:
		return use.Path
	}
}

// read evaluates a metric.
func (s *stepper) read(m *v1alpha1.Metric) Reading {
	r := Reading{Metric: m, Format: formatOf(m), Direction: m.Direction, Fresh: true}
	previous := s.metricStatus(string(m.Name))
	staleAfter := durationOr(m.StaleAfter, 0)
	uses := metricQueries(m)
	if m.Rate != nil && s.pop.source != nil {
		uses = append(uses, QueryUse{Path: populationPath})
	}
	parts := make([]*part, len(uses))
	for i, use := range uses {
		measured, attempted := s.measurements[use.Path]
		parts[i] = &part{
			path: use.Path, m: measured, rows: rowsBySegment(measured.Rows),
			zero: m.OnEmpty == v1alpha1.OnEmptyZero, count: m.Query == nil,
			numerator: i == 0, question: question{asks: asks(use)},
		}
		if use.Query != nil {
			parts[i].question.by = fmt.Sprintf("%+v", use.SegmentBy(s.program))
		}
		r.slowest = max(r.slowest, measured.Interval)
		r.Pending = r.Pending || !attempted || measured.At.IsZero() && measured.Problem == nil
		at, why, stale := freshAt(measured, use.Path, staleAfter, s.now)
		if i == 0 || at.Before(r.At) {
			r.At = at
		}
		r.Stale = r.Stale || stale
		if why != "" && r.Fresh {
			r.Fresh, r.Why = false, why
		}
		if !at.IsZero() {
			s.agenda.at(at.Add(usableFor(measured, staleAfter) + time.Second))
		}
	}
	if r.At.IsZero() {
		r.Total = unknownValue(r.Why)
		r.seen = previous.Seen
		r.samples = previous.Samples
		return r
	}

	seen := newSeenSet(previous.Seen, m.OnEmpty != v1alpha1.OnEmptyZero, seenLimit(len(s.program.Spec.Metrics)))
	departed := s.departed(m, parts, seen)
	s.evaluate(&r, m, parts, seen)
	r.seen = seen.String()
	s.suppress(&r) // by what was answered, whether it is believed or not
	// What cannot be believed is forgotten before it becomes a sample.
	if why := aliveProblem(m, parts); why != "" {
		r.forget(why)
	}
	if s.dropped && (m.Rate != nil || s.pop.segmented) {
		r.forget(s.droppedWhy)
	}
	if departed != "" {
		r.forget(departed)
	}
	s.smooth(&r, m, previous)
	r.Stale = r.Stale || s.unknownForLong(&r, previous, staleAfter)
	if r.Fresh && !r.Total.Known && !r.Total.NotApplicable && r.Why == "" {
		r.Why = r.Total.Why
	}
	return r
}

// departed says that a source that was added up is not selected any more: its
// numbers did not go to zero. That is believed when it lasts for a sample, as it
// is more often a label in trouble than a source that is not meant any more.
func (s *stepper) departed(m *v1alpha1.Metric, parts []*part, seen *seenSet) string {
	var questions []question
	var left, remaining []string
	for _, p := range parts {
		questions = append(questions, p.question)
		if p.path == populationPath || p.m.At.IsZero() {
			continue // the population's are judged with it
		}
		if groups := seen.left(p.question, p.m.Sources); len(groups) > 0 {
			left = append(left, groups...)
			// Its rows are among these, and what the others had is remembered apart.
			left = append(left, "", seenGroup(p.question, ""))
			remaining = p.m.Sources
		}
		seen.addSources(p.question, p.m.Sources)
	}
	seen.keepOnly(questions)
	if len(left) == 0 {
		seen.goneAt = time.Time{}
		return ""
	}
	if seen.goneAt.IsZero() {
		seen.goneAt = s.now
	}
	wait := durationOr(m.SampleEvery, day)
	until := seen.goneAt.Add(wait)
	if !s.now.Before(until) {
		seen.forget(left...)
		seen.goneAt = time.Time{}
		return ""
	}
	s.agenda.at(until)
	return fmt.Sprintf("a source was selected and is not any more, left is %s; believed when that lasts for %s",
		cmp.Or(listed(remaining, 5), "one"), wait)
}

// unknownForLong says that answers have come and could not be used for longer
// than they would be good for.
func (s *stepper) unknownForLong(r *Reading, previous *v1alpha1.MetricStatus, staleAfter time.Duration) bool {
	if !r.Fresh || r.Total.Known || r.Total.NotApplicable || previous.Unknown == "" || previous.Since == nil {
		return false
	}
	late := previous.Since.Add(usableFor(Measurement{Interval: r.slowest}, staleAfter))
	s.agenda.at(late)
	return !s.now.Before(late)
}

// forget makes every value unknown.
func (r *Reading) forget(why string) {
	r.Total, r.Mandated, r.OptIn = unknownValue(why), unknownValue(why), unknownValue(why)
	for i := range r.Segments {
		r.Segments[i].Value = unknownValue(why)
	}
}

// evaluate computes the value of every segment and of the whole.
func (s *stepper) evaluate(r *Reading, m *v1alpha1.Metric, parts []*part, seen *seenSet) {
	for _, seg := range s.pop.segments {
		value := s.segmentValue(m, parts, seg, seen)
		if s.leastCohort() > 0 {
			value.Active = value.Numerator // the difference is of those who are not eligible: few
		}
		r.Segments = append(r.Segments, SegmentReading{Name: seg.name, Mode: seg.mode, Value: value})
	}
	for _, p := range parts {
		if p.path == populationPath {
			continue
		}
		for _, row := range p.m.Rows { // in order: floating-point sums depend on it
			if _, ok := s.pop.find(row.Segment); s.pop.segmented && p.m.Segmented && !ok {
				r.Unmatched += row.Value
			}
		}
	}
	if s.pop.segmented && s.bySegment(m, parts) {
		r.addedUp = true
		r.Total = s.blend(r, nil, "")
		if r.hasBothModes() {
			r.Mandated = s.blend(r, nil, v1alpha1.ModeMandated)
			r.OptIn = s.blend(r, nil, v1alpha1.ModeOptIn)
		}
		return
	}
	r.Total = s.wholeValue(m, parts, seen)
}

// bySegment says that the whole is to be added up from segments.
func (s *stepper) bySegment(m *v1alpha1.Metric, parts []*part) bool {
	if m.Rate != nil && (s.pop.source == nil || !s.pop.source.Segmented) {
		return false
	}
	for _, p := range parts {
		if p.path != populationPath && !p.m.Segmented && len(p.rows) > 0 {
			return false
		}
	}
	return true
}

// segmentValue is the value of a metric in one segment.
func (s *stepper) segmentValue(m *v1alpha1.Metric, parts []*part, seg segment, seen *seenSet) Value {
	first := parts[0].in(seg.name, seen)
	switch {
	case m.Query != nil && !first.known && len(parts[0].m.Sources) > 0:
		return unknownValue(first.why)
	case m.Query != nil:
		return plainValue(m, parts[0], seg.name)
	case m.Rate != nil:
		return rateValue(first, seg.eligible, seg.exempt)
	case m.Ratio != nil:
		return ratioValue(first, parts[1].in(seg.name, seen))
	default:
		return shareValue(first, parts[1].in(seg.name, seen))
	}
}

// wholeValue is the value of a metric that is not added up from segments.
func (s *stepper) wholeValue(m *v1alpha1.Metric, parts []*part, seen *seenSet) Value {
	switch {
	case m.Query != nil && len(parts[0].rows) == 0:
		return plainValue(m, parts[0], "")
	case m.Query != nil:
		if why := parts[0].lostAny(seen); why != "" {
			return unknownValue(why)
		}
		if parts[0].m.Segmented {
			return sumPlain(m, parts[0])
		}
		return plainValue(m, parts[0], "")
	case m.Rate != nil:
		return rateValue(parts[0].whole(seen), s.pop.total, s.pop.exempt)
	case m.Ratio != nil:
		return ratioValue(parts[0].whole(seen), parts[1].whole(seen))
	default:
		return shareValue(parts[0].whole(seen), parts[1].whole(seen))
	}
}

// whole is the part's number over everything it answered.
func (p *part) whole(seen *seenSet) amount {
	if len(p.rows) == 0 {
		if p.m.Complete || p.zero {
			return known(0)
		}
		return unknown(p.path + " answered with nothing: if that means zero, set onEmpty: Zero")
	}
	if why := p.lostAny(seen); why != "" {
		return unknown(why)
	}
	total := 0.0
	for _, row := range p.m.Rows { // in order: floating-point sums depend on it
		a := checkCount(row, p.path)
		if !a.known {
			return a
		}
		total += a.value
	}
	return known(total)
}

// rateValue is active / (eligible - exempt).
func rateValue(active, eligible amount, exempt float64) Value {
	if !eligible.known {
		return unknownValue(eligible.why)
	}
	n := eligible.value - exempt
	if n <= 0 {
		return Value{NotApplicable: true, Exempt: min(exempt, eligible.value), Active: active.value, HasParts: true}
	}
	if !active.known {
		return unknownValue(active.why)
	}
	a := active.value
	if a > n {
		// The two queries are not asked at the same instant.
		if a > n+math.Max(1, n/100) {
			return unknownValue("more are active than are eligible: the two queries do not count the same thing")
		}
		a = n
	}
	return Value{Known: true, Amount: a / n, Numerator: a, Denominator: n, Exempt: exempt, Active: active.value, HasParts: true}
}

func ratioValue(numerator, denominator amount) Value {
	if !denominator.known {
		return unknownValue(denominator.why)
	}
	if denominator.value == 0 {
		return Value{NotApplicable: true, HasParts: true}
	}
	if !numerator.known {
		return unknownValue(numerator.why)
	}
	if numerator.value/denominator.value > maxCount {
		return unknownValue("the ratio is too large to be true")
	}
	return Value{
		Known: true, Amount: numerator.value / denominator.value,
		Numerator: numerator.value, Denominator: denominator.value, Active: numerator.value, HasParts: true,
	}
}

func shareValue(fresh, legacy amount) Value {
	if !fresh.known {
		return unknownValue(fresh.why)
	}
	if !legacy.known {
		return unknownValue(legacy.why)
	}
	return ratioValue(fresh, known(fresh.value+legacy.value))
}

// plainValue is the value of a metric that is a query, in one segment or as a whole.
func plainValue(m *v1alpha1.Metric, p *part, segment string) Value {
	row, ok := p.rows[segment]
	if !ok {
		switch {
		case p.zero || p.m.Complete && p.m.Segmented:
			return Value{Known: true}
		case len(p.rows) == 0:
			return unknownValue(p.path + " answered with nothing: if that means zero, set onEmpty: Zero")
		case segment != "" && !p.m.Segmented:
			return unknownValue(p.path + " is one number, not one for each segment")
		default:
			return unknownValue(fmt.Sprintf("%s has no row for segment %s", p.path, segment))
		}
	}
	format := formatOf(m)
	fromConfigMap := m.Query.ConfigMap != nil
	switch {
	case row.Unknown != "":
		return unknownValue(p.path + ": " + row.Unknown)
	case row.Percent && format != v1alpha1.FormatPercent:
		return unknownValue(p.path + " answers with a percentage and the metric is not one: set format: Percent")
	case fromConfigMap && !row.Percent && format == v1alpha1.FormatPercent:
		return unknownValue(p.path + ": the metric is a percentage: write the value with a percent sign, such as 60%")
	case math.Abs(row.Value) > maxCount:
		return unknownValue(p.path + " answers with a number too large to be true")
	case row.Value < 0 && format != v1alpha1.FormatNumber:
		return unknownValue(p.path + " answers with a negative value")
	}
	return Value{Known: true, Amount: row.Value}
}

// sumPlain adds up a segmented answer of a program without segments.
func sumPlain(m *v1alpha1.Metric, p *part) Value {
	if formatOf(m) != v1alpha1.FormatNumber {
		return unknownValue(p.path + " answers with several values that cannot be added up: aggregate them in the query")
	}
	total := 0.0
	for _, row := range p.m.Rows {
		if row.Unknown != "" {
			return unknownValue(p.path + ": segment " + row.Segment + ": " + row.Unknown)
		}
		total += row.Value
	}
	return Value{Known: true, Amount: total}
}

func aliveProblem(m *v1alpha1.Metric, parts []*part) string {
	if m.AliveWhen == nil {
		return ""
	}
	path := metricPath(m) + aliveMember
	for _, p := range parts {
		if p.path != path {
			continue
		}
		total := 0.0
		for _, row := range p.m.Rows {
			total += row.Value
		}
		if total > 0 {
			return ""
		}
	}
	return path + " is not positive: what reports this metric is not running"
}
