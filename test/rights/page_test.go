// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// quoted is what a page marks as code.
var quoted = regexp.MustCompile("`([^`]+)`")

// wantOnPage compares the table in docs/rbac.md with what the operator may do, so that
// neither says more than the other.
func wantOnPage(t *testing.T, l *ledger) {
	t.Helper()
	granted := map[string]bool{}
	for _, g := range l.own() {
		granted[g.verb+" "+qualified(g.group, g.resource)] = true
	}
	said := map[string]bool{}
	_, section, found := strings.Cut(readFile(t, repository+"/docs/rbac.md"), "\n## What the operator may do\n")
	if !found {
		t.Fatal("docs/rbac.md does not say what the operator may do")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue // no row of the table
		}
		for _, verb := range quoted.FindAllStringSubmatch(cells[1], -1) {
			for _, resource := range quoted.FindAllStringSubmatch(cells[2], -1) {
				said[verb[1]+" "+resource[1]] = true
			}
		}
	}
	for _, right := range slices.Sorted(maps.Keys(granted)) {
		if !said[right] {
			t.Errorf("docs/rbac.md does not say that the operator may %s", right)
		}
	}
	for _, right := range slices.Sorted(maps.Keys(said)) {
		if !granted[right] {
			t.Errorf("docs/rbac.md says that the operator may %s, which it may not", right)
		}
	}
}
