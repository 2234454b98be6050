// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/url"
	"strings"

	"github.com/uptake-dev/uptake/internal/source"
)

// scope is where a source's requests may go.
type scope struct {
	base *url.URL
	// within is the escaped path that every request has to be in.
	within string
}

func newScope(base, prefix string) (scope, *source.Error) {
	invalid := func(message string) (scope, *source.Error) {
		return scope{}, source.Errorf(source.InvalidQuery, "%s", message)
	}
	parsed, err := url.Parse(base)
	switch {
	case err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Hostname() == "":
		return invalid("url is not an http or https address with a host, such as https://prometheus.example.com")
	case parsed.User != nil:
		return invalid("url holds credentials: they belong in auth")
	case parsed.RawQuery != "" || parsed.Fragment != "":
		return invalid("url has a query or a fragment: write the base address only")
	case !isCanonical(parsed.EscapedPath()) || !isCanonical(prefix):
		return invalid("url and allowedPathPrefix are written without dots, doubled slashes and the like")
	}
	parsed.Path, parsed.RawPath = strings.TrimSuffix(parsed.Path, "/"), strings.TrimSuffix(parsed.RawPath, "/")
	return scope{base: parsed, within: parsed.EscapedPath() + strings.TrimSuffix(prefix, "/")}, nil
}

// Resolve adds a path, with its query, to the base address. The error says why it
// may not be asked.
func (c *Client) Resolve(path string) (*url.URL, *source.Error) {
	if path != "" && path[0] != '/' && path[0] != '?' {
		return nil, source.Errorf(source.NotAllowed, "path: begin with a slash: it is added to the source's url")
	}
	parsed, err := url.Parse(path)
	if err != nil || parsed.Host != "" || parsed.User != nil || parsed.Opaque != "" || parsed.Fragment != "" {
		return nil, source.Errorf(source.NotAllowed, "path: it is not a path with a query, such as /orgs/acme?per_page=100")
	}
	target := *c.scope.base
	target.Path, target.RawPath = c.scope.base.Path+parsed.Path, c.scope.base.EscapedPath()+parsed.EscapedPath()
	target.RawQuery = withParameters(tidy(parsed.RawQuery), c.params)
	if reason := c.scope.problem(&target); reason != "" {
		return nil, source.Errorf(source.NotAllowed, "path: %s", reason)
	}
	return &target, nil
}

// Next resolves what an answer says comes next: an address, or "?name=value" to
// replace parameters of the present one.
func (c *Client) Next(present *url.URL, reference string) (*url.URL, *source.Error) {
	parsed, err := url.Parse(reference)
	if err != nil {
		return nil, source.Errorf(source.BadAnswer, "pagination.next gives something that is not an address")
	}
	if query, is := strings.CutPrefix(reference, "?"); is {
		next := *present
		next.RawQuery = withParameters(present.RawQuery, tidy(query))
		return &next, nil
	}
	next := present.ResolveReference(parsed)
	next.Fragment, next.User = "", nil
	if difference := c.scope.origin().differs(next); difference != "" {
		return nil, source.Errorf(source.NotAllowed, "pagination.next leads to another host, which is not followed: %s", difference)
	}
	next.Scheme, next.Host = c.scope.base.Scheme, c.scope.base.Host
	next.RawQuery = withParameters(tidy(next.RawQuery), c.params)
	return next, c.scope.check("pagination.next", next)
}

func (s scope) origin() origin { return originOf(s.base) }

// check says why an address on the source's server that something led to is not asked.
// Drivers know whether that was an answer, whose trouble it then is.
func (s scope) check(whose string, target *url.URL) *source.Error {
	if reason := s.problem(target); reason != "" {
		return source.Errorf(source.NotAllowed, "%s leads to %s, and %s", whose, shown(target.Host), reason)
	}
	return nil
}

// problem says why an address on the source's server may not be asked.
func (s scope) problem(target *url.URL) string {
	path := target.EscapedPath()
	if !isCanonical(path) {
		return "the path has dots, doubled slashes, backslashes or the like, which could lead out of what the source allows"
	}
	if path != s.within && !strings.HasPrefix(path, s.within+"/") {
		return "the path is outside of " + s.within + "/, which is all that the source allows (allowedPathPrefix)"
	}
	return ""
}

// isOwn reports whether an address is on the source's own server.
func (s scope) isOwn(target *url.URL) bool { return originOf(target) == s.origin() }

// allowsDownload says why a file may not be got from an address. Its host is told
// where that is the source's own word, as isSaid knows.
func (s scope) allowsDownload(target *url.URL, hosts []string, isSaid func() bool) *source.Error {
	if target.Scheme != "https" && target.Scheme != s.base.Scheme {
		return source.Errorf(source.NotAllowed, "the answer links to a file on another host that is not on https")
	}
	for _, host := range hosts {
		if Lists(host, target) {
			return nil
		}
	}
	host := "another host"
	if isSaid() {
		host += ", " + shown(target.Host)
	}
	return source.Errorf(source.NotAllowed, "the answer links to a file on %s: the source's administrator can list it in downloadHosts", host)
}

// mostEncodings is how often a path may be encoded on top of itself.
const mostEncodings = 4

// isCanonical reports whether a path means the same to everybody who may decode or tidy it
// on the way, so that a comparison of its beginning can be trusted.
func isCanonical(path string) bool {
	for range mostEncodings {
		if hasAmbiguousElement(path) {
			return false
		}
		decoded, err := url.PathUnescape(path)
		if err != nil {
			return false
		}
		if decoded == path {
			return true
		}
		path = decoded
	}
	return false
}

func hasAmbiguousElement(path string) bool {
	if strings.Contains(path, "//") || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == '#' || r == '?' }) {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		// Some servers take parameters off a segment before they look at it.
		name, _, _ := strings.Cut(segment, ";")
		if name == "." || name == ".." {
			return true
		}
	}
	return false
}
