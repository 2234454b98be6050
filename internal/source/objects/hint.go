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

// carried names labels that objects carry, in an order that stays.
func carried(objects []*object) string {
	there := map[string]bool{}
	for _, o := range objects {
		for key := range o.labels {
			there[key] = true
		}
	}
	keys := slices.Sorted(maps.Keys(there))
	if len(keys) == 0 {
		return ", nor any other"
	}
	const most = 5
	return "; they carry " + strings.Join(keys[:min(len(keys), most)], ", ")
}

// asksFor says that an object without the label is not picked.
func asksFor(r labels.Requirement) bool {
	return slices.Contains([]selection.Operator{selection.In, selection.Equals, selection.DoubleEquals, selection.Exists}, r.Operator())
}
