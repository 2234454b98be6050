// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// refusals are told by what was asked.
type refusals struct {
	// credentials says that some were shown.
	credentials bool
	// isFile says that a link to another host was followed, without credentials.
	isFile bool
	// method of the request.
	method string
}

// refusal judges a status that says all there is to know.
func (r refusals) refusal(response *http.Response, host string) *source.Error {
	status := response.StatusCode
	wait, asked := source.RetryAfter(response.Header)
	throttled := isThrottled(response.Header)
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && throttled, status == http.StatusServiceUnavailable && asked:
		return &source.Error{
			Class: source.Throttled, Message: host + " asks for fewer requests: raise interval, or set minQueryGap",
			RetryAfter: max(wait, untilReset(response.Header)),
		}
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNonAuthoritativeInfo:
		return source.Errorf(source.Unauthorized, "%s %s (status %d)", host, r.unauthorized(status), status)
	}
	return nil
}

func (r refusals) unauthorized(status int) string {
	switch {
	case r.isFile:
		return "does not give the file: the link has expired, or is not for the operator"
	case status == http.StatusNonAuthoritativeInfo:
		return "answered with a sign-in page, as some services do to credentials that have expired: renew what is in auth"
	case !r.credentials && r.method == http.MethodPost && status == http.StatusForbidden:
		return "asks for credentials, or does not allow POST: set spec.auth of the source, or have POST allowed there"
	case !r.credentials:
		return "asks for credentials: put them into a Secret and name it in spec.auth of the source, such as auth: {bearer: {secretKeyRef: {name: SECRET, key: token}}}"
	case status == http.StatusForbidden && r.method == http.MethodPost:
		return "did not accept the credentials, does not allow POST, or asks for fewer requests without saying so: check what they may do there; if this comes and goes, raise interval"
	case status == http.StatusForbidden:
		return "did not accept the credentials, or asks for fewer requests without saying so: check what they may read; if this comes and goes, raise interval"
	}
	return "did not accept the credentials: renew what is in auth"
}

// failed says that a server answered with a status that helps nobody.
func (r refusals) failed(host string, status int) *source.Error {
	switch status {
	case http.StatusAccepted:
		return source.Errorf(source.BadAnswer, "%s is still working on the answer (status %d): the report is not ready yet, and is asked for again", host, status)
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return source.Errorf(source.BadAnswer, "%s does not allow %s at this path (status %d): check url, path and method, and what a proxy lets through", host, cmp.Or(r.method, http.MethodGet), status)
	case http.StatusNotFound, http.StatusGone:
		return source.Errorf(source.BadAnswer, "%s has nothing to ask at this path (status %d): check url and path", host, status)
	case http.StatusRequestURITooLong:
		return source.Errorf(source.BadAnswer, "%s does not accept so long an address (status %d): ask for less, or post the question", host, status)
	case http.StatusBadRequest, http.StatusNotAcceptable, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return source.Errorf(source.BadAnswer, "%s does not accept the request as it is: check path, parameters, headers and body", host)
	}
	return source.Errorf(source.Unavailable, "%s answered with status %d", host, status)
}

// isThrottled reports whether a 403 is about too many requests, as GitHub and others
// tell it.
func isThrottled(header http.Header) bool {
	if header.Get("Retry-After") != "" {
		return true
	}
	for _, name := range []string{"X-RateLimit-Remaining", "RateLimit-Remaining", "X-Rate-Limit-Remaining"} {
		if strings.TrimSpace(header.Get(name)) == "0" {
			return true
		}
	}
	return false
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

// IsPage reports whether an answer is a web page, such as a log-in. How it begins
// counts more than its label, since there is JSON that is labelled as HTML.
func (r *Response) IsPage() bool {
	body := bytes.TrimSpace(bytes.TrimPrefix(r.Body, []byte("\xef\xbb\xbf")))
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		return bytes.HasPrefix(body, []byte("<"))
	}
	return len(body) == 0 || !bytes.ContainsRune([]byte(`{["-0123456789tfn`), rune(body[0])) || !json.Valid(body) && body[0] != '{' && body[0] != '['
}

// wantsTLS reports whether a server that was asked in the clear says that it speaks TLS,
// as Go's and nginx do with status 400. What it says is looked at and not repeated.
func wantsTLS(response *http.Response) bool {
	if response.StatusCode != http.StatusBadRequest || response.Request.URL.Scheme != "http" {
		return false
	}
	buffered := bufio.NewReader(response.Body)
	begin, _ := buffered.Peek(maxPeek)
	response.Body = struct {
		io.Reader
		io.Closer
	}{buffered, response.Body}
	text := strings.ToLower(string(begin))
	return strings.Contains(text, "to an https server") || strings.Contains(text, "to https port") || strings.Contains(text, "to an ssl-enabled server")
}

// maxPeek is how much of such an answer is looked at.
const maxPeek = 512
