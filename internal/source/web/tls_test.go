// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/certificatetest"
	"github.com/uptake-dev/uptake/internal/source"
)

func certificates(t *testing.T, until time.Time) certificatetest.Certificates {
	t.Helper()
	made, err := certificatetest.New(until)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// serveTLS wants a certificate of whoever asks, signed by an authority.
func serveTLS(t *testing.T, own certificatetest.Certificates, clients []byte) *httptest.Server {
	t.Helper()
	pair, err := tls.X509KeyPair(own.Certificate, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(clients)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestCertificatesAreShownAndVerifiedInFull(t *testing.T) {
	server, client, other := certificates(t, time.Now().Add(time.Hour)), certificates(t, time.Now().Add(time.Hour)), certificates(t, time.Now().Add(time.Hour))
	good := source.TLS{CA: server.Authority, Certificate: client.Certificate, Key: client.Key}
	for name, test := range map[string]struct {
		change func(*source.TLS)
		says   string // empty: it is answered
	}{
		"all is well":               {func(*source.TLS) {}, ""},
		"a name in the certificate": {func(s *source.TLS) { s.ServerName = certificatetest.HostName }, ""},
		"a name that is not there":  {func(s *source.TLS) { s.ServerName = "api.example.com" }, "another host name"},
		"the system's authorities":  {func(s *source.TLS) { s.CA = nil }, "unknown authority"},
		"another authority":         {func(s *source.TLS) { s.CA = other.Authority }, "unknown authority"},
		"no certificate":            {func(s *source.TLS) { s.Certificate, s.Key = nil, nil }, "client certificate"},
		"somebody else's":           {func(s *source.TLS) { s.Certificate, s.Key = other.Certificate, other.Key }, "client certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			listening := serveTLS(t, server, client.Authority)
			with := settings(source.Credentials{Token: secret})
			with.TLS = good
			test.change(&with.TLS)
			made, failure := New(with, listening.URL, "", nil, nil)
			if failure != nil {
				t.Fatal(failure)
			}
			t.Cleanup(made.Close)
			_, failure = made.get(t.Context(), "/")
			switch {
			case test.says == "" && failure != nil:
				t.Errorf("%v", failure)
			case test.says != "" && (failure == nil || failure.Class != source.Unavailable || !strings.Contains(failure.Message, test.says)):
				t.Errorf("want %q, got %+v", test.says, failure)
			}
		})
	}
	expired := serveTLS(t, certificates(t, time.Now().Add(-time.Hour)), client.Authority)
	with := settings(source.Credentials{})
	with.TLS = good
	made, failure := New(with, expired.URL, "", nil, nil)
	if failure != nil {
		t.Fatal(failure)
	}
	t.Cleanup(made.Close)
	if _, failure := made.get(t.Context(), "/"); failure == nil || failure.Class != source.Unavailable {
		t.Errorf("a certificate that has expired: %v", failure)
	}
}

func TestAnotherHostIsShownNoCertificate(t *testing.T) {
	own, client := certificates(t, time.Now().Add(time.Hour)), certificates(t, time.Now().Add(time.Hour))
	shown := make(chan int, 1)
	files := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { shown <- len(r.TLS.PeerCertificates) }))
	pair, err := tls.X509KeyPair(own.Certificate, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	files.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	files.StartTLS()
	t.Cleanup(files.Close)
	with := settings(source.Credentials{Token: secret})
	with.TLS = source.TLS{CA: own.Authority, Certificate: client.Certificate, Key: client.Key}
	made, failure := New(with, "https://api.example.com", "", nil, []string{strings.TrimPrefix(files.URL, "https://")})
	if failure != nil {
		t.Fatal(failure)
	}
	t.Cleanup(made.Close)
	if _, failure := made.Download(t.Context(), files.URL, func() bool { return true }); failure != nil {
		t.Fatal(failure)
	}
	if n := <-shown; n != 0 {
		t.Errorf("%d certificates are shown", n)
	}
}
