// SPDX-License-Identifier: Apache-2.0

// Package web asks servers over HTTP on behalf of the drivers that need it: with
// the source's credentials and nobody else's, within the path that the source
// allows, with a bounded answer, and with every failure classified.
package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// mostBytes bounds what is read of one answer, after decompression, unless the source
// says otherwise.
const mostBytes = 1 << 20

// mostRedirects bounds how many redirects are followed.
const mostRedirects = 3

// Client asks one server. It is safe for concurrent use, and keeps its
// connections open until it is closed.
type Client struct {
	scope     scope
	headers   http.Header
	authorize authorizer
	// own shows the source's certificate, elsewhere shows nothing.
	own, elsewhere *http.Client
	hosts          []string
	// params are in the query of every address.
	params string
	// most bounds what is read of one answer.
	most int64
}

// New returns a Client for a base address, or an error that says what is wrong
// with the settings. Nothing is sent yet.
func New(settings source.Settings, base, prefix string, headers []v1alpha1.Header, downloadHosts []string) (*Client, *source.Error) {
	scope, failure := newScope(base, prefix)
	if failure != nil {
		return nil, failure
	}
	own, failure := ownTransport(settings)
	if failure != nil {
		return nil, failure
	}
	elsewhere, failure := elsewhereTransport(settings)
	if failure != nil {
		return nil, failure
	}
	c := &Client{scope: scope, headers: http.Header{}, own: clientOf(own), elsewhere: clientOf(elsewhere), hosts: downloadHosts, most: mostBytes}
	if c.authorize, failure = authorizerOf(settings.Credentials, c.elsewhere); failure != nil {
		return nil, failure
	}
	if c.authorize.credentials() && scope.base.Scheme != "https" && !settings.AllowPlaintext {
		return nil, source.Errorf(source.InvalidQuery, "over http:// everybody on the way reads credentials: use https in url, or set allowPlaintext: true")
	}
	if c.authorize.credentials() && settings.Credentials.OAuth2 != nil && !settings.AllowPlaintext && !isHTTPS(settings.Credentials.OAuth2.TokenURL) {
		return nil, source.Errorf(source.InvalidQuery, "over http:// everybody on the way reads client_secret: use https in auth.oauth2.tokenURL, or set allowPlaintext: true")
	}
	for _, h := range headers {
		c.headers.Set(h.Name, h.Value)
	}
	return c, nil
}

func isHTTPS(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.Scheme == "https"
}

// WithParameters has parameters added to every address, such as a tenant's namespace.
func (c *Client) WithParameters(params []v1alpha1.URLParameter) *Client {
	pieces := make([]string, len(params))
	for i, p := range params {
		pieces[i] = url.QueryEscape(p.Name) + "=" + url.QueryEscape(p.Value)
	}
	c.params = strings.Join(pieces, "&")
	return c
}

// Bounded has answers of another size read. What is no size leaves the default, 1 MiB.
func (c *Client) Bounded(size v1alpha1.Size) *Client {
	if parsed, err := resource.ParseQuantity(string(size)); err == nil {
		c.most = parsed.Value()
	}
	return c
}

