// SPDX-License-Identifier: Apache-2.0

// Package prometheus evaluates PromQL expressions as instant queries over the
// HTTP API that Prometheus, Thanos, Mimir and VictoriaMetrics share.
package prometheus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// Config says where a Prometheus is and how to reach it.
type Config struct {
	// URL is the base address, without /api/v1.
	URL string
	// Username and Password are for basic authentication; empty: none.
	Username, Password string
	// Token is a bearer token; empty: none.
	Token string
	// CA holds the certificates to trust, in PEM; empty: the system's.
	CA []byte
}

// Client talks to one Prometheus. It is safe for concurrent use, and keeps its
// connections open until it is closed.
type Client struct {
	endpoint      *url.URL
	authorization string
	http          *http.Client
	transport     *http.Transport
}

// New returns a Client, or a *source.Error that says what is wrong with config.
// Nothing is sent yet.
func New(config Config) (*Client, error) {
	base, err := parseURL(config.URL)
	if err != nil {
		return nil, err
	}
	authorization, err := authorizationOf(config)
	if err != nil {
		return nil, err
	}
	roots, err := rootsOf(config.CA)
	if err != nil {
		return nil, err
	}
	transport := newTransport(roots)
	return &Client{
		endpoint:      base.JoinPath("api", "v1", "query"),
		authorization: authorization,
		http: &http.Client{
			Transport: transport,
			// Redirects are followed by hand: see send.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		transport: transport,
	}, nil
}

// Close closes idle connections. Requests under way end undisturbed.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Query returns an Asker for an expression. With a segmentLabel each series is a
// segment, named by that label; without one the answer must be a single number.
func (c *Client) Query(expr, segmentLabel string) source.Asker {
	return &query{client: c, expr: expr, segmentLabel: segmentLabel}
}

type query struct {
	client       *Client
	expr         string
	segmentLabel string
}

// Ask implements source.Asker.
func (q *query) Ask(ctx context.Context) (source.Answer, error) {
	data, failure := q.client.evaluate(ctx, q.expr)
	if failure != nil {
		return source.Answer{}, failure
	}
	rows, failure := data.rows(q.segmentLabel)
	if failure != nil {
		return source.Answer{}, failure
	}
	return source.Answer{Rows: rows, Segmented: q.segmentLabel != ""}, nil
}

func parseURL(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Hostname() == "":
		return nil, invalid("url is not an http or https address with a host, such as https://prometheus.example.com")
	case base.User != nil:
		return nil, invalid("url holds credentials: they belong in auth")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, invalid("url has a query or a fragment: write the base address only")
	}
	return base, nil
}

// authorizationOf returns the value of the header Authorization. Secrets made
// from files often end with a newline that nobody meant.
func authorizationOf(config Config) (string, error) {
	token := strings.TrimRight(config.Token, "\r\n")
	user := strings.TrimRight(config.Username, "\r\n")
	password := strings.TrimRight(config.Password, "\r\n")
	switch {
	case token != "" && (user != "" || password != ""):
		return "", invalid("there are two ways to authenticate: use basic or bearer")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", invalid("the token has spaces or characters that a header cannot carry")
	case token != "":
		return "Bearer " + token, nil
	case strings.Contains(user, ":"):
		return "", invalid("the user name has a colon, which basic authentication does not allow")
	case user != "" || password != "":
		var request http.Request
		request.Header = http.Header{}
		request.SetBasicAuth(user, password)
		return request.Header.Get("Authorization"), nil
	}
	return "", nil
}

func rootsOf(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, invalid("the CA holds no certificate in PEM")
	}
	return roots, nil
}

func newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		// No proxy: an environment variable must not decide who sees credentials.
		Proxy:                  nil,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

func invalid(format string, args ...any) *source.Error {
	return &source.Error{Class: source.InvalidQuery, Message: fmt.Sprintf(format, args...)}
}

func badAnswer(format string, args ...any) *source.Error {
	return &source.Error{Class: source.BadAnswer, Message: fmt.Sprintf(format, args...)}
}
