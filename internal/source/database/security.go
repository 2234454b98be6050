// SPDX-License-Identifier: Apache-2.0

package database

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// security is how connections are encrypted; without a config they are not.
type security struct{ config *tls.Config }

func (s security) encrypted() bool { return s.config != nil }

func securityOf(settings source.Settings) (security, *source.Error) {
	switch settings.SQL.TLSMode {
	case v1alpha1.TLSModeDisabled:
		return security{}, nil
	case v1alpha1.TLSModeVerifyFull, "":
	default:
		return security{}, invalid("tlsMode %q is not known: choose VerifyFull or Disabled", settings.SQL.TLSMode)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: settings.TLS.ServerName}
	if config.ServerName == "" {
		config.ServerName = settings.SQL.Host
	}
	if len(settings.TLS.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(settings.TLS.CA) {
			return security{}, invalid("the CA holds no certificate in PEM")
		}
	}
	if len(settings.TLS.Certificate) > 0 || len(settings.TLS.Key) > 0 {
		// What is wrong with a key is not told: the text might hold some of it.
		certificate, err := tls.X509KeyPair(settings.TLS.Certificate, settings.TLS.Key)
		if err != nil {
			return security{}, invalid("the client certificate and its key are not PEM, or do not belong together")
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return security{config: config}, nil
}
