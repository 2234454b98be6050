// SPDX-License-Identifier: Apache-2.0

package source

import (
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
