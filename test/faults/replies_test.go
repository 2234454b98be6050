// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// forgetful is an API server of whose answers some are lost: it did what it was asked
// for, and the connection breaks.
type forgetful struct {
	*httptest.Server
	// every of those that change something is lost, in turn; 0: none.
	every atomic.Int64
	lost  atomic.Int64
}

func newForgetful(t *testing.T) *forgetful {
	t.Helper()
	transport, err := rest.TransportFor(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	f, changes := &forgetful{}, atomic.Int64{}
	target := &url.URL{Scheme: "https", Host: addressOf(t)}
	relay := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: func(answer *http.Response) error {
			asked := answer.Request
			every := f.every.Load()
			if asked.Method == http.MethodGet || strings.Contains(asked.URL.Path, "subjectaccessreviews") || every == 0 {
				return nil
			}
			if changes.Add(1)%every == 0 {
				return nil // so that something gets through in the end
			}
			f.lost.Add(1)
			panic(http.ErrAbortHandler) // without a word
		},
	}
	f.Server = httptest.NewUnstartedServer(relay)
	f.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){} // a connection for each request
	f.StartTLS()
	t.Cleanup(f.CloseClientConnections)
	return f
}

// credentials are for whoever takes it for the API server.
func (f *forgetful) credentials(t *testing.T) *rest.Config {
	t.Helper()
	certificate, err := x509.ParseCertificate(f.TLS.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return &rest.Config{Host: f.URL, QPS: -1, TLSClientConfig: rest.TLSClientConfig{
		CAData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}),
	}}
}

// TestLostRepliesAreMadeUpFor loses the replies to two of three writes, after they were
// done. Every transition is made once, in order, and has one event.
func TestLostRepliesAreMadeUpFor(t *testing.T) {
	s := begin(t, "1s", 20)
	server := newForgetful(t)
	run(t, server.credentials(t), s.namespace, nil)
	server.every.Store(3)
	s.reach("Phase first", "Waiting > Active > Holding")
	s.is(60)
	s.approve()
	s.reach("Phase second", "Waiting > Active > Holding > Achieved")
	s.judge(map[string]string{
		"AdoptionProgram fence": "Planned > Active > Sustaining",
		"Phase first":           "Waiting > Active > Holding > Achieved",
		"Phase second":          "Waiting > Active > Holding > Achieved",
	})
	if n := server.lost.Load(); n < 10 {
		t.Errorf("only %d replies were lost", n)
	}
	server.every.Store(0)
	s.is(70)
	began := time.Now()
	s.shows("70%")
	t.Logf("%d replies were lost; %v afterwards it shows what is there", server.lost.Load(), time.Since(began).Round(time.Millisecond))
}
