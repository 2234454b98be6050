// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"maps"
	"testing"
)

func TestTheHeaderLinkIsReadByRelation(t *testing.T) {
	for header, want := range map[string]map[string]string{
		``:                          {"next": ""},
		`</a>; rel=next`:            {"next": "/a"},
		`</a>;rel="next"`:           {"next": "/a"},
		`</a> ; REL = "Next  last"`: {"next": "/a", "last": "/a"},
		`</a?x=1,2;3>; rel="prev", </b>; rel=next`:  {"prev": "/a?x=1,2;3", "next": "/b"},
		`</a>; rel=next, </b>; rel=next`:            {"next": "/a"},
		`</a>; rel=first; rel=next`:                 {"next": "", "first": "/a"},
		`</a>; title="x, </b>; rel=last"; rel=next`: {"next": "/a"},
		`</a>; title="\"; rel=last"; rel=next`:      {"next": "/a"},
		`</a>; crossorigin; rel=next`:               {"next": "/a"},
		`, </a>; rel=next,,`:                        {"next": "/a"},
		`</a>`:                                      {"next": ""},
		`<>; rel=self`:                              {"next": "", "self": ""},
		`</a>; rel="http://example.com/x"`:          {"next": "", "http://example.com/x": "/a"},
	} {
		got, ok := parseLinks([]string{header})
		if !ok || !maps.Equal(got, want) {
			t.Errorf("%s gives %v, %v, not %v", header, got, ok, want)
		}
	}
	got, ok := parseLinks([]string{`</a>; rel=prev`, `</b>; rel=next`})
	if want := map[string]string{"prev": "/a", "next": "/b"}; !ok || !maps.Equal(got, want) {
		t.Errorf("of two headers: %v", got)
	}
	for _, header := range []string{`/a; rel=next`, `</a; rel=next`, `</a>; rel="next`, `</a> rel=next`, `</a>; rel="a" b`, `x`} {
		if got, ok := parseLinks([]string{header}); ok {
			t.Errorf("%s can be read: %v", header, got)
		}
	}
}
