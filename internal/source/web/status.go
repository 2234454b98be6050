// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// refusal judges a status that says all there is to know.
func refusal(response *http.Response, host string, credentials bool) *source.Error {
	status := response.StatusCode
	wait, asked := source.RetryAfter(response.Header)
	switch {
	case status == http.StatusForbidden && isThrottled(response.Header):
		return &source.Error{Class: source.Throttled, Message: host + " asks for fewer requests", RetryAfter: max(wait, untilReset(response.Header))}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		message := host + " did not accept the credentials"
		if !credentials {
			message = host + " asks for credentials: set auth"
		}
		return source.Errorf(source.Unauthorized, "%s (status %d)", message, status)
	case status == http.StatusTooManyRequests || (status == http.StatusServiceUnavailable && asked):
		return &source.Error{Class: source.Throttled, Message: host + " asks for fewer requests", RetryAfter: max(wait, untilReset(response.Header))}
	}
	return nil
}

// failed says that a server answered with a status that helps nobody.
func failed(host string, status int) *source.Error {
	switch status {
	case http.StatusNotFound, http.StatusGone, http.StatusMethodNotAllowed:
		return source.Errorf(source.BadAnswer, "%s has nothing to ask at this path (status %d): check url and path", host, status)
	case http.StatusBadRequest, http.StatusNotAcceptable, http.StatusRequestURITooLong, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity:
		return source.Errorf(source.BadAnswer, "%s does not accept the request (status %d)", host, status)
	}
	return source.Errorf(source.Unavailable, "%s answered with status %d", host, status)
}

// isThrottled says that a 403 is about too many requests, as GitHub answers.
func isThrottled(header http.Header) bool {
	return header.Get("Retry-After") != "" || header.Get("X-RateLimit-Remaining") == "0"
}

// untilReset reads X-RateLimit-Reset, a time in seconds since 1970, by the
// server's own clock.
func untilReset(header http.Header) time.Duration {
	at, err := strconv.ParseInt(header.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || header.Get("X-RateLimit-Remaining") != "0" {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(time.Unix(at, 0).Sub(now), 0), source.LongestWait)
}

// IsPage says that an answer is a web page, such as a log-in.
func (r *Response) IsPage() bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") || bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("<"))
}
