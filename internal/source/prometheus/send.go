// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

const (
	// mostBytes bounds what is read of an answer, after decompression.
	mostBytes = 8 << 20
	// mostRedirects bounds how many redirects are followed.
	mostRedirects = 3
	// longestWait bounds what a Retry-After may ask for.
	longestWait = time.Hour
)

// evaluate has an expression evaluated now and returns what came of it.
func (c *Client) evaluate(ctx context.Context, expr string) (*data, *source.Error) {
	response, err := c.send(ctx, url.Values{"query": {expr}}.Encode())
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer func() { _ = response.Body.Close() }()
	if failure := c.refused(response); failure != nil {
		return nil, failure
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, mostBytes+1))
	switch {
	case err != nil:
		return nil, c.unreachable(err)
	case len(body) > mostBytes:
		return nil, badAnswer("%s answered with more than 8 MiB: aggregate in the expression", c.endpoint.Host)
	}
	return c.parse(response, body)
}

var errRedirect = errors.New("redirected")

// send posts a form and follows redirects, but never to another host or scheme:
// the credentials go with each request.
func (c *Client) send(ctx context.Context, form string) (*http.Response, error) {
	target := c.endpoint
	for range mostRedirects + 1 {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(form))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Accept", "application/json")
		request.Header.Set("User-Agent", "uptake")
		if c.authorization != "" {
			request.Header.Set("Authorization", c.authorization)
		}
		response, err := c.http.Do(request)
		if err != nil || !isRedirect(response.StatusCode) {
			return response, err
		}
		_ = response.Body.Close()
		next, err := response.Location()
		if err != nil || next.Scheme != c.endpoint.Scheme || next.Host != c.endpoint.Host {
			return nil, errRedirect
		}
		next.User = nil
		target = next
	}
	return nil, errRedirect
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

func (c *Client) unreachable(err error) *source.Error {
	cause := source.Cause(err)
	if errors.Is(err, errRedirect) {
		cause = "it redirects to another host, or in circles; write the final address, and check that it is not a log-in page"
	}
	return &source.Error{Class: source.Unavailable, Message: c.endpoint.Host + ": " + cause}
}

// refused judges a status that says all there is to know.
func (c *Client) refused(response *http.Response) *source.Error {
	host, status := c.endpoint.Host, response.StatusCode
	wait, asked := retryAfter(response)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		message := host + " did not accept the credentials"
		if c.authorization == "" {
			message = host + " asks for credentials: set auth"
		}
		return &source.Error{Class: source.Unauthorized, Message: message + " (status " + strconv.Itoa(status) + ")"}
	case status == http.StatusTooManyRequests || (status == http.StatusServiceUnavailable && asked):
		return &source.Error{Class: source.Throttled, Message: host + " asks for fewer requests", RetryAfter: wait}
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return badAnswer("%s has no Prometheus API at this path (status %d): check the url", host, status)
	case status == http.StatusOK || status == http.StatusBadRequest ||
		status == http.StatusUnprocessableEntity || status == http.StatusServiceUnavailable:
		return nil // the body says more
	}
	return c.failed(status)
}

func (c *Client) failed(status int) *source.Error {
	return &source.Error{Class: source.Unavailable, Message: c.endpoint.Host + " answered with status " + strconv.Itoa(status)}
}

// retryAfter returns what the header Retry-After asks for. A date is compared
// with the server's own clock, not with this one.
func retryAfter(response *http.Response) (time.Duration, bool) {
	header := response.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestWait), true
	}
	until, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return 0, true
	}
	return min(max(until.Sub(now), 0), longestWait), true
}

// envelope is what surrounds every answer of the API.
type envelope struct {
	Status    string            `json:"status"`
	Data      *data             `json:"data"`
	ErrorType string            `json:"errorType"`
	Error     string            `json:"error"`
	Warnings  []json.RawMessage `json:"warnings"`
}

func (c *Client) parse(response *http.Response, body []byte) (*data, *source.Error) {
	host := c.endpoint.Host
	var answer envelope
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status == "" {
		if response.StatusCode != http.StatusOK {
			return nil, c.failed(response.StatusCode)
		}
		if isPage(response, body) {
			return nil, badAnswer("%s answered with a web page, not with the Prometheus API: check the url, and that no log-in page is in front of it", host)
		}
		return nil, badAnswer("%s answered with something that is not the Prometheus API: check the url", host)
	}
	switch {
	case answer.Status == "error":
		return nil, c.notEvaluated(response.StatusCode, answer)
	case response.StatusCode != http.StatusOK:
		return nil, c.failed(response.StatusCode)
	case answer.Status != "success" || answer.Data == nil:
		return nil, badAnswer("%s answered without a result", host)
	case len(answer.Warnings) > 0:
		return nil, badAnswer("%s answered with a warning, so the result may be incomplete: evaluate the expression there to see it", host)
	}
	return answer.Data, nil
}

func isPage(response *http.Response, body []byte) bool {
	return strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") ||
		bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}

// position is where an expression does not parse: all of an error's text that is
// ever repeated, since the rest may hold anything.
var position = regexp.MustCompile(`^invalid parameter "query": ([0-9]{1,4}:[0-9]{1,4}): parse error: `)

func (c *Client) notEvaluated(status int, answer envelope) *source.Error {
	host := c.endpoint.Host
	switch answer.ErrorType {
	case "bad_data":
		if at := position.FindStringSubmatch(answer.Error); at != nil {
			return invalid("%s cannot parse the expression: look at %s (line:column)", host, at[1])
		}
		return invalid("%s does not accept the expression: evaluate it there to see why", host)
	case "execution":
		return invalid("%s cannot execute the expression: evaluate it there to see why", host)
	case "timeout", "canceled":
		return &source.Error{Class: source.Unavailable, Message: host + " gave up on the expression because it took too long"}
	}
	return c.failed(status)
}
