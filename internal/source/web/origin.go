// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// origin is a server as an address names it. Two addresses of one server are equal,
// however they are written: with the default port or without, in capitals, with the
// dot of the root, in a script of its own or in ASCII.
type origin struct{ scheme, name, port string }

var defaultPorts = map[string]string{"http": "80", "https": "443", "postgresql": "5432", "mysql": "3306"}

func originOf(address *url.URL) origin {
	scheme := strings.ToLower(address.Scheme)
	return origin{scheme, canonicalName(address.Hostname()), cmp.Or(address.Port(), defaultPorts[scheme])}
}

func canonicalName(name string) string {
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().String()
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if ascii, err := idna.Lookup.ToASCII(name); err == nil {
		return ascii
	}
	return name
}

// difference says in what another address is not the source's own, and what to do;
// empty: in nothing.
func (o origin) difference(address *url.URL) string {
	other := originOf(address)
	switch {
	case other.name != o.name:
		return "it names " + shown(other.name)
	case other.scheme != o.scheme:
		return "it begins with " + shown(other.scheme) + ":// where the source's url has " + o.scheme +
			"://; have the API, or the proxy in front of it, write " + o.scheme + ", or give a path"
	case other.port != o.port:
		return "it has port " + shown(other.port) + " where the source's url has " + o.port + "; have the API, or the proxy in front of it, write that, or give a path"
	}
	return ""
}

// differs says the same without a name: a program may have put that together from
// what the source said.
func (o origin) differs(address *url.URL) string {
	other := originOf(address)
	switch {
	case other.name != o.name:
		return "it names another host than " + shown(o.name)
	case other.scheme != "http" && other.scheme != "https":
		return "it begins with neither http:// nor https://"
	}
	return o.difference(address)
}

// maxShown is how much of a host is repeated, which somebody else may have written.
const maxShown = 100

// shown is a host for a message: its own characters only, and not too many.
func shown(host string) string {
	host = strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == ':' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '?'
	}, host)
	if len(host) > maxShown {
		return host[:maxShown] + "..."
	}
	return cmp.Or(host, "no host")
}

// Lists reports whether an entry of downloadHosts, or of the hosts that a Secret is
// bound to, means the host of an address. A star stands for what is within the first
// label, and never for a dot; without a port it is that of the scheme.
func Lists(entry string, address *url.URL) bool {
	listed, err := url.Parse("//" + strings.ToLower(entry))
	if err != nil {
		return false
	}
	at := originOf(address)
	if cmp.Or(listed.Port(), defaultPorts[at.scheme]) != at.port {
		return false
	}
	before, after, isWild := strings.Cut(listed.Hostname(), "*")
	if !isWild {
		return canonicalName(listed.Hostname()) == at.name
	}
	if _, err := netip.ParseAddr(at.name); err == nil || !isWildcard(before, after) {
		return false
	}
	star, fits := strings.CutSuffix(strings.TrimPrefix(at.name, before), after)
	return fits && strings.HasPrefix(at.name, before) && star != "" && !strings.Contains(star, ".")
}

// isWildcard reports whether a star is within the first label of at least three, so
// that it cannot stand for whoever has a name.
func isWildcard(before, after string) bool {
	_, domain, found := strings.Cut(after, ".")
	return found && !strings.ContainsAny(before, ".*") && !strings.Contains(after, "*") &&
		strings.Contains(strings.Trim(domain, "."), ".")
}
