// SPDX-License-Identifier: Apache-2.0

package database

import (
	"crypto/tls"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// security is how connections are encrypted; without a config they are not.
type security struct{ config *tls.Config }

func (s security) encrypted() bool { return s.config != nil }

func securityOf(settings source.Settings) (security, *source.Error) {
	switch settings.SQL.TLSMode {
	case v1alpha1.TLSModeDisabled:
		if !settings.AllowPlaintext {
			return security{}, invalid("without TLS everybody on the way reads the password: leave tlsMode out, or set allowPlaintext: true")
		}
		return security{}, nil
	case v1alpha1.TLSModeVerifyFull, "":
	default:
		return security{}, invalid("tlsMode %q is not known: choose VerifyFull or Disabled", settings.SQL.TLSMode)
	}
	config, failure := settings.TLS.Config()
	if failure != nil {
		return security{}, failure
	}
	if config.ServerName == "" {
		config.ServerName = settings.SQL.Host
	}
	return security{config: config}, nil
}
