// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/uptake-dev/uptake/internal/source"
)

// Gate is an HTTP server in front of a good handler. It lets in who has the right
// token, and shows every fault that HTTP has.
type Gate struct {
	// URL is where it listens.
	URL string

	good             http.Handler
	server, stranger *httptest.Server
	closing          chan struct{}

	mu                  sync.Mutex
	token               string
	fault               Fault
	applies             func(*http.Request) bool
	ended               chan struct{} // closed when the fault ends
	requests, elsewhere int
	loops               int
}

// shownByHTTP says in words how a Gate shows faults.
var shownByHTTP = map[Fault]string{
	Slow:           "HTTP: the request is read and never answered",
	CutOff:         "HTTP: the connection breaks in the middle of the body",
	BadCredentials: "HTTP 401: another token is accepted",
	Forbidden:      "HTTP 403",
	Missing:        "HTTP 404",
	TooMany:        "HTTP 429 with Retry-After: 120",
	Broken:         "HTTP 500",
	RedirectLoop:   "HTTP 307 to itself, then to another host and back",
	WrongType:      "HTTP 200 with a page in HTML",
	Huge:           "HTTP 200 with a body that does not end",
	Rotated:        "HTTP 401 from now on: another token is accepted",
	Cancelled:      "HTTP: the request is read and never answered",
}

// Open opens a gate that accepts a bearer token (empty: leaves that to the handler)
// and shows no fault yet. It is closed when the test ends, after whatever was opened
// later. Start is httptest.NewServer, or one with TLS.
func Open(t testing.TB, good http.Handler, token string, start func(http.Handler) *httptest.Server) *Gate {
	t.Helper()
	g := &Gate{good: good, token: token, closing: make(chan struct{}), ended: make(chan struct{})}
	g.server, g.stranger = start(g), start(http.HandlerFunc(g.meetStranger))
	g.URL = g.server.URL
	t.Cleanup(func() {
		close(g.closing)
		for _, server := range []*httptest.Server{g.server, g.stranger} {
			server.CloseClientConnections()
			server.Close()
		}
	})
	return g
}

// Authority is the certificate to trust, in PEM, of a gate with TLS.
func (g *Gate) Authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.server.Certificate().Raw})
}

// Show begins a fault, for the requests that it applies to (nil: to all).
func (g *Gate) Show(fault Fault, applies func(*http.Request) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault, g.applies = fault, applies
}

// Case begins a fault, if it is one of HTTP, and returns what there is to say of it.
// For Rotated the asker of the new connection is still missing.
func (g *Gate) Case(fault Fault, asker source.Asker) Case {
	made := Case{Asker: asker, Shown: shownByHTTP[fault], Secrets: []string{OldToken, NewToken}}
	switch fault {
	case BadCredentials:
		g.Accept(NewToken)
	case Rotated:
		made.Begin = func() { g.Accept(NewToken) }
	default:
		g.Show(fault, nil)
	}
	if fault.passes() {
		made.End = g.End
	}
	if fault == RedirectLoop {
		made.Traffic = g.Traffic
	}
	if fault == TooMany {
		made.RetryAfter = Wait
	}
	return made
}

// End ends the fault: what was held is let go.
func (g *Gate) End() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = Success
	close(g.ended)
	g.ended = make(chan struct{})
}

// Accept has only another token accepted from now on, and hangs up on everybody.
func (g *Gate) Accept(token string) {
	g.mu.Lock()
	g.token = token
	g.mu.Unlock()
	g.HangUp()
}

// HangUp closes every connection that there is.
func (g *Gate) HangUp() { g.server.CloseClientConnections() }

// Traffic says how many requests there were, and how many with credentials came to
// another host.
func (g *Gate) Traffic() (requests, elsewhere int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.requests, g.elsewhere
}

// ServeHTTP implements http.Handler.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.requests++
	fault, ended := g.fault, g.ended
	if g.applies != nil && !g.applies(r) {
		fault = Success
	}
	known := g.token == "" || r.Header.Get("Authorization") == "Bearer "+g.token
	g.mu.Unlock()
	w.Header().Set("X-Trace", Marker)
	switch {
	case !known:
		refuse(w, http.StatusUnauthorized)
	case fault == Slow || fault == Cancelled:
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice when the client goes
		select {
		case <-r.Context().Done():
		case <-ended:
		case <-g.closing:
		}
	default:
		g.answer(w, r, fault)
	}
}

func (g *Gate) answer(w http.ResponseWriter, r *http.Request, fault Fault) {
	switch fault {
	case CutOff:
		g.cutOff(w, r)
	case BadCredentials:
		refuse(w, http.StatusUnauthorized)
	case Forbidden:
		refuse(w, http.StatusForbidden)
	case Missing:
		refuse(w, http.StatusNotFound)
	case TooMany:
		w.Header().Set("Retry-After", strconv.Itoa(int(Wait.Seconds())))
		refuse(w, http.StatusTooManyRequests)
	case Broken:
		refuse(w, http.StatusInternalServerError)
	case RedirectLoop:
		g.redirect(w, r)
	case WrongType:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><title>Log in</title>"+Marker+"</html>")
	case Huge:
		endless(w)
	default:
		g.good.ServeHTTP(w, r)
	}
}

func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error": %q, "message": %q}`, Marker, Marker)
}

// cutOff answers with the first half of the good answer.
func (g *Gate) cutOff(w http.ResponseWriter, r *http.Request) {
	whole := httptest.NewRecorder()
	g.good.ServeHTTP(whole, r)
	maps.Copy(w.Header(), whole.Header())
	w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
	w.WriteHeader(whole.Code)
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// endless answers with one long string, until nobody listens any more.
func endless(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	chunk := []byte(strings.Repeat(Marker, 4096))
	_, err := io.WriteString(w, `{"status": "`)
	for err == nil {
		_, err = w.Write(chunk)
	}
}

const hop = "hop"

// redirect leads in circles. A loop that begins (there is no hop in its address)
// is within this host and one between two by turns.
func (g *Gate) redirect(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	if !r.URL.Query().Has(hop) {
		g.loops++
	}
	next := g.server.URL
	if g.loops%2 == 0 {
		next = g.stranger.URL
	}
	g.mu.Unlock()
	http.Redirect(w, r, next+onward(r.URL), http.StatusTemporaryRedirect)
}

// meetStranger is another host: it notes who shows it credentials, and sends back.
func (g *Gate) meetStranger(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	if r.Header.Get("Authorization") != "" {
		g.elsewhere++
	}
	g.mu.Unlock()
	http.Redirect(w, r, g.server.URL+onward(r.URL), http.StatusTemporaryRedirect)
}

func onward(from *url.URL) string {
	query := from.Query()
	query.Set(hop, query.Get(hop)+"1")
	return from.EscapedPath() + "?" + query.Encode()
}
