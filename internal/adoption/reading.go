// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
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
	// counted is the newest day on which people counted; zero: every poll counts.
	counted time.Time
	// Fresh says that every query was answered at its newest attempt and is not
	// too old: only then may the reading move anything.
	Fresh bool
	// Pending says that a query has not been attempted yet.
	Pending bool
	// Stale says that there has been no usable answer for longer than staleAfter.
	Stale bool
	// Why it is not fresh, for people.
	Why string
	// sources that were added up for the numerator.
	sources int
	// failures in a row of the query that fails most.
	failures int
	// Total over all segments.
	Total Value
	// addedUp says that the total comes from the segments, not from elsewhere.
	addedUp bool
	// Suppressed says that not even the total is shown, because of minGroupSize.
	Suppressed bool
	// Mandated and OptIn are the totals of the two modes, when there are both.
	Mandated, OptIn Value
	// Segments, sorted by name.
	Segments []SegmentReading
	// undivided says that the answer is one number, in a program with segments.
	undivided bool
	// nobody is what the answers have of nobody, the numerator's names first.
	nobody nobody
	// fall is what was believed before, of a metric that should decrease.
	fall *v1alpha1.FallStatus
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
	// Suppressed says that its number is not shown, because of minGroupSize.
	Suppressed bool
	// size is how many people the number is about; blank says that there is no number
	// and that nobody knows how many it would be about.
	size  float64
	blank bool
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
		parts[i] = s.newPart(m, use, measured)
		parts[i].numerator = i == 0 && m.Query == nil
		parts[i].falls = i == 0 && m.Direction == v1alpha1.DirectionDecrease || i == 1 && onlyToNothing(m)
		r.Pending = r.Pending || !attempted || measured.At.IsZero() && measured.Problem == nil
		s.takeIn(&r, measured, use.Path, staleAfter, i == 0)
	}
	if r.Fresh && r.At.Truncate(time.Second).Before(s.decided[string(m.Name)]) {
		// What was decided on a newer one is not decided anew on an older.
		r.Fresh, r.Pending, r.Why = false, true, metricPath(m)+": waiting for an answer that is newer than what was decided on"
	}
	r.counted = s.countedAt(parts)
	r.fall, r.sources = previous.Fall, len(parts[0].m.Sources)
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
	if why := r.aliveProblem(m, parts); why != "" {
		r.forget(why)
	}
	if s.dropped && (m.Rate != nil || s.pop.segmented) {
		r.forget(s.droppedWhy)
	}
	if departed != "" {
		r.forget(departed)
	}
	s.doubtFall(&r, m, parts)
	s.smooth(&r, m, previous)
	r.Stale = r.Stale || s.unknownForLong(&r, previous, staleAfter)
	if r.Fresh && !r.Total.Known && !r.Total.NotApplicable && r.Why == "" {
		r.Why = r.Total.Why
	}
	return r
}

// takeIn makes a reading as old, and as little believed, as its worst answer.
func (s *stepper) takeIn(r *Reading, measured Measurement, path string, staleAfter time.Duration, isFirst bool) {
	r.slowest = max(r.slowest, measured.Interval)
	at, why, stale := freshAt(measured, path, staleAfter, s.now)
	if isFirst || at.Before(r.At) {
		r.At = at
	}
	r.Stale = r.Stale || stale
	if measured.Problem != nil {
		r.failures = max(r.failures, measured.Problem.Failures)
	}
	if why != "" && r.Fresh {
		r.Fresh, r.Why = false, why
	}
	if !at.IsZero() {
		s.agenda.at(at.Add(usableFor(measured, staleAfter) + time.Second))
	}
}

