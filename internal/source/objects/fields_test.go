// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"reflect"
	"testing"
)

func TestAConditionLooksAtTheFieldsThatItNames(t *testing.T) {
	for text, want := range map[string]fields{
		"object.spec.replicas > 1":                                     {"spec": fields{"replicas": nil}},
		"has(object.spec.paused) && object.kind == 'Route'":            {"spec": fields{"paused": nil}, "kind": nil},
		"object.metadata.labels['team'] == 'cart'":                     {"metadata": fields{"labels": fields{"team": nil}}},
		"'team' in object.metadata.labels":                             {"metadata": fields{"labels": nil}},
		"object.metadata.labels[object.spec.key] == 'a'":               {"metadata": fields{"labels": nil}, "spec": fields{"key": nil}},
		"object.?spec.?replicas.orValue(0) == 0":                       {"spec": fields{"replicas": nil}},
		"object.status.conditions.exists(c, c.type == 'Ready')":        {"status": fields{"conditions": nil}},
		"object.spec == object.status.spec || object.spec.a.b == 1":    {"spec": nil, "status": fields{"spec": nil}},
		"object.spec.a.b == 1 || object.spec.a == 2":                   {"spec": fields{"a": nil}},
		"size(object) > 1":                                             nil,
		"object[params.field] == 'a'":                                  nil,
		"[object].exists(o, o.spec.x == 1)":                            nil,
		"{'a': object.spec}.a.b == 1":                                  {"spec": nil},
		"namespaceObject.metadata.name == 'a'":                         {"kind": nil},
		"[1, 2].exists(object, object == 1) && 'a' == object.kind":     nil,
		"(object.spec.x ? object.status.a : object.status.b) == 'yes'": {"spec": fields{"x": nil}, "status": fields{"a": nil, "b": nil}},
	} {
		compiled, failure := compileWhere(text)
		if failure != nil {
			t.Fatalf("%s: %v", text, failure)
		}
		if got := compiled.fields; !reflect.DeepEqual(got, want) {
			t.Errorf("%s looks at %v, not %v", text, got, want)
		}
	}
}

func TestWhatIsKeptIsWhatIsLookedAt(t *testing.T) {
	object := map[string]any{
		"kind": "Route", "metadata": map[string]any{"name": "a", "labels": map[string]any{"team": "cart", "x": "y"}},
		"spec": map[string]any{"a": map[string]any{"b": 1.0, "c": 2.0}, "d": "long"}, "status": "odd",
	}
	for name, test := range map[string]struct {
		fields fields
		want   map[string]any
	}{
		"the whole": {nil, object},
		"a part":    {fields{"spec": fields{"a": fields{"b": nil}}}, map[string]any{"spec": map[string]any{"a": map[string]any{"b": 1.0}}}},
		"absent":    {fields{"spec": fields{"none": nil}, "gone": nil}, map[string]any{"spec": map[string]any{}}},
		"no object": {fields{"status": fields{"part": nil}}, map[string]any{"status": "odd"}},
	} {
		if got := test.fields.of(object); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	a, b := fields{"spec": fields{"a": nil}}, fields{"spec": fields{"b": nil}, "kind": nil}
	both := a.with(b)
	if !both.cover(a) || !both.cover(b) || a.cover(b) || b.cover(a) || !fields(nil).cover(a) || a.cover(nil) || !a.with(nil).cover(b) {
		t.Errorf("both are %v", both)
	}
}
