// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// A row belongs to a segment of the program, by its name or an alias, or to nobody:
// it has no name, or one that no segment has. What belongs to nobody is counted and
// named, moves nothing, and keeps the rest from looking complete.

// nobody is what an answer has of nobody.
type nobody struct {
	// value of all such rows together.
	value float64
	// nameless is the value of the rows without any name.
	nameless float64
	// unknown says why the nameless have no number; empty: they have one.
	unknown string
	// names of the others that have a value, the largest first.
	names []string
	// withheld is how many more names there are that are not shown.
	withheld int
	// total says that a row is the sum of the others, as ROLLUP adds; empty: none is.
	total string
}

// shownNames is how many names of nobody are shown, and comparedNames how many are
// compared with a name that is looked for.
const (
	shownNames    = 5
	comparedNames = 50
)

// assign divides an answer by the segments of the program. Rows of one segment under
// several names are added up where they are counts.
func assign(m Measurement, roster map[string]string, count bool) (map[string]Row, nobody) {
	rows := make(map[string]Row, len(m.Rows))
	var rest nobody
	if m.Segmented && !m.Complete { // a synced watch has no totals
		rest.total = totalRow(m.Rows, roster)
	}
	if !m.Segmented || roster == nil {
		for _, row := range m.Rows {
			rows[row.Segment] = row
		}
		if _, ok := rows[""]; ok && m.Segmented && !m.Complete && len(rows) > 1 && rows[""].Value != 0 {
			rest.total = cmp.Or(rest.total, "a row without a segment stands beside others, which may be a total (ROLLUP) or somebody's: leave it out of the query, or give it a segment")
		}
		return rows, rest
	}
	var strangers []Row
	for _, row := range m.Rows { // in order: floating-point sums depend on it
		name, ok := roster[row.Segment]
		switch {
		case ok:
			rows[name] = merged(rows, name, row, count)
			continue
		case row.Segment == "":
			rest.nameless += row.Value
			rest.unknown = cmp.Or(rest.unknown, row.Unknown)
		case row.Value != 0 || row.Unknown != "":
			strangers = append(strangers, row)
		}
		rest.value += row.Value
	}
	slices.SortStableFunc(strangers, func(a, b Row) int { return cmp.Compare(b.Value, a.Value) })
	for _, row := range strangers {
		if isWithheld(row.Segment) {
			rest.withheld++
			continue
		}
		rest.names = append(rest.names, row.Segment)
	}
	return rows, rest
}

func merged(rows map[string]Row, name string, row Row, count bool) Row {
	before, ok := rows[name]
	switch {
	case !ok:
		return row
	case !before.Date.Equal(row.Date) && !row.Date.IsZero() && !before.Date.IsZero():
		if row.Date.After(before.Date) { // people's newest number counts, whatever name it stands under
			return row
		}
		return before
	}
	if !count {
		before.Unknown = "there are rows under its name and under an alias: leave one out"
		return before
	}
	before.Value += row.Value
	before.Unknown = cmp.Or(before.Unknown, row.Unknown)
	before.From = append(slices.Clone(before.From), row.From...)
	if before.Expires.IsZero() || !row.Expires.IsZero() && row.Expires.Before(before.Expires) {
		before.Expires = row.Expires
	}
	return before
}

// alikeTo is a name of nobody's that is probably meant to be a segment's; empty: none is.
func (n nobody) alikeTo(segment string) string {
	for _, name := range n.compared() {
		if alike(segment, name) {
			return name
		}
	}
	return ""
}

// compared are the names that a segment is compared with.
func (n nobody) compared() []string { return n.names[:min(len(n.names), comparedNames)] }

// totals are names under which systems put the sum of the others.
var totals = []string{"total", "totals", "all", "allteams", "sum", "overall", "grandtotal", "gesamt", "summe"}

