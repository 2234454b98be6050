// SPDX-License-Identifier: Apache-2.0

package source

import (
	"crypto/tls"
	"crypto/x509"
)

// Config verifies in full, with the source's authorities and the operator's
// certificate. What is wrong with a key is not told: the text might hold some of it.
func (t TLS) Config() (*tls.Config, *Error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if len(t.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(t.CA) {
			return nil, NoCA()
		}
	}
	if len(t.Certificate) > 0 || len(t.Key) > 0 {
		pair, err := tls.X509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return nil, Errorf(InvalidQuery, "tls.certificate: tls.crt and tls.key are not PEM, or do not belong together")
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// NoCA says that what should be certificates is none.
func NoCA() *Error { return Errorf(InvalidQuery, "the CA holds no certificate in PEM") }
