// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/uptake-dev/uptake/internal/source"
)

// hint says why nothing was counted although there are objects: who writes a label
// that nothing carries gets a true zero, and would wait for it to rise.
func (q question) hint(v view, rows []source.Row) string {
	if hint := q.hintOfSegments(v, rows); hint != "" {
		return hint
	}
	if q.selects == nil || slices.ContainsFunc(rows, func(r source.Row) bool { return r.Value > 0 }) {
		return ""
	}
	objects := v.objects.list()
	if len(objects) == 0 || slices.ContainsFunc(objects, func(o *object) bool { return q.selects.Matches(o.labels) }) {
		return ""
	}
	requirements, _ := q.selects.Requirements()
	for _, r := range requirements {
		if asksFor(r) && !slices.ContainsFunc(objects, func(o *object) bool { return o.labels.Has(r.Key()) }) {
			return fmt.Sprintf("no %s carries the label %s of labelSelector%s", v.resource.Kind, r.Key(), carried(objects))
		}
	}
	return fmt.Sprintf("no %s has the labels of labelSelector", v.resource.Kind)
}

// hintOfSegments says that nothing carries the label that names segments.
func (q question) hintOfSegments(v view, rows []source.Row) string {
	if len(rows) == 0 || slices.ContainsFunc(rows, func(r source.Row) bool { return r.Segment != "" }) {
		return ""
	}
	switch {
	case q.byLabel != "":
		return fmt.Sprintf("no %s carries the label %s of segmentBy%s: correct segmentBy, or label them", v.resource.Kind, q.byLabel, carried(v.objects.list()))
	case q.byNamespaceLabel != "" && v.namespaces != nil:
		return fmt.Sprintf("no namespace carries the label %s of segmentBy%s: correct segmentBy, or label the namespaces", q.byNamespaceLabel, carried(q.namespacesOf(v)))
	}
	return ""
}

// namespacesOf are those that what is counted is in.
func (q question) namespacesOf(v view) []*object {
	there := map[string]bool{}
	for _, o := range v.objects.list() {
		there[o.namespace] = true
	}
	return slices.DeleteFunc(v.namespaces.list(), func(o *object) bool { return !there[o.name] })
}

// ofItself is a label that every namespace has.
const ofItself = "kubernetes.io/metadata.name"

// carried names labels that objects carry, in an order that stays.
func carried(objects []*object) string {
	there := map[string]bool{}
	for _, o := range objects {
		for key := range o.labels {
			there[key] = key != ofItself
		}
	}
	maps.DeleteFunc(there, func(_ string, told bool) bool { return !told })
	keys := slices.Sorted(maps.Keys(there))
	if len(keys) == 0 {
		return ", nor any other"
	}
	const most = 5
	return "; they carry " + strings.Join(keys[:min(len(keys), most)], ", ")
}

// asksFor reports whether an object without the label is not picked.
func asksFor(r labels.Requirement) bool {
	return slices.Contains([]selection.Operator{selection.In, selection.Equals, selection.DoubleEquals, selection.Exists}, r.Operator())
}
