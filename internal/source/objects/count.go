// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/uptake-dev/uptake/internal/source"
)

// tally counts for each segment.
type tally struct {
	objects    map[string]int
	namespaces map[[2]string]struct{} // by segment and namespace; nil: objects are counted
}

func (t *tally) add(segment, namespace string) {
	if t.namespaces != nil {
		key := [2]string{segment, namespace}
		if _, counted := t.namespaces[key]; counted {
			return
		}
		t.namespaces[key] = struct{}{}
	}
	t.objects[segment]++
}

func (t *tally) rows(segmented bool) []source.Row {
	if !segmented {
		return []source.Row{{Value: float64(t.objects[""])}}
	}
	rows := make([]source.Row, 0, len(t.objects))
	for _, segment := range slices.Sorted(maps.Keys(t.objects)) {
		rows = append(rows, source.Row{Segment: segment, Value: float64(t.objects[segment])})
	}
	return rows
}

// count answers the question from what a view shows.
func (q question) count(ctx context.Context, v view) ([]source.Row, *source.Error) {
	picked := slices.DeleteFunc(v.objects.list(), func(o *object) bool { return !q.picks(v, o) })
	if q.where != nil {
		var failure *source.Error
		if picked, failure = q.filter(ctx, v, picked); failure != nil {
			return nil, failure
		}
	}
	counted := tally{objects: map[string]int{}}
	if q.countNamespaces {
		counted.namespaces = map[[2]string]struct{}{}
	}
	for _, o := range picked {
		counted.add(source.SegmentName(q.segmentOf(v, o)), namespaceName(v, o))
	}
	return counted.rows(q.segmented()), nil
}

// picks reports whether the selectors pick an object.
func (q question) picks(v view, o *object) bool {
	if q.selects != nil && !q.selects.Matches(o.labels) {
		return false
	}
	if q.inNamespaces == nil {
		return true
	}
	namespace, known := v.namespaceOf(o)
	return known && q.inNamespaces.Matches(namespace)
}

func (q question) segmentOf(v view, o *object) string {
	switch {
	case q.byLabel != "":
		return o.labels[q.byLabel]
	case q.byNamespaceLabel != "":
		namespace, _ := v.namespaceOf(o)
		return namespace[q.byNamespaceLabel]
	}
	return ""
}

func namespaceName(v view, o *object) string {
	if v.resource.isNamespaces() {
		return o.name
	}
	return o.namespace
}

// filter keeps the objects for which the condition holds. When it cannot be
// evaluated for some, the first by name is told, so that the message is the same
// each time.
func (q question) filter(ctx context.Context, v view, objects []*object) ([]*object, *source.Error) {
	var (
		kept    []*object
		failing []objectName
		reason  = map[objectName]error{}
		work    uint64

		namespaces = map[string]map[string]any{} // one variable for all objects in it
	)
	for _, o := range objects {
		name := namespaceName(v, o)
		if namespaces[name] == nil {
			namespaces[name] = namespaceVariable(v, o)
		}
		holds, cost, err := q.where.holds(ctx, o.content, namespaces[name])
		work += cost
		switch {
		case ctx.Err() != nil:
			return nil, &source.Error{Class: source.Unavailable, Message: "counting took longer than a poll may: make where simpler, or pick fewer objects"}
		case work > costOfPoll:
			// With fewer objects it would work: that is no mistake of the query.
			return nil, source.Errorf(source.BadAnswer, "where: it is too much work for %d objects: make it simpler, or pick fewer", len(objects))
		case err != nil:
			failing = append(failing, o.objectName)
			reason[o.objectName] = err
		case holds:
			kept = append(kept, o)
		}
	}
	if len(failing) == 0 {
		return kept, nil
	}
	first := slices.MinFunc(failing, byName)
	others := ""
	if len(failing) > 1 {
		others = fmt.Sprintf(" (and %d others)", len(failing)-1)
	}
	return nil, &source.Error{
		Class:   source.BadAnswer,
		Message: fmt.Sprintf("where, for %s %s%s: %v", v.resource.Kind, first, others, reason[first]),
	}
}

func byName(a, b objectName) int {
	if a.namespace != b.namespace {
		if a.namespace < b.namespace {
			return -1
		}
		return 1
	}
	if a.name < b.name {
		return -1
	}
	return 1
}

// namespaceVariable is what a condition sees as `namespaceObject`, shaped like a
// Namespace; without a name for an object that is not in one.
func namespaceVariable(v view, o *object) map[string]any {
	found, _ := v.namespaceOf(o)
	labels := make(map[string]any, len(found))
	for key, value := range found {
		labels[key] = value
	}
	return map[string]any{"metadata": map[string]any{"name": namespaceName(v, o), "labels": labels}}
}
