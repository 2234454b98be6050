// SPDX-License-Identifier: Apache-2.0

package source

import (
	"cmp"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Nobody is the segment of what belongs to no segment: a row without a name.
const Nobody = ""

// maxSegmentName is how many characters a name may have.
const maxSegmentName = 128

// SegmentName returns the name of a segment as programs write it, whichever source
// it comes from: without the space that a char(12), a spreadsheet or a label leaves
// around it. Every driver calls it before it compares names, so that names that are
// the same to people are the same segment.
//
// A name that is blank, longer than 128 characters, or that people cannot read (it
// has control characters, or such as turn the direction of text around) is Nobody:
// no program can mean it, and no message shows it.
func SegmentName(raw string) string {
	name := strings.TrimFunc(raw, isPadding)
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxSegmentName || strings.ContainsFunc(name, isUnreadable) {
		return Nobody
	}
	return name
}

// isPadding is space of any width, none included, as it comes around names.
func isPadding(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r)
}

func isUnreadable(r rune) bool { return !unicode.IsGraphic(r) }

// JoinNobody makes one row of those of Nobody, which are the first of sorted rows: they
// are no segment, so several of them are no contradiction.
func JoinNobody(rows []Row) []Row {
	count := 0
	for count < len(rows) && rows[count].Segment == Nobody {
		count++
	}
	if count < 2 {
		return rows
	}
	joined := rows[0]
	for _, row := range rows[1:count] {
		joined.Value += row.Value
		joined.Unknown = cmp.Or(joined.Unknown, row.Unknown)
		if row.Date.Before(joined.Date) {
			joined.Date = row.Date
		}
		if !row.Expires.IsZero() && (joined.Expires.IsZero() || row.Expires.Before(joined.Expires)) {
			joined.Expires = row.Expires
		}
	}
	if math.IsInf(joined.Value, 0) {
		joined.Unknown = "the sum is out of range"
	}
	if joined.Unknown != "" {
		joined.Value = 0
	}
	return append([]Row{joined}, rows[count:]...)
}
