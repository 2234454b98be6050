// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/uptake-dev/uptake/internal/source"
)

// authorizer writes credentials into the headers of one request.
type authorizer interface {
	authorize(ctx context.Context, headers http.Header) *source.Error
	// credentials says whether there are any.
	credentials() bool
	// rejected is told that the server did not accept them, surely (401) or maybe:
	// a 403 is also for what they do not allow.
	rejected(surely bool)
}

// fixed is a header that is the same each time; without a name it is none.
type fixed struct{ name, value string }

func (f fixed) authorize(_ context.Context, headers http.Header) *source.Error {
	if f.name != "" {
		headers.Set(f.name, f.value)
	}
	return nil
}

func (f fixed) credentials() bool { return f.name != "" }
func (f fixed) rejected(bool)     {}

// authorizerOf finds the one way to authenticate. Secrets made from files often
// end with a newline that nobody meant.
func authorizerOf(c source.Credentials, elsewhere *http.Client) (authorizer, *source.Error) {
	token, key := trimmed(c.Token), trimmed(c.HeaderValue)
	user, password := trimmed(c.Username), trimmed(c.Password)
	ways := 0
	for _, set := range []bool{token != "", c.HeaderName != "", user != "" || password != "", c.OAuth2 != nil} {
		if set {
			ways++
		}
	}
	switch {
	case ways > 1:
		return nil, source.Errorf(source.InvalidQuery, "there are two ways to authenticate: use one")
	case !fitsHeader(token) || !fitsHeader(key) || strings.Contains(token, " "):
		return nil, source.Errorf(source.InvalidQuery, "the token has spaces or characters that a header cannot carry")
	case token != "":
		return fixed{"Authorization", "Bearer " + token}, nil
	case c.HeaderName != "" && key == "":
		return nil, source.Errorf(source.InvalidQuery, "the key of auth.header is empty")
	case c.HeaderName != "":
		return fixed{c.HeaderName, key}, nil
	case c.OAuth2 != nil:
		return newGrant(*c.OAuth2, elsewhere)
	case strings.Contains(user, ":"):
		return nil, source.Errorf(source.InvalidQuery, "the user name has a colon, which basic authentication does not allow")
	case user != "" || password != "":
		request := http.Request{Header: http.Header{}}
		request.SetBasicAuth(user, password)
		return fixed{"Authorization", request.Header.Get("Authorization")}, nil
	}
	return fixed{}, nil
}

func trimmed(secret string) string { return strings.TrimRight(secret, "\r\n") }

// fitsHeader allows spaces between words: "Token abc" has one.
func fitsHeader(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}
