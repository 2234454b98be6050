// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// ownTransport is for the source's own server.
func ownTransport(settings source.Settings) (*http.Transport, *source.Error) {
	config, failure := settings.TLS.Config()
	if failure != nil {
		return nil, failure
	}
	return newTransport(settings.Guard, config), nil
}

// elsewhereTransport is for other servers that a source leads to. They are shown
// no certificate, and may have one from the system's roots.
func elsewhereTransport(settings source.Settings) (*http.Transport, *source.Error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if len(settings.TLS.CA) > 0 && !roots.AppendCertsFromPEM(settings.TLS.CA) {
		return nil, source.NoCA()
	}
	return newTransport(settings.Guard, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}), nil
}

func newTransport(guard source.Guard, config *tls.Config) *http.Transport {
	return &http.Transport{
		// No proxy: an environment variable must not decide who sees credentials.
		Proxy:                  nil,
		DialContext:            guard.Dialer().DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