// newPart prepares the answer to one of a metric's queries.
func (s *stepper) newPart(m *v1alpha1.Metric, use QueryUse, measured Measurement) *part {
	p := &part{
		path: use.Path, m: measured, now: s.now,
		zero: m.OnEmpty == v1alpha1.OnEmptyZero, count: m.Query == nil, question: question{asks: fingerprint(use)},
		discreet: s.leastCohort() > 0,
	}
	if use.Query == nil { // the population's, which is divided already
		p.nobody = s.pop.nobody
		return p
	}
	p.question.by = fmt.Sprintf("%+v", use.SegmentBy(s.program))
	roster := s.pop.roster
	if use.Alive && use.Query.SegmentBy == nil {
		roster = nil // a proof of life is anybody's, unless it is divided itself
	}
	p.rows, p.nobody = assign(measured, roster, p.count)
	p.roster = roster
	p.scale = scaleProblem(m, p)
	return p
}

// countedAt is the newest date of a numerator whose rows have dates.
func (s *stepper) countedAt(parts []*part) time.Time {
	var newest time.Time
	if len(parts) == 0 {
		return newest
	}
	for _, row := range parts[0].rows {
		if row.Unknown != "" {
			continue // no number, so nobody's date
		}
		if row.Date.IsZero() {
			return time.Time{}
		}
		if row.Date.After(newest) {
			newest = row.Date
		}
	}
	return newest
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
		seen.departedAt = time.Time{}
		return ""
	}
	wait := durationOr(m.SampleEvery, day)
	if seen.departedAt.IsZero() {
		seen.departedAt = s.now
	}
	seen.departedAt = s.waitedSince(seen.departedAt, wait)
	until := seen.departedAt.Add(wait)
	if !s.now.Before(until) {
		seen.forget(left...)
		seen.departedAt = time.Time{}
		return ""
	}
	s.agenda.at(until)
	return fmt.Sprintf("a source is no longer selected; remaining: %s. The new total is accepted after %s",
		cmp.Or(listed(remaining, 5), "one"), wait)
}

// unknownForLong reports whether answers have come and could not be used for longer
// than they would be good for.
func (s *stepper) unknownForLong(r *Reading, previous *v1alpha1.MetricStatus, staleAfter time.Duration) bool {
	if !r.Fresh || r.Total.Known || r.Total.NotApplicable || previous.Unknown == "" || previous.Since == nil {
		return false
	}
	usable := usableFor(Measurement{Interval: r.slowest}, staleAfter)
	late := s.waitedSince(previous.Since.Time, usable).Add(usable)
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
		r.nobody.value += p.nobody.value
		r.nobody.nameless += p.nobody.nameless
		r.nobody.names = append(r.nobody.names, p.nobody.names...)
		r.nobody.withheld += p.nobody.withheld
	}
	if s.pop.segmented && s.bySegment(m, parts) {
		r.addedUp = true
		r.Total = withNobody(m, s.blend(r, nil, ""), parts)
		if r.hasBothModes() {
			r.Mandated = s.blend(r, nil, v1alpha1.ModeMandated)
			r.OptIn = s.blend(r, nil, v1alpha1.ModeOptIn)
		}
		return
	}
	r.undivided = s.pop.segmented
	r.Total = s.wholeValue(m, parts, seen)
}

// withNobody adds what belongs to nobody to a whole, where it makes it worse: those
// who are eligible and in no segment have not adopted. It never makes it better.
func withNobody(m *v1alpha1.Metric, whole Value, parts []*part) Value {
	for _, p := range parts {
		if p.nobody.total != "" {
			return unknownValue(p.path + ": " + p.nobody.total)
		}
	}
	for i, p := range parts {
		n := p.nobody
		switch {
		case !whole.Known || n.nameless == 0 && n.unknown == "":
			continue
		case n.unknown != "":
			return unknownValue(p.path + ": a row without a segment: " + n.unknown)
		case m.Query != nil:
			return unknownValue(p.path + " has a row without a segment, so that its segments are not the whole: give it one, or leave it out of the query")
		}
		falls := m.Direction == v1alpha1.DirectionDecrease
		if worse := i == 0; worse != falls {
			continue
		}
		if i == 0 {
			whole.Numerator += n.nameless
		}
		if i > 0 || m.Share != nil {
			whole.Denominator += n.nameless
		}
		whole.Amount = whole.Numerator / whole.Denominator
		if m.Rate != nil {
			whole.Numerator, whole.Amount = min(whole.Numerator, whole.Denominator), min(whole.Amount, 1)
		}
	}
	return whole
}

