// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

func TestDifferentKeysAreCountedOverAllPages(t *testing.T) {
	c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "" {
			_, _ = io.WriteString(w, `[{"u":"jo","t":"a"},{"u":"jo","t":"a"},{"u":"ann","t":"a"},{"u":"jo","t":"b"}]`)
			return
		}
		_, _ = io.WriteString(w, `[{"u":"jo","t":"a"},{"u":"eve","t":"b","gone":true},{"u":"kim","t":"b"}]`)
	})})
	query := asked{distinct: "row.u", next: "page == 1 ? '?page=2' : null"}
	answer, failure := ask(t, c, query)
	wantRows(t, answer, failure, "=4")
	query.where = "!has(row.gone)"
	answer, failure = ask(t, c, query)
	wantRows(t, answer, failure, "=3")
	query.segment = "row.t"
	answer, failure = ask(t, c, query)
	wantRows(t, answer, failure, "a=2", "b=2")
	query.where = "has(row.gone)"
	answer, failure = ask(t, c, query)
	wantRows(t, answer, failure, "a=0", "b=1")
}

func TestDifferentKeysAreCountedOverAllFiles(t *testing.T) {
	c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			_, _ = fmt.Fprintf(w, `["http://%[1]s/a","http://%[1]s/b"]`, r.Host)
			return
		}
		_, _ = io.WriteString(w, "{\"u\":1}\n{\"u\":2}\n")
	})})
	answer, failure := ask(t, c, asked{path: "/", links: "body", distinct: "row.u"})
	wantRows(t, answer, failure, "=2")
}

func TestAKeyIsAValueAndNotHowItIsWritten(t *testing.T) {
	for body, want := range map[string]string{
		`[1,1.0,2]`:              "=2",
		`["1",1]`:                "=2",
		`["s1","n1",1]`:          "=3",
		`[true,false,true]`:      "=2",
		`["a","A"]`:              "=2",
		numbers(20_000):          "=20000",
		`["",null,"a"]`:          "?",
		`[["a"]]`:                "?",
		`[9007199254740993]`:     "?",
		`[{"k":null},{"k":"a"}]`: "?",
	} {
		answer, failure := ask(t, answering(t, body), asked{distinct: "row", segment: "'all'"})
		wantRows(t, answer, failure, "all"+want)
	}
}

func TestARowWithoutAKeyMakesItsSegmentUnknown(t *testing.T) {
	c := answering(t, `[{"t":"a","u":null},{"t":"b","u":"jo"},{"t":"c"},{"t":"d","u":" "}]`)
	answer, failure := ask(t, c, asked{distinct: "row.u", segment: "row.t"})
	wantRows(t, answer, failure, "a?", "b=1", "c?", "d?")
	answer, failure = ask(t, c, asked{distinct: "row.?u", segment: "row.t", where: "row.?u.orValue(null) != null"})
	wantRows(t, answer, failure, "a=0", "b=1", "c=0", "d?")
	_, failure = ask(t, c, asked{distinct: "row.u"})
	wantFailure(t, failure, source.BadAnswer, "http.distinct gives null for a row", "http.where")
	_, failure = ask(t, c, asked{distinct: "row.u", value: "1"})
	wantFailure(t, failure, source.InvalidQuery, "http.distinct", "http.value")
}