func clientOf(transport *http.Transport) *http.Client {
	return &http.Client{
		Transport: transport,
		// Redirects are followed by hand: see follow.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes idle connections. Requests under way end undisturbed.
func (c *Client) Close() {
	c.own.CloseIdleConnections()
	c.elsewhere.CloseIdleConnections()
}

// Host of the server, for messages.
func (c *Client) Host() string { return c.scope.base.Host }

// Request is what is asked.
type Request struct {
	// Method is GET or POST.
	Method string
	// URL comes from Resolve or Next.
	URL *url.URL
	// Body and ContentType of a POST.
	Body        []byte
	ContentType string
	// Accept is the media type that is asked for.
	Accept string
	// Reads says of which statuses besides 200 the caller wants the body.
	Reads func(status int) bool
}

// Response is what came back.
type Response struct {
	Status int
	Header http.Header
	// URL is where it came from, after redirects.
	URL  *url.URL
	Body []byte
	// Framed says that the server told where the body ends. Otherwise it ends where
	// the connection did, and nobody knows whether that is all of it.
	Framed bool
}

// Do asks with the source's credentials. Redirects are followed within the
// source's own server and path: the question, its body included, stays the same.
func (c *Client) Do(ctx context.Context, request Request) (*Response, *source.Error) {
	send := func(target *url.URL) (*http.Response, *source.Error) {
		made, err := http.NewRequestWithContext(ctx, request.Method, target.String(), bytes.NewReader(request.Body))
		if err != nil {
			return nil, source.Errorf(source.InvalidQuery, "%s: the request cannot be made", c.Host())
		}
		made.Header = c.headers.Clone()
		made.Header.Set("User-Agent", "uptake")
		made.Header.Set("Accept", request.Accept)
		if request.ContentType != "" {
			made.Header.Set("Content-Type", request.ContentType)
		}
		if failure := c.authorize.authorize(ctx, made.Header); failure != nil {
			return nil, failure
		}
		response, err := c.own.Do(made)
		if err != nil {
			return nil, source.Unreachable(c.Host(), err)
		}
		return response, nil
	}
	ctx, end, failure := source.BeginRequest(ctx)
	if failure != nil {
		return nil, failure
	}
	defer end()
	inside := func(target *url.URL) *source.Error { return c.scope.check("a redirect", target) }
	response, failure := c.follow(request.URL, send, inside)
	if failure != nil {
		return nil, failure
	}
	defer func() { _ = response.Body.Close() }()
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		c.authorize.rejected(true)
	case response.StatusCode == http.StatusForbidden && !isThrottled(response.Header):
		c.authorize.rejected(false)
	}
	return c.read(response, refusals{credentials: c.authorize.credentials(), method: request.Method}, request.Reads)
}

// Download gets a file by its link. On another host, which has to be one that the
// source lists, nothing of the source's credentials or headers is sent; and the
// link has to be the source's own, as isSaid knows, since whoever can make up a
// link can write into it what the source said.
func (c *Client) Download(ctx context.Context, link string, isSaid func() bool) (*Response, *source.Error) {
	target, err := url.Parse(link)
	if err != nil || target.Scheme == "" {
		return nil, source.Errorf(source.BadAnswer, "%s gave a link that is not an address", c.Host())
	}
	if c.scope.isOwn(target) {
		target.Scheme, target.Host, target.User = c.scope.base.Scheme, c.scope.base.Host, nil
		if failure := c.scope.check("a link to a file", target); failure != nil {
			return nil, failure
		}
		return c.Do(ctx, Request{Method: http.MethodGet, URL: target, Accept: "*/*"})
	}
	send := func(target *url.URL) (*http.Response, *source.Error) {
		made, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
		if err != nil {
			return nil, source.Errorf(source.BadAnswer, "%s gave a link that is not an address", c.Host())
		}
		made.Header.Set("User-Agent", "uptake")
		response, err := c.elsewhere.Do(made)
		if err != nil {
			return nil, source.Unreachable(target.Host, err)
		}
		return response, nil
	}
	allowed := func(target *url.URL) *source.Error { return c.scope.allowsDownload(target, c.hosts, isSaid) }
	if failure := allowed(target); failure != nil {
		return nil, failure
	}
	if !isSaid() {
		return nil, source.Errorf(source.NotAllowed, "a link to another host has to stand in the answer as it is: it cannot be put together")
	}
	ctx, end, failure := source.BeginRequest(ctx)
	if failure != nil {
		return nil, failure
	}
	defer end()
	response, failure := c.follow(target, send, allowed)
	if failure != nil {
		return nil, failure
	}
	defer func() { _ = response.Body.Close() }()
	return c.read(response, refusals{isFile: true}, nil)
}

// follow sends a request and follows redirects to where they may go.
func (c *Client) follow(target *url.URL, send func(*url.URL) (*http.Response, *source.Error), allowed func(*url.URL) *source.Error) (*http.Response, *source.Error) {
	first := target
	for range mostRedirects + 1 {
		if failure := allowed(target); failure != nil {
			return nil, failure
		}
		response, failure := send(target)
		if failure != nil || !isRedirect(response.StatusCode) {
			return response, failure
		}
		_ = response.Body.Close()
		next, err := response.Location()
		if err != nil {
			return nil, source.Errorf(source.Unavailable, "%s: it redirects to another host, or does not say where; write the final address, and check that it is not a log-in page", first.Host)
		}
		if difference := originOf(target).difference(next); difference != "" {
			return nil, source.Errorf(source.Unavailable,
				"%s: it redirects to another host (%s); write the final address, and check that it is not a log-in page", first.Host, difference)
		}
		next.User = nil
		next.Scheme, next.Host = target.Scheme, target.Host
		target = next
	}
	return nil, source.Errorf(source.Unavailable, "%s: it redirects in circles; check the address", first.Host)
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// isFramed is true of what Go unpacked, too: gzip has an end of its own.
func isFramed(response *http.Response) bool {
	return response.ContentLength >= 0 || len(response.TransferEncoding) > 0 || response.ProtoMajor >= 2 || response.Uncompressed
}

// read judges the status and reads the body.
func (c *Client) read(response *http.Response, told refusals, reads func(int) bool) (*Response, *source.Error) {
	host := response.Request.URL.Host
	wanted := response.StatusCode == http.StatusOK || (reads != nil && reads(response.StatusCode))
	if wantsTLS(response) {
		return nil, source.Errorf(source.Unavailable, "%s wants TLS: use https, and begin the address with https://", host)
	}
	failure := told.refusal(response, host)
	if failure == nil && !wanted {
		failure = told.failed(host, response.StatusCode)
	}
	if failure != nil {
		failure.Status = response.StatusCode
		return nil, failure
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, c.most+1))
	switch {
	case err != nil:
		return nil, source.Unreachable(host, err)
	case int64(len(body)) > c.most:
		return nil, source.Errorf(source.BadAnswer, "%s answered with more than %s: ask for less, or have maxResponseSize raised in the source", host, inBinary(c.most))
	}
	return &Response{
		Status: response.StatusCode, Header: response.Header, URL: response.Request.URL, Body: body, Framed: isFramed(response),
	}, nil
}

// inBinary writes a size as it is written in a source.
func inBinary(size int64) string { return resource.NewQuantity(size, resource.BinarySI).String() }
