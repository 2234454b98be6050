// SPDX-License-Identifier: Apache-2.0

package source

import (
	"reflect"
	"strings"
	"testing"
)

func TestANameIsTheSameWhereverItComesFrom(t *testing.T) {
	for raw, want := range map[string]string{
		"cart": "cart", "cart        ": "cart", "\tcart\r\n": "cart", "\u00a0cart\u3000": "cart", "\ufeffcart\u200b": "cart",
		"Human Resources": "Human Resources", "R&D": "R&D", "group:default/platform": "group:default/platform", "Zürich Süd": "Zürich Süd", "東京": "東京",
		"": "", "   ": "", "\u2003": "", "\u200b": "",
		"a\nb": "", "a\x00b": "", "a\u202eb": "", "a\u2066b": "", "a\x1b[31mb": "", "\xff": "",
		strings.Repeat("ä", 128): strings.Repeat("ä", 128), strings.Repeat("ä", 129): "",
	} {
		got := SegmentName(raw)
		if got != want {
			t.Errorf("%q is %q, not %q", raw, got, want)
		}
		if again := SegmentName(got); again != got {
			t.Errorf("%q changes once more, to %q", got, again)
		}
	}
}

func TestRowsOfNobodyAreOne(t *testing.T) {
	rows := JoinNobody([]Row{{Value: 2}, {Value: 3}, {Segment: "a", Value: 1}})
	if want := []Row{{Value: 5}, {Segment: "a", Value: 1}}; !reflect.DeepEqual(rows, want) {
		t.Errorf("%+v", rows)
	}
	rows = JoinNobody([]Row{{Value: 2}, {Unknown: "NULL"}, {Segment: "a", Value: 1}})
	if want := []Row{{Unknown: "NULL"}, {Segment: "a", Value: 1}}; !reflect.DeepEqual(rows, want) {
		t.Errorf("a part is taken for the whole: %+v", rows)
	}
	rows = JoinNobody([]Row{{Value: 1e308}, {Value: 1e308}})
	if len(rows) != 1 || rows[0].Unknown == "" || rows[0].Value != 0 {
		t.Errorf("%+v", rows)
	}
	if one := []Row{{Segment: "a"}, {Segment: "b"}}; !reflect.DeepEqual(JoinNobody(one), one) {
		t.Error("others are joined")
	}
}
