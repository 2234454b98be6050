// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/uptake-dev/uptake/internal/source"
)

const (
	// defaultBytes bounds what is read of a list, or of a stream until it has
	// everything: some 100,000 objects, of which a fraction is kept.
	defaultBytes = 256 << 20
	// mostBytes bounds any other answer.
	mostBytes = 16 << 20
)

// HTTPClient returns a client for asking an API server in polls. Unlike client-go's
// own it follows no redirects, with each of which would go the token; it does not
// wait for as long as a Retry-After asks, but says so; and it reads no answer
// without bounds.
func HTTPClient(config *rest.Config) (*http.Client, error) {
	made, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport: &transport{made.Transport}, Timeout: made.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// transport is in front of client-go's.
type transport struct{ inner http.RoundTripper }

// CloseIdleConnections is what http.Client looks for. It does not find it behind
// what client-go wraps around transports.
func (t *transport) CloseIdleConnections() { utilnet.CloseIdleConnectionsFor(t.inner) }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.inner.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	wait, asked := source.RetryAfter(response.Header)
	if response.StatusCode == http.StatusTooManyRequests || (response.StatusCode == http.StatusServiceUnavailable && asked) {
		_ = response.Body.Close()
		return nil, &source.Error{Class: source.Throttled, Message: "the API server asks for fewer requests", RetryAfter: wait}
	}
	switch page := strings.HasPrefix(response.Header.Get("Content-Type"), "text/html"); {
	case response.StatusCode >= 300 && response.StatusCode < 400:
		_ = response.Body.Close()
		return nil, source.Errorf(source.Unavailable, "the API server redirects, which is not followed: check its address, and that no log-in page is in front of it")
	case response.StatusCode == http.StatusOK && page:
		_ = response.Body.Close()
		return nil, source.Errorf(source.BadAnswer, "the API server answered with a web page: check its address, and that no log-in page is in front of it")
	}
	response.Header.Del("Retry-After") // client-go would wait within the request
	response.Body = &bounded{response.Body, meterOf(request.Context())}
	return response, nil
}

// meter bounds what is read of one answer.
type meter struct {
	most  int64
	about string // whose answer it is, for the message
	read  atomic.Int64
	ended atomic.Bool
}

type meterKey struct{}

// metered has the answer to a request measured by a meter.
func metered(ctx context.Context, m *meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

func meterOf(ctx context.Context) *meter {
	if m, is := ctx.Value(meterKey{}).(*meter); is {
		return m
	}
	return &meter{most: mostBytes, about: "a single question"}
}

// end takes the bound away: from now on there is only what changes.
func (m *meter) end() { m.ended.Store(true) }

// failure says that too much has been read; nil: it has not.
func (m *meter) failure() error {
	if m.ended.Load() || m.read.Load() <= m.most {
		return nil
	}
	return source.Errorf(source.BadAnswer, "the API server answered %s with more than %d MiB, which is not read", m.about, m.most>>20)
}

// bounded is a body that is measured.
type bounded struct {
	io.ReadCloser
	meter *meter
}

// Read implements io.Reader.
func (b *bounded) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.meter.read.Add(int64(n))
	if failure := b.meter.failure(); failure != nil {
		return 0, failure
	}
	return n, err
}
