// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Segments are named as systems name them: with spaces, commas and letters of
// every script. Discovered ones did not even pass the schema.

// maxSegmentName is how many characters the schema allows.
const maxSegmentName = 128

// statusName is a segment's name as a status holds it: what nobody could see is
// written as an escape, and what is too long for the schema is cut.
func statusName(name string) string {
	visible := func(r rune) bool { return unicode.IsGraphic(r) && r != utf8.RuneError }
	if strings.ContainsFunc(name, func(r rune) bool { return !visible(r) }) {
		name = strconv.QuoteToGraphic(name)
	}
	if runes := []rune(name); len(runes) > maxSegmentName {
		return string(runes[:maxSegmentName-1]) + "…"
	}
	return name
}

// nameInText is a name as it stands in a sentence or a list: in quotes where it
// would be taken for several, or for a part of the sentence.
func nameInText(name string) string {
	if strings.ContainsAny(name, `,;:()"`) && !isPlainName(name) {
		return `"` + strings.ReplaceAll(name, `"`, "'") + `"`
	}
	return name
}

// isPlainName reports whether a name with punctuation is still one word, such as
// group:default/platform.
func isPlainName(name string) bool {
	return !strings.ContainsAny(name, ` ,;()"`) && !strings.HasSuffix(name, ":")
}

// namesInText are names for a list.
func namesInText(names []string) []string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = nameInText(name)
	}
	return shown
}

// hashedNames are names as a hash takes them. Those that every version allowed
// stay as they are, or every hash that is stored would change; the rest is quoted,
// so that two names never read like one.
func hashedNames(names []v1alpha1.SegmentName) []string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
		if strings.ContainsFunc(texts[i], func(r rune) bool { return !isIdentifier(r) }) {
			texts[i] = strconv.Quote(texts[i])
		}
	}
	return texts
}

func isIdentifier(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.", r))
}
