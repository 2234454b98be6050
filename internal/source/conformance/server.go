// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

const (
	// OldToken is good until it is rotated, NewToken is the one after it.
	OldToken = "correct-horse"
	NewToken = "battery-staple"
)

// Loopback lets drivers ask servers of this machine, where tests have theirs.
var Loopback = source.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

// Server is all that a driver which speaks HTTP has to say for a rig: how it is
// connected, what it is asked, and the answers in its language.
type Server struct {
	// Name of the driver.
	Name string
	// Driver is what is put to the test.
	Driver source.Driver
	// At puts the address of a server into settings.
	At func(settings *source.Settings, url string)
	// Question whose answer is Number.
	Question source.Question
	// ContentType of the answers; default: application/json.
	ContentType string
	// Answers are the bodies that say Number (Success), nothing (Empty), NaN, Inf and
	// Negative, and what says Number by another name (SchemaChange). Each but the
	// empty one has the Marker in it somewhere.
	Answers map[Fault]string
}

// Rig makes a rig of it. Credentials are bearer tokens.
func (s Server) Rig() Rig { return Rig{Name: s.Name, Play: s.play} }

func (s Server) play(t *testing.T, fault Fault) Case {
	t.Helper()
	for _, needed := range []Fault{Success, Empty, NaN, Inf, Negative, SchemaChange} {
		if s.Answers[needed] == "" {
			t.Fatalf("%s has no answer for %q", s.Name, needed)
		}
	}
	// says is the answer that is given now.
	var says atomic.Value
	says.Store(s.Answers[Success])
	gate := Open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", cmp.Or(s.ContentType, "application/json"))
		_, _ = io.WriteString(w, says.Load().(string)) //nolint:forcetypeassert // nothing else is stored
	}), OldToken, httptest.NewServer)

	made := gate.Case(fault, s.Connect(t, gate.URL, OldToken))
	switch fault {
	case Success, Empty, NaN, Inf, Negative:
		says.Store(s.Answers[fault])
		made.Shown = "a body that says it"
	case SchemaChange:
		made.Begin = func() { says.Store(s.Answers[SchemaChange]) }
		made.Shown = "a body with the number under another name"
	case Rotated:
		made.Renewed = func() source.Asker { return s.Connect(t, gate.URL, NewToken) }
	default: // the gate shows it
	}
	return made
}

// Connect makes a connection to a server and asks it the question.
func (s Server) Connect(t testing.TB, url, token string) source.Asker {
	t.Helper()
	settings := source.Settings{
		Name: "UsageSource/test/" + s.Name, Credentials: source.Credentials{Token: token}, AllowPlaintext: true, Guard: Loopback,
		Now: func() time.Time { return Today },
	}
	s.At(&settings, url)
	return Asker(t, s.Driver, settings, s.Question)
}

// Today is when everything is asked, as far as drivers know.
var Today = time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC)

// Asker connects and prepares a question. The connection is closed when the test
// ends.
func Asker(t testing.TB, driver source.Driver, settings source.Settings, question source.Question) source.Asker {
	t.Helper()
	connection, err := driver(settings)
	if err != nil {
		t.Fatalf("%s: %v", settings.Name, err)
	}
	t.Cleanup(connection.Close)
	asker, err := connection.Asker(question)
	if err != nil {
		t.Fatalf("%s: %v", settings.Name, err)
	}
	return asker
}
