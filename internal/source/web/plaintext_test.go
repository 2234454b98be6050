// SPDX-License-Identifier: Apache-2.0

package web

import (
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/internal/source"
)

// What the schema refuses the client refuses as well: an object may be older.
func TestCredentialsStayOffConnectionsThatAreNotEncrypted(t *testing.T) {
	grant := func(url string) *source.OAuth2 {
		return &source.OAuth2{TokenURL: url, ClientID: "c", ClientSecret: secret}
	}
	for name, test := range map[string]struct {
		base        string
		credentials source.Credentials
		words       string
	}{
		"a token":                {"http://api.example.com", source.Credentials{Token: secret}, "use https in url"},
		"a scheme in capitals":   {"HTTP://api.example.com", source.Credentials{Token: secret}, "use https in url"},
		"a user":                 {"http://api.example.com", source.Credentials{Username: "u", Password: secret}, "use https in url"},
		"a header":               {"http://api.example.com", source.Credentials{HeaderName: "X-Key", HeaderValue: secret}, "use https in url"},
		"a token that is issued": {"http://api.example.com", source.Credentials{OAuth2: grant("https://login.example.com")}, "use https in url"},
		"a client's secret":      {"https://api.example.com", source.Credentials{OAuth2: grant("http://login.example.com")}, "auth.oauth2.tokenURL"},
		"nothing":                {"http://api.example.com", source.Credentials{}, ""},
		"https":                  {"https://api.example.com", source.Credentials{OAuth2: grant("https://login.example.com")}, ""},
	} {
		with := settings(test.credentials)
		with.AllowPlaintext = false
		_, failure := New(with, test.base, "", nil, nil)
		switch {
		case (failure != nil) != (test.words != ""):
			t.Errorf("%s: %v", name, failure)
		case failure != nil && (!strings.Contains(failure.Message, test.words) || !strings.Contains(failure.Message, "allowPlaintext: true")):
			t.Errorf("%s: %s", name, failure.Message)
		}
		if _, failure := New(settings(test.credentials), test.base, "", nil, nil); failure != nil {
			t.Errorf("%s is not allowed: %v", name, failure)
		}
	}
}
