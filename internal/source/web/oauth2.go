// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/uptake-dev/uptake/internal/source"
)

// grant gets tokens with the client credentials grant and uses each until it
// expires or is rejected.
type grant struct {
	config clientcredentials.Config
	http   *http.Client
	host   string
	// turn is held by whoever looks at token, or gets a new one: a channel, so that
	// who waits for it can still be cancelled.
	turn  chan struct{}
	token *oauth2.Token
	// doubted is when a token was last dropped that may have been good.
	doubted time.Time
}

const (
	// longestLife bounds that of a token which does not say when it expires.
	longestLife = time.Hour
	// doubtGap keeps a 403 that no token helps against from costing one each time.
	doubtGap = time.Minute
)

// now is the clock by which the library judges a token.
func now() time.Time { return time.Now() } //nolint:forbidigo // see above

func newGrant(settings source.OAuth2, client *http.Client) (*grant, *source.Error) {
	at, err := url.Parse(settings.TokenURL)
	if err != nil || (at.Scheme != "http" && at.Scheme != "https") || at.Hostname() == "" || at.User != nil {
		return nil, source.Errorf(source.InvalidQuery, "auth.oauth2.tokenURL is not an http or https address with a host and without credentials")
	}
	g := &grant{
		config: clientcredentials.Config{
			ClientID: trimmed(settings.ClientID), ClientSecret: trimmed(settings.ClientSecret),
			TokenURL: settings.TokenURL, Scopes: settings.Scopes,
		},
		http: client, host: at.Host, turn: make(chan struct{}, 1),
	}
	if settings.Audience != "" {
		g.config.EndpointParams = url.Values{"audience": {settings.Audience}}
	}
	return g, nil
}

func (g *grant) credentials() bool { return true }

func (g *grant) authorize(ctx context.Context, headers http.Header) *source.Error {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return source.Unreachable(g.host, ctx.Err())
	}
	if !g.token.Valid() {
		token, err := g.config.Token(context.WithValue(ctx, oauth2.HTTPClient, g.http))
		if err != nil {
			return g.explain(err)
		}
		if !fitsHeader(token.AccessToken) {
			return source.Errorf(source.BadAnswer, "%s issued a token that a header cannot carry", g.host)
		}
		if token.Expiry.IsZero() {
			token.Expiry = now().Add(longestLife)
		}
		g.token = token
	}
	headers.Set("Authorization", "Bearer "+g.token.AccessToken)
	return nil
}

// rejected drops the token, so that the next request gets a new one. Some servers
// say 403 when a token has expired.
func (g *grant) rejected(surely bool) {
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	if !surely {
		if now().Sub(g.doubted) < doubtGap {
			return
		}
		g.doubted = now()
	}
	g.token = nil
}

// explain tells nothing of what the server wrote: the library's own error does.
func (g *grant) explain(err error) *source.Error {
	answered, is := errors.AsType[*oauth2.RetrieveError](err)
	if !is || answered.Response == nil {
		failure := source.Unreachable(g.host, err)
		if failure.Message == g.host+": the connection failed" {
			return source.Errorf(source.BadAnswer, "%s, which issues tokens, answered without a token", g.host)
		}
		return failure
	}
	if failure := (refusals{credentials: true}).refusal(answered.Response, g.host); failure != nil && failure.Class == source.Throttled {
		return failure
	}
	if status := answered.Response.StatusCode; status >= 500 || isRedirect(status) {
		return source.Errorf(source.Unavailable, "%s, which issues tokens, answered with status %d", g.host, status)
	}
	return source.Errorf(source.Unauthorized, "%s did not issue a token: check client_id, client_secret, scopes and audience", g.host)
}
