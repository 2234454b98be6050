// SPDX-License-Identifier: Apache-2.0

package web

import (
	"maps"
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
	case !isTame(parsed.EscapedPath()) || !isTame(prefix):
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
	target.RawQuery = parsed.RawQuery
	return &target, c.scope.check(&target)
}

// Next resolves what an answer says comes next: an address, or "?name=value" to
// replace parameters of the present one.
func (c *Client) Next(present *url.URL, reference string) (*url.URL, *source.Error) {
	parsed, err := url.Parse(reference)
	if err != nil {
		return nil, source.Errorf(source.BadAnswer, "pagination.next gives something that is not an address")
	}
	if strings.HasPrefix(reference, "?") {
		query := present.Query()
		maps.Copy(query, parsed.Query())
		next := *present
		next.RawQuery = query.Encode()
		return &next, nil
	}
	next := present.ResolveReference(parsed)
	next.Fragment, next.User = "", nil
	if next.Scheme != c.scope.base.Scheme || next.Host != c.scope.base.Host {
		return nil, source.Errorf(source.NotAllowed, "pagination.next leads to another host, which is not followed")
	}
	return next, c.scope.check(next)
}

// check says why an address on the source's server may not be asked.
func (s scope) check(target *url.URL) *source.Error {
	path := target.EscapedPath()
	if !isTame(path) {
		return source.Errorf(source.NotAllowed, "the path has dots, doubled slashes, backslashes or the like, which could lead out of what the source allows")
	}
	if path != s.within && !strings.HasPrefix(path, s.within+"/") {
		return source.Errorf(source.NotAllowed, "the path is outside of %s, which is all that the source allows", s.within+"/")
	}
	return nil
}

// isOwn says that an address is on the source's own server.
func (s scope) isOwn(target *url.URL) bool {
	return target.Scheme == s.base.Scheme && target.Host == s.base.Host
}

// allowsDownload says why a file may not be got from an address.
func (s scope) allowsDownload(target *url.URL, hosts []string) *source.Error {
	if target.Scheme != "https" && target.Scheme != s.base.Scheme {
		return source.Errorf(source.NotAllowed, "the answer links to a file that is not on https")
	}
	for _, host := range hosts {
		if below, any := strings.CutPrefix(host, "*"); host == target.Host || any && strings.HasSuffix(target.Host, below) && target.Host != below {
			return nil
		}
	}
	return source.Errorf(source.NotAllowed, "the answer links to a file on another host: the source's administrator can list it in downloadHosts")
}

// mostEncodings is how often a path may be encoded on top of itself.
const mostEncodings = 4

// isTame says that a path means the same to everybody who may decode or tidy it
// on the way, so that a comparison of its beginning can be trusted.
func isTame(path string) bool {
	for range mostEncodings {
		if hasWild(path) {
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

func hasWild(path string) bool {
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