// totalRow finds a row that is a total of the others: by its name, which no segment has,
// or without one, when it is the sum of at least two others.
func totalRow(rows []Row, roster map[string]string) string {
	sum := 0.0
	for _, row := range rows {
		sum += row.Value
	}
	for _, row := range rows {
		if row.Value <= 0 || len(rows) < 2 {
			continue
		}
		rest := sum - row.Value
		isSum := len(rows) >= 3 && math.Abs(rest-row.Value) <= 1e-9*row.Value
		named := slices.Contains(totals, folded(row.Segment)) && (isSum || roster[row.Segment] == "")
		switch {
		case row.Segment == "" && isSum:
			return "a row without a segment is the sum of the others" + leaveTotalOut
		case named && isSum:
			return fmt.Sprintf("a row %q is the sum of the others", row.Segment) + leaveTotalOut
		case named:
			return fmt.Sprintf("a row %q looks like a total of the others", row.Segment) + leaveTotalOut
		}
	}
	return ""
}

const leaveTotalOut = ": leave the total (ROLLUP, or sum() without by) out of the query"

// claims says why a segment without a row cannot be taken for zero: what nobody has
// may be its own. A source that knows everything, or whose missing rows are declared
// to be zero, is doubted only for rows without a name and for names that are alike.
func (n nobody) claims(path, segment string, vouched bool) string {
	if n.nameless == 0 && n.unknown == "" && len(n.names) == 0 && n.withheld == 0 {
		return ""
	}
	nearest := n.alikeTo(segment)
	isAlike := nearest != ""
	if !isAlike {
		nearest = Nearest(segment, n.compared())
	}
	switch {
	case len(n.names) > 0 && (!vouched || isAlike):
		meant := "if one of them is meant"
		if nearest != "" {
			meant = fmt.Sprintf("the nearest name is %q: if it is meant", nearest)
		}
		return fmt.Sprintf("%s has no row for segment %s, and rows of nobody (%s); %s, make it an alias of the segment, otherwise leave rows of others out of the query",
			path, segment, n.shown(), meant)
	case n.withheld > 0 && !vouched:
		return fmt.Sprintf("%s has no row for segment %s, and rows of nobody (%d) that may be its own; %s", path, segment, n.withheld, howNamesAreShown)
	case n.nameless != 0 || n.unknown != "":
		return fmt.Sprintf("%s has no row for segment %s, and rows without a segment, which may be its own: give them one, or leave them out of the query", path, segment)
	default:
		return ""
	}
}

// shown lists the names of nobody's rows.
func (n nobody) shown() string {
	names := make([]string, min(len(n.names), shownNames))
	for i := range names {
		names[i] = nameInText(Clip(statusName(n.names[i]), 63))
	}
	text := strings.Join(names, ", ")
	if more := len(n.names) - len(names); more > 0 {
		text += fmt.Sprintf(", +%d", more)
	}
	return text
}

// statusNames are the names as a status has them.
func (n nobody) statusNames() []string {
	var names []string
	for _, name := range n.names[:min(len(n.names), shownNames)] {
		names = append(names, statusName(name))
	}
	return names
}

// alike reports whether two names are probably meant to be one: they differ in case,
// spaces or punctuation, or in one letter of a longer word. team-1 and team-2 are two.
func alike(a, b string) bool {
	x, y := folded(a), folded(b)
	if x == y {
		return x != ""
	}
	digits := func(text string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, text)
	}
	return min(len(x), len(y)) >= 5 && digits(x) == digits(y) && editDistance([]rune(x), []rune(y)) <= 1
}

// folded is a name without case, spaces and punctuation.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// rosterOf tells to which segment a name belongs; nil without segments.
func rosterOf(segments []segment, declared map[string]v1alpha1.Segment) map[string]string {
	roster := make(map[string]string, len(segments))
	for _, s := range segments {
		roster[s.name] = s.name
	}
	for _, s := range declared {
		for _, alias := range s.Aliases {
			if _, taken := roster[string(alias)]; !taken {
				roster[string(alias)] = string(s.Name)
			}
		}
	}
	return roster
}
