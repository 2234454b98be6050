// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Nearest returns the name that a misspelt one was probably meant to be; empty
// when none is so near that a person would have meant it.
func Nearest(name string, names []string) string {
	lower := strings.ToLower(name)
	length := utf8.RuneCountInString(name)
	best, bestDistance := "", max(2, length/3)+1
	for _, candidate := range slices.Sorted(slices.Values(names)) {
		d := editDistance([]rune(lower), []rune(strings.ToLower(candidate)))
		// Of two short names nothing may be the same and two steps lead from one to
		// the other: "hr" is not "it".
		if d < bestDistance && d < max(length, utf8.RuneCountInString(candidate)) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// notFound says that a name does not exist and offers the nearest that does, or
// those that there are.
func notFound(what, name string, names []string) string {
	text := fmt.Sprintf("there is no %s %q", what, name)
	if len(names) == 0 {
		return text + ", and none with another name either"
	}
	return text + Instead(name, names)
}

// Instead offers the nearest name for one that does not exist, or names up to five
// that there are: "; the nearest name is ..."; empty when there is none.
func Instead(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf("; the nearest name is %q", near)
	}
	switch sorted := namesInText(slices.Sorted(slices.Values(names))); len(sorted) {
	case 0:
		return ""
	case 1:
		return "; there is " + sorted[0]
	default:
		return "; there are " + listed(sorted, 5)
	}
}

// editDistance is the Levenshtein distance in characters.
func editDistance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
