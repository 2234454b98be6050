// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"encoding/json"
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/google/cel-go/common/types"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// Whatever a parameter holds, the path has as many segments and the query as many
// values as written, and the parameter can be read back from both.
func FuzzAParameterStaysOneValue(f *testing.F) {
	for _, value := range []string{"cart", "a/b", "..", "%2e%2e", "a?b", "a&b=c", "#", "{team}", "é", "\x00", "a+b c", "/..", "..;x", `\`} {
		f.Add(value)
	}
	c := connect(f, v1alpha1.HTTPSource{URL: "https://api.example.com/base", AllowedPathPrefix: "/orgs"}).(*connection)
	f.Fuzz(func(t *testing.T, value string) {
		bound, failure := bind("/orgs/{team}/x?q={team}&n=1", []source.Parameter{{Name: "team", Value: value}})
		if failure != nil {
			if value != "" && value != "." && value != ".." && !hasSlash(value) {
				t.Fatal(failure)
			}
			return
		}
		target, failure := c.web.Resolve(bound)
		if failure != nil {
			return
		}
		segments := strings.Split(target.EscapedPath(), "/")
		query := target.Query()
		if len(segments) != 5 || segments[1] != "base" || segments[2] != "orgs" || segments[4] != "x" || len(query) != 2 || query.Get("q") != value || query.Get("n") != "1" {
			t.Fatalf("%q gives %s", value, target)
		}
		if back, err := url.PathUnescape(segments[3]); err != nil || back != value {
			t.Fatalf("%q comes back as %q", value, back)
		}
	})
}

func FuzzAHeaderLinkIsReadOrRefused(f *testing.F) {
	f.Add(`</a>; rel="next prev"; title="a\"b", </b>; rel=last`)
	f.Add(`<a`)
	f.Add(`<>;="`)
	f.Fuzz(func(t *testing.T, header string) {
		links, ok := parseLinks([]string{header})
		if ok != (links != nil) {
			t.Fatalf("%v, %v", links, ok)
		}
		for relation, target := range links {
			if target != "" && !strings.Contains(header, "<"+target+">") {
				t.Fatalf("%s leads to %q, which is not there", relation, target)
			}
		}
	})
}

// What is decoded is what the standard library makes of it, or is refused.
func FuzzJSONIsDecodedAsTheStandardLibraryDoesOrRefused(f *testing.F) {
	for _, text := range []string{`{"a":[1,2.5e3,null,true,"x\u00e9"]}`, "1\n2\n\n[3]", `{"a":1,"a":2}`, "\xef\xbb\xbf[]", `"\ud800"`, `-0`, `[[[]]]`, "{\"n\":1}\n{\"n\":"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want any
		got, err := decode(text, v1alpha1.HTTPFormatJSON)
		if err == nil && (json.Unmarshal([]byte(strings.TrimPrefix(string(text), string(byteOrderMark))), &want) != nil || !reflect.DeepEqual(got, want)) {
			t.Fatalf("%q gives %v, not %v", text, got, want)
		}
		lines, err := decode(text, v1alpha1.HTTPFormatNDJSON)
		if err != nil {
			return
		}
		if list, is := lines.([]any); !is || len(list) > 1+strings.Count(string(text), "\n") {
			t.Fatalf("%q gives %v", text, lines)
		}
	})
}

// An answer is finite numbers, or reasons, or one failure of class BadAnswer.
func FuzzAnAnswerIsFiniteNumbersOrReasons(f *testing.F) {
	for _, body := range []string{
		`[{"t":"a","n":1,"d":2},{"t":"b","n":"x"},{"t":"a","n":0,"d":0}]`, `{"items":[{"t":"a"}]}`, `[1e308,1e308]`, `null`, `"x"`,
		`[{"t":null}]`, `[{"t":"a","n":1e308,"d":1e-308}]`, `[[1,2],[]]`, `{}`,
	} {
		for choice := range byte(8) {
			f.Add([]byte(body), choice)
		}
	}
	values := []v1alpha1.Expression{"", "row.n", "row.n / row.d", "double(row.n)", "row", "row.t == 'a' ? row.n * row.n : 1", "row[0] + row[1]", "size(row)"}
	segments := []v1alpha1.Expression{"", "row.t"}
	c := connect(f, v1alpha1.HTTPSource{URL: "https://api.example.com"})
	f.Fuzz(func(t *testing.T, body []byte, choice byte) {
		asks := asked{value: values[int(choice)%len(values)], segment: segments[int(choice)/len(values)%2], where: []v1alpha1.Expression{"", "row.n > 0"}[int(choice)/16%2]}
		asker, err := c.Asker(asks.question())
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := decode(body, v1alpha1.HTTPFormatJSON)
		if err != nil {
			return
		}
		q := asker.(*query)
		p := &poll{query: q, now: today, tally: newTally(q.segment != nil), followed: map[string]bool{}}
		failure := p.count(t.Context(), types.DefaultTypeAdapter.NativeToValue(decoded))
		var rows []source.Row
		if failure == nil {
			rows, failure = p.tally.rows()
		}
		if failure != nil && (failure.Class != source.BadAnswer || failure.Message == "") {
			t.Fatalf("%+v", failure)
		}
		for i, row := range rows {
			if math.IsNaN(row.Value) || math.IsInf(row.Value, 0) || (row.Unknown != "" && row.Value != 0) || (q.segment == nil && row.Unknown != "") {
				t.Fatalf("%+v", row)
			}
			if i > 0 && rows[i-1].Segment >= row.Segment {
				t.Fatalf("not sorted: %+v", rows)
			}
		}
	})
}
