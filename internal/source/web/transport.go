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
	config, failure := TLSConfig(settings.TLS)
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
		return nil, noCA()
	}
	return newTransport(settings.Guard, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}), nil
}

// TLSConfig verifies in full, with the source's authorities and certificate.
func TLSConfig(settings source.TLS) (*tls.Config, *source.Error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: settings.ServerName}
	if len(settings.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(settings.CA) {
			return nil, noCA()
		}
	}
	if len(settings.Certificate) > 0 {
		pair, err := tls.X509KeyPair(settings.Certificate, settings.Key)
		if err != nil {
			return nil, source.Errorf(source.InvalidQuery, "tls.certificate: tls.crt and tls.key are not a certificate in PEM with its key")
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func noCA() *source.Error {
	return source.Errorf(source.InvalidQuery, "the CA holds no certificate in PEM")
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
