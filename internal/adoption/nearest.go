// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the name most similar to a misspelt one; empty when there is none.
func Nearest(name string, names []string) string {
	best, bestDistance := "", -1
	for _, candidate := range slices.Sorted(slices.Values(names)) {
		d := editDistance(strings.ToLower(name), strings.ToLower(candidate))
		if bestDistance < 0 || d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// notFound says that a name does not exist and offers the nearest that does.
func notFound(path, what, name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf("%s: there is no %s %q; the nearest name is %q", path, what, name, near)
	}
	return fmt.Sprintf("%s: there is no %s %q, and none with another name either", path, what, name)
}

// editDistance is the Levenshtein distance in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
