// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// saying is a connection to a server that sends these bytes and hangs up, as
// HTTP/1.0 and many proxies end an answer.
func saying(t *testing.T, response string) source.Connection {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			caller, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(caller))
			_, _ = io.WriteString(caller, response)
			_ = caller.Close()
		}
	}()
	return connect(t, v1alpha1.HTTPSource{URL: "http://" + listener.Addr().String()})
}

func TestAnAnswerThatMayHaveBeenCutOffIsNotTakenForTheWhole(t *testing.T) {
	const (
		lines = "{\"u\":1}\n{\"u\":2}\n"
		head  = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
	)
	ndjson := asked{path: "/report", format: v1alpha1.HTTPFormatNDJSON}
	for name, test := range map[string]struct {
		response string
		asked
	}{
		"lines":             {head + "\r\n" + lines, ndjson},
		"no lines":          {head + "\r\n", ndjson},
		"lines of HTTP/1.0": {"HTTP/1.0 200 OK\r\n\r\n" + lines, ndjson},
		"a number":          {head + "\r\n4", asked{value: "body"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, failure := ask(t, saying(t, test.response), test.asked)
			wantFailure(t, failure, source.BadAnswer, "where the answer ends")
		})
	}
	for name, test := range map[string]struct {
		response string
		asked
		want string
	}{
		"a length":                 {head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(lines), lines), ndjson, "=2"},
		"chunks":                   {head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(lines), lines), ndjson, "=2"},
		"JSON has its own end":     {head + "\r\n[1,2]", asked{}, "=2"},
		"an object has one, too":   {head + "\r\n{\"n\":2}", asked{value: "row.n"}, "=2"},
		"a number with its length": {head + "Content-Length: 1\r\n\r\n4", asked{value: "body"}, "=4"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, failure := ask(t, saying(t, test.response), test.asked)
			wantRows(t, answer, failure, test.want)
		})
	}
}

func TestWhatIsPackedHasAnEndOfItsOwn(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\n"
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	_, _ = io.WriteString(packer, "{\"u\":1}\n{\"u\":2}\n")
	_ = packer.Close()
	ndjson := asked{format: v1alpha1.HTTPFormatNDJSON}
	answer, failure := ask(t, saying(t, head+packed.String()), ndjson)
	wantRows(t, answer, failure, "=2")
	_, failure = ask(t, saying(t, head+packed.String()[:packed.Len()-4]), ndjson)
	wantFailure(t, failure, source.Unavailable, "in the middle of an answer")
}

func TestAPageThatIsAnErrorIsNotARow(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "" {
			w.Header().Set("Link", `</users?page=2>; rel="next"`)
			_, _ = io.WriteString(w, `[{"n":1},{"n":1},{"n":1}]`)
			return
		}
		_, _ = io.WriteString(w, `{"message":"hunter2 is rate limited"}`)
	})
	for _, test := range []asked{{}, {where: "!has(row.gone)"}, {value: "2"}} {
		test.path, test.next = "/users", "link.next"
		_, failure := ask(t, connect(t, v1alpha1.HTTPSource{URL: url}), test)
		wantFailure(t, failure, source.BadAnswer, "a list once")
	}
}
