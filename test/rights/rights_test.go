// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// The operator is installed with Helm, plays the demo's story with the rights of its
// service account and no others, then asks sources. The API server writes down what it
// asked: nothing was refused, and every right that it has was used. Once more for an
// operator of single namespaces.
func TestTheOperatorHasTheRightsThatItNeedsAndNoOthers(t *testing.T) {
	c, program := newCluster(t), compile(t)
	wide, narrow := newLedger(), newLedger()
	const namespaced, clusterWide = string(v1alpha1.SourceKindNamespaced), string(v1alpha1.SourceKindCluster)

	c.helm(t, "install", "--create-namespace")
	c.part(t, program, wide, "the story", c.playStory)
	c.endStory(t)

	// Without the inventory, so that rights that both roles give are seen to be used
	// by the operator itself and not for counting.
	c.settle(t)
	c.helm(t, "upgrade", append(credentials(team, home), "--set", "inventory.enabled=false")...)
	c.part(t, program, wide, "sources", func(t *testing.T, operator installed) string {
		return c.askSources(t, operator, namespaced, clusterWide)
	})
	c.leaveTeam(t)

	c.helm(t, "upgrade", append(credentials(team), "--set", "namespaces={"+team+"}")...)
	requests := c.part(t, program, narrow, "sources", func(t *testing.T, operator installed) string {
		return c.askSources(t, operator, namespaced)
	})
	wantOnlyIn(t, requests, team, home)

	wide.wantAllUsed(t)
	narrow.wantAllUsed(t)
	wide.wantInventoryCounted(t)
	wantOnPage(t, wide)
	fmt.Printf("Report: what the operator may do in the whole cluster, and which part of the test used it\n%s"+
		"Report: what the operator of a single namespace may do\n%s", wide.table(), narrow.table())
}

// part has an operator do something with the rights of the release as it is, and books
// what it asked. Each begins without a Lease, and so needs every right itself.
func (c *cluster) part(t *testing.T, program string, l *ledger, name string, do func(*testing.T, installed) (log string)) []request {
	t.Helper()
	operator := c.operatorOf(t, program)
	grants := c.grantsOf(t, operator.account)
	c.inForce(t, operator.user, grants)
	log := do(t, operator)
	c.givenBack(t)
	requests := c.requestsOf(t, operator.user)
	l.enter(t, name, grants, requests)
	wantNoRefusal(t, log)
	return requests
}

// wantOnlyIn fails when anything was asked about other namespaces, or about the cluster.
func wantOnlyIn(t *testing.T, requests []request, namespaces ...string) {
	t.Helper()
	for _, r := range requests {
		if r.ObjectRef != nil && !slices.Contains(namespaces, r.ObjectRef.Namespace) {
			t.Errorf("an operator for %v asked elsewhere: %s", namespaces, r)
		}
	}
}

// ledger holds what one kind of installation grants, and what was done with it.
type ledger struct {
	// uses counts requests, by grant and by part of the test.
	uses map[grant]map[string]int
}

func newLedger() *ledger { return &ledger{uses: map[grant]map[string]int{}} }

// enter books what was asked in one part of the test on what was granted in it.
func (l *ledger) enter(t *testing.T, part string, grants []grant, requests []request) {
	t.Helper()
	if len(grants) == 0 || len(requests) == 0 {
		t.Fatalf("%s: %d grants and %d requests: nothing is compared", part, len(grants), len(requests))
	}
	for _, g := range grants {
		if l.uses[g] == nil {
			l.uses[g] = map[string]int{}
		}
	}
	for _, r := range requests {
		if r.forbidden() {
			t.Errorf("%s: refused: %s", part, r)
		}
		if r.ObjectRef == nil || r.ObjectRef.Resource == "" {
			continue // discovery, which everybody may read
		}
		by := enough(grants, r.right())
		if len(by) == 0 && !r.forbidden() {
			t.Errorf("%s: the chart does not allow it, and yet it was allowed: %s", part, r)
		}
		for _, g := range by {
			l.uses[g][part]++
		}
	}
}

// enough lists the grants that allow something. What the inventory allows was
// asked to count objects: it is no use of a right that the operator has besides.
func enough(grants []grant, needed right) []grant {
	by := slices.DeleteFunc(slices.Clone(grants), func(g grant) bool { return !g.allows(needed) })
	if counted := slices.DeleteFunc(slices.Clone(by), func(g grant) bool { return !g.counted }); len(counted) > 0 {
		return counted
	}
	return by
}

// own lists what the operator has for itself, by what it is and where it is from.
func (l *ledger) own() []grant {
	own := slices.DeleteFunc(slices.Collect(maps.Keys(l.uses)), func(g grant) bool { return g.counted })
	slices.SortFunc(own, func(a, b grant) int { return strings.Compare(a.order(), b.order()) })
	return own
}

func (g grant) order() string { return qualified(g.group, g.resource) + " " + g.String() }

// wantAllUsed names the grants that nothing has used. The inventory is left out: it is
// what programs may have counted, which is more than one story counts.
func (l *ledger) wantAllUsed(t *testing.T) {
	t.Helper()
	for _, g := range l.own() {
		if len(l.uses[g]) == 0 {
			t.Errorf("nothing uses the right to %s: take it out of config/rbac or controllers/doc.go, or use it here", g)
		}
	}
}

// wantInventoryCounted checks that the inventory is for counting: to list and to
// watch, never Secrets, and that counting does go through it.
func (l *ledger) wantInventoryCounted(t *testing.T) {
	t.Helper()
	verbs := map[string]map[string]bool{}
	for g := range l.uses {
		if !g.counted {
			continue
		}
		kind := qualified(g.group, g.resource)
		if verbs[kind] == nil {
			verbs[kind] = map[string]bool{}
		}
		verbs[kind][g.verb] = true
		if g.resource == "secrets" || g.resource == "*" || g.group == "*" {
			t.Errorf("the inventory lets Secrets be read: %s", g)
		}
	}
	for kind, found := range verbs {
		if !maps.Equal(found, map[string]bool{"list": true, "watch": true}) {
			t.Errorf("the inventory is to list and to watch, no less and no more: %s has %v", kind, slices.Sorted(maps.Keys(found)))
		}
	}
	if len(l.counted()) == 0 {
		t.Error("the story counted nothing through the inventory")
	}
}

// table is "granted | used by" in lines.
func (l *ledger) table() string {
	type row struct{ granted, by string }
	var rows []row
	for _, g := range l.own() {
		rows = append(rows, row{g.String(), usedBy(l.uses[g])})
	}
	if counted := l.counted(); len(counted) > 0 {
		rows = append(rows, row{"list and watch what the inventory holds", "counted: " + strings.Join(counted, ", ")})
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r.granted))
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-*s | %s\n", width, r.granted, r.by)
	}
	return b.String()
}

// counted lists the kinds that were counted through the inventory.
func (l *ledger) counted() []string {
	kinds := map[string]bool{}
	for g, uses := range l.uses {
		if g.counted && len(uses) > 0 {
			kinds[qualified(g.group, g.resource)] = true
		}
	}
	return slices.Sorted(maps.Keys(kinds))
}

func usedBy(uses map[string]int) string {
	var parts []string
	for _, part := range slices.Sorted(maps.Keys(uses)) {
		parts = append(parts, fmt.Sprintf("%s (%d)", part, uses[part]))
	}
	if len(parts) == 0 {
		return "NOTHING"
	}
	return strings.Join(parts, ", ")
}
