// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"encoding/base64"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// seenLimit is how many rows each of a program's metrics remembers: what a status
// of 100 KB leaves when the population and the values of the metrics are in it.
func seenLimit(metrics int) int {
	const left, perMetric = 65_000, 2_200
	return (left - perMetric*metrics) / seenWidth / max(metrics, 1)
}

const seenWidth = 5 // characters of a hash: 30 bits

// seenMost is how many rows one set remembers: those of all segments, and what
// the groups that they are in take.
const seenMost = MaxSegments + 400

// seenSet remembers which rows an incomplete source has had, and which sources
// were added up, as short hashes that fit into the status, so that what goes
// missing is noticed after a restart as well. When two names share a hash, a row
// that was never there may be called missing: unknown rather than wrong.
//
// The status stores "QUEST=ROWS QUEST.SOURC=ROWS @TIME": the rows of a question,
// those that one of its several sources had, and since when a source is not
// selected any more. Rows without a question were stored by an earlier version.
type seenSet struct {
	// on says that rows are remembered; sources are in any case.
	on    bool
	limit int
	// groups in the order in which they appeared, rows likewise.
	groups     []string
	rows       map[string][]string // by group
	group      map[string]string   // of a row
	departedAt time.Time
}

func newSeenSet(text string, on bool, limit int) *seenSet {
	s := &seenSet{on: on, limit: min(limit, seenMost), rows: map[string][]string{}, group: map[string]string{}}
	for field := range strings.FieldsSeq(text) {
		if at, ok := strings.CutPrefix(field, "@"); ok {
			s.departedAt, _ = time.Parse(time.RFC3339, at) // unreadable: the wait begins anew
			continue
		}
		group, hashes, ok := strings.Cut(field, "=")
		if !ok {
			group, hashes = "", field
		}
		s.open(group)
		for ; on && len(hashes) >= seenWidth; hashes = hashes[seenWidth:] {
			s.put(group, hashes[:seenWidth])
		}
	}
	return s
}

// question tells what was seen of one query from what was seen of another.
type question struct {
	asks string
	by   string // what its answer is divided by
}

// seenGroup is where the rows of a question are, or those of one of its sources.
func seenGroup(q question, source string) string {
	group := seenHash(q.asks, q.by)
	if source != "" {
		group += "." + seenHash(source, "")
	}
	return group
}

// seenRow is a row of a question, or what one of its sources had in that row.
func seenRow(q question, source, segment string) string {
	if source != "" {
		return seenHash(q.asks+" "+source, segment)
	}
	return seenHash(q.asks, segment)
}

func (s *seenSet) has(q question, source, segment string) bool {
	_, ok := s.group[seenRow(q, source, segment)]
	return ok
}

// full reports whether a row that is missing may have been there unremembered.
func (s *seenSet) full() bool {
	const perGroup = 3 // a group takes the space of three rows
	return s.on && len(s.group)+perGroup*len(s.groups) >= s.limit
}

func (s *seenSet) add(q question, source, segment string) {
	row, group := seenRow(q, source, segment), seenGroup(q, source)
	in, there := s.group[row]
	if !s.on || there && in != "" || !there && s.full() {
		return
	}
	s.open(group)
	s.put(group, row)
}

func (s *seenSet) put(group, row string) {
	s.rows[group] = append(s.rows[group], row)
	s.group[row] = group
}

func (s *seenSet) open(group string) {
	if !slices.Contains(s.groups, group) {
		s.groups = append(s.groups, group)
	}
}

// addAll remembers every row of an answer, and who had it.
func (s *seenSet) addAll(q question, rows []Row) {
	for _, row := range rows {
		s.add(q, "", row.Segment)
		for _, source := range row.From {
			s.add(q, source, row.Segment)
		}
	}
}

// gone counts the rows of a question that were there, at all or from one of its
// sources, and are not in an answer.
func (s *seenSet) gone(q question, sources []string, rows []Row) int {
	there := map[string]bool{}
	for _, row := range rows {
		there[seenRow(q, "", row.Segment)] = true
		for _, source := range row.From {
			there[seenRow(q, source, row.Segment)] = true
		}
	}
	count := 0
	for _, source := range append([]string{""}, sources...) {
		for _, row := range s.rows[seenGroup(q, source)] {
			if !there[row] {
				count++
			}
		}
	}
	return count
}

// addSources remembers who was asked, however full it is: they are few.
func (s *seenSet) addSources(q question, sources []string) {
	for _, source := range sources {
		s.open(seenGroup(q, source))
	}
}

// left are the groups of sources that were asked and are not any more.
func (s *seenSet) left(q question, sources []string) []string {
	var groups []string
	asked := map[string]bool{}
	for _, source := range sources {
		asked[seenGroup(q, source)] = true
	}
	for _, group := range s.groups {
		if strings.HasPrefix(group, seenGroup(q, "")+".") && !asked[group] {
			groups = append(groups, group)
		}
	}
	return groups
}

func (s *seenSet) forget(groups ...string) {
	for _, group := range groups {
		s.groups = slices.DeleteFunc(s.groups, func(g string) bool { return g == group })
		for _, row := range s.rows[group] {
			delete(s.group, row)
		}
		delete(s.rows, group)
	}
}

// keepOnly forgets questions that are not asked any more.
func (s *seenSet) keepOnly(questions []question) {
	for _, group := range slices.Clone(s.groups) {
		asked, _, _ := strings.Cut(group, ".")
		if asked != "" && !slices.ContainsFunc(questions, func(q question) bool { return seenGroup(q, "") == asked }) {
			s.forget(group)
		}
	}
}

// String is the set as the status stores it.
func (s *seenSet) String() string {
	var fields []string
	for _, group := range s.groups {
		var text strings.Builder
		for _, row := range s.rows[group] {
			if s.group[row] == group { // it may have been stored without a question before
				text.WriteString(row)
			}
		}
		switch {
		case group != "":
			fields = append(fields, group+"="+text.String())
		case text.Len() > 0:
			fields = append(fields, text.String())
		}
	}
	if !s.departedAt.IsZero() {
		fields = append(fields, "@"+s.departedAt.UTC().Format(time.RFC3339))
	}
	return strings.Join(fields, " ")
}

func seenHash(path, segment string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(path + "\x00" + segment)) // a hash never fails to write
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))[:seenWidth]
}