// bySegment reports whether the whole is to be added up from segments.
func (s *stepper) bySegment(m *v1alpha1.Metric, parts []*part) bool {
	if m.Rate != nil && (s.pop.source == nil || !s.pop.source.Segmented) {
		return false
	}
	for _, p := range parts {
		if p.path != populationPath && !p.m.Segmented && len(p.m.Rows) > 0 {
			return false
		}
	}
	return true
}

// segmentValue is the value of a metric in one segment.
func (s *stepper) segmentValue(m *v1alpha1.Metric, parts []*part, seg segment, seen *seenSet) Value {
	first := parts[0].in(seg.name, seen)
	switch {
	case m.Query != nil && !first.known:
		return unknownValue(first.why)
	case m.Query != nil:
		return plainValue(m, parts[0], seg.name)
	case m.Rate != nil:
		return rateValue(first, seg.eligible, seg.exempt, parts[0].discreet)
	case m.Ratio != nil:
		return ratioValue(m, first, parts[1].in(seg.name, seen), parts[0].discreet)
	default:
		return shareValue(first, parts[1].in(seg.name, seen))
	}
}

// wholeValue is the value of a metric that is not added up from segments.
func (s *stepper) wholeValue(m *v1alpha1.Metric, parts []*part, seen *seenSet) Value {
	switch {
	case m.Query != nil && len(parts[0].m.Rows) == 0:
		return plainValue(m, parts[0], "")
	case m.Query != nil:
		if why := parts[0].lostAny(seen); why != "" {
			return unknownValue(why)
		}
		if parts[0].m.Segmented {
			return combinePlain(m, parts[0])
		}
		return plainValue(m, parts[0], "")
	case m.Rate != nil:
		return rateValue(parts[0].whole(&s.pop, seen), s.pop.total, s.pop.exempt, parts[0].discreet)
	case m.Ratio != nil:
		return ratioValue(m, parts[0].whole(&s.pop, seen), parts[1].whole(&s.pop, seen), parts[0].discreet)
	default:
		return shareValue(parts[0].whole(&s.pop, seen), parts[1].whole(&s.pop, seen))
	}
}

// aliveProblem says that nothing proves that the source lives. A proof that is divided
// is wanted of each segment.
func (r *Reading) aliveProblem(m *v1alpha1.Metric, parts []*part) string {
	if m.Heartbeat == nil {
		return ""
	}
	path := metricPath(m) + aliveMember
	i := slices.IndexFunc(parts, func(p *part) bool { return p.path == path })
	if i < 0 || !isPositive(parts[i].m.Rows, parts[i].now) {
		return path + " is not positive: what reports this metric is not running"
	}
	if proof := parts[i]; proof.m.Segmented && proof.roster != nil {
		for j := range r.Segments {
			seg := &r.Segments[j]
			row, ok := proof.rows[seg.Name]
			if ok && isPositive([]Row{row}, proof.now) || seg.Value.NotApplicable {
				continue
			}
			why := fmt.Sprintf("%s is not positive in segment %s: what reports this metric is not running there", path, seg.Name)
			seg.Value = unknownValue(why)
			if r.addedUp {
				r.Total, r.Mandated, r.OptIn = unknownValue(why), unknownValue(why), unknownValue(why)
			}
		}
	}
	return ""
}

// isPositive reports whether rows that can be used add up to something.
func isPositive(rows []Row, now time.Time) bool {
	total := 0.0
	for _, row := range rows {
		if row.Unknown == "" && !row.expired(now) {
			total += row.Value
		}
	}
	return total > 0
}
