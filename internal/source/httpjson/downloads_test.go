// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/budget"
)

// linking is a source that answers with what links returns, and allows a host.
func linking(t *testing.T, host string, links func(own string) string) source.Connection {
	t.Helper()
	return connect(t, v1alpha1.HTTPSource{DownloadHosts: []string{host}, URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/own" {
			if r.Header.Get("Authorization") == "Bearer "+secret {
				_, _ = io.WriteString(w, "1\n2")
			}
			return
		}
		_, _ = io.WriteString(w, links("http://"+r.Host))
	})})
}

func TestFilesAreTheBodyAndNoCredentialsLeaveTheSource(t *testing.T) {
	var got atomic.Int32
	files := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got.Add(1)
		if len(r.Header["Authorization"]) > 0 || len(r.Header["X-Version"]) > 0 || r.URL.RawQuery != "sig=a%2Fb" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_, _ = io.WriteString(w, "{\"n\":1}\n{\"n\":2}\n")
	})
	c := linking(t, strings.TrimPrefix(files, "http://"), func(string) string {
		return fmt.Sprintf(`{"links":["%[1]s/a?sig=a%%2Fb","%[1]s/b?sig=a%%2Fb","%[1]s/a?sig=a%%2Fb"]}`, files)
	})
	answer, failure := ask(t, c, asked{links: "body.links", value: "row.n"})
	wantRows(t, answer, failure, "=6")
	if got.Load() != 2 {
		t.Errorf("%d files are got: a link is followed twice", got.Load())
	}
	answer, failure = ask(t, c, asked{links: "body.links.filter(l, false)"})
	wantRows(t, answer, failure)
}

func TestAFileOnTheSourceItselfIsAskedWithItsCredentials(t *testing.T) {
	c := linking(t, "files.example.com", func(own string) string { return `["` + own + `/own"]` })
	answer, failure := ask(t, c, asked{links: "body"})
	wantRows(t, answer, failure, "=2")
}

// Nobody keeps others from reading large answers by letting a file drip.
func TestALargeAnswerIsNotHeldWhileItsFilesAreGot(t *testing.T) {
	free := false
	held := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if release, _, err := budget.ForAnswer(ctx, budget.Most); err == nil {
			free = true
			release()
		}
		_, _ = io.WriteString(w, "1\n")
	})
	c := connect(t, v1alpha1.HTTPSource{DownloadHosts: []string{strings.TrimPrefix(held, "http://")}, URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"links":["`+held+`/slow"],"rows":[`+strings.Repeat("{},", 150_000)+`{}]}`)
	})})
	answer, failure := ask(t, c, asked{links: "body.links"})
	wantRows(t, answer, failure, "=1")
	if !free {
		t.Error("nobody else could read a large answer meanwhile")
	}
}

func TestTheLinksOfEveryPageAreFollowed(t *testing.T) {
	c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			_, _ = io.WriteString(w, "1\n2\n")
			return
		}
		page := r.URL.Query().Get("page")
		_, _ = fmt.Fprintf(w, `["http://%s/file%s","http://%s/shared"]`, r.Host, page, r.Host)
	})})
	answer, failure := ask(t, c, asked{path: "/", links: "body", next: `page < 3 ? "?page=" + string(page + 1) : ""`})
	wantRows(t, answer, failure, "=8")
}

func TestFilesThatCannotBeGotMakeTheAnswerUnknown(t *testing.T) {
	files := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cut":
			_, _ = io.WriteString(w, "{\"n\":1}\n{\"n\":\"hunter2")
		case "/gone":
			w.WriteHeader(http.StatusForbidden)
		case "/page":
			_, _ = io.WriteString(w, "<html>hunter2")
		case "/empty": // it is still being written
		case "/json":
			_, _ = io.WriteString(w, "[{\"n\":1},\n{\"n\":1}]")
		default:
			http.Redirect(w, r, "http://127.0.0.2:1/hunter2", http.StatusFound)
		}
	})
	for name, test := range map[string]struct {
		links string
		class source.Class
		words string
	}{
		"a file that is cut off":      {`["FILES/cut"]`, source.BadAnswer, "cut off"},
		"a file of nothing":           {`["FILES/empty"]`, source.BadAnswer, "empty file"},
		"a link that has expired":     {`["FILES/gone"]`, source.Unauthorized, ""},
		"a web page":                  {`["FILES/page"]`, source.Unavailable, "web page"},
		"JSON that is not NDJSON":     {`["FILES/json"]`, source.BadAnswer, "format"},
		"a redirect elsewhere":        {`["FILES/else"]`, source.Unavailable, "redirects"},
		"a host that is not listed":   {`["http://localhost:1/hunter2"]`, source.BadAnswer, "another host, localhost:1: the source's administrator can list it in downloadHosts"},
		"a link that is no address":   {`["hunter2"]`, source.BadAnswer, "not an address"},
		"a link that is not a string": {`["FILES/json", 1]`, source.BadAnswer, "something else than strings"},
		"links that are an object":    {`{"a":"hunter2"}`, source.BadAnswer, "http.downloads.links gives an object, not a list"},
		"links that are null":         {`null`, source.BadAnswer, "gives null"},
		"too many":                    {numbered(51), source.BadAnswer, "more than 50 links"},
	} {
		t.Run(name, func(t *testing.T) {
			c := linking(t, strings.TrimPrefix(files, "http://"), func(string) string { return strings.ReplaceAll(test.links, "FILES", files) })
			_, failure := ask(t, c, asked{links: "body"})
			wantFailure(t, failure, test.class, test.words)
		})
	}
	c := linking(t, strings.TrimPrefix(files, "http://"), func(string) string { return `["` + files + `/json"]` })
	answer, failure := ask(t, c, asked{links: "body", linksFormat: v1alpha1.HTTPFormatJSON, value: "row.n"})
	wantRows(t, answer, failure, "=2")
}

func TestNothingOfTheAnswerIsPutIntoALinkToAnotherHost(t *testing.T) {
	got := ""
	files := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got += r.URL.RawQuery
		_, _ = io.WriteString(w, "{}")
	})
	c := linking(t, strings.TrimPrefix(files, "http://"), func(string) string {
		return `{"users":[{"mail":"jo@example.com"}],"deep":[{"link":"` + files + `/?sig=1"}],"own":"1"}`
	})
	for _, links := range []expr{
		expr(`["` + files + `/?d=" + body.users[0].mail]`),
		expr(`[body.deep[0].link + "&d=" + body.users[0].mail]`),
		expr(`["` + files + `/"]`),
	} {
		_, failure := ask(t, c, asked{links: links})
		wantFailure(t, failure, source.NotAllowed, "stand in the answer")
	}
	if got != "" {
		t.Errorf("the other host is sent %q", got)
	}
	answer, failure := ask(t, c, asked{links: "body.deep.map(d, d.link)"})
	wantRows(t, answer, failure, "=1")
}

func numbered(n int) string {
	links := make([]string, n)
	for i := range links {
		links[i] = fmt.Sprintf(`"FILES/%d"`, i)
	}
	return "[" + strings.Join(links, ",") + "]"
}
