// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Guard refuses to connect to addresses that only this machine, its neighbours
// on the link or its cloud can mean: a source must not make the operator ask them
// in its name. It judges the address that is connected to, after names have been
// looked up, so neither a redirect nor a name that changes gets around it.
type Guard struct {
	// Allowed are exceptions that whoever runs the operator has made.
	Allowed []netip.Prefix
	// Own are the addresses of the API server that the operator works for: what it may
	// do there is for nobody who writes sources.
	Own []netip.Addr
}

// RefusedAddressError says that an address is one that no source may have.
type RefusedAddressError struct {
	// What the address is, such as "a loopback address".
	What string
}

// Error implements error. The address itself stays behind: for whoever wrote a
// name, what it resolves to inside the cluster is none of their business.
func (e *RefusedAddressError) Error() string {
	return fmt.Sprintf("the address is %s, which sources may not have: the operator's flag --allow-source-addresses makes exceptions", e.What)
}

// Dialer connects to allowed addresses, over TCP.
func (g Guard) Dialer() *net.Dialer {
	return &net.Dialer{
		Timeout: 5 * time.Second, KeepAlive: 30 * time.Second,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return g.check(network, address)
		},
	}
}

func (g Guard) check(network, address string) error {
	if network != "tcp4" && network != "tcp6" && network != "tcp" {
		return &RefusedAddressError{What: "not a TCP address"}
	}
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return &RefusedAddressError{What: "not an IP address"}
	}
	ip := parsed.Addr().WithZone("").Unmap()
	for _, allowed := range g.Allowed {
		if allowed.Contains(ip) {
			return nil
		}
	}
	for _, inner := range embedded(ip) {
		if slices.Contains(g.Own, inner) {
			return &RefusedAddressError{What: "that of this cluster's API server"}
		}
		if what := special(inner); what != "" {
			return &RefusedAddressError{What: what}
		}
	}
	return nil
}

// metadata are the addresses at which clouds hand out credentials; those that are
// link-local besides are left out.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),       // AWS: metadata, and credentials of pods
	netip.MustParsePrefix("fd20:ce::254/128"),    // Google
	netip.MustParsePrefix("100.100.100.200/32"),  // Alibaba
	netip.MustParsePrefix("168.63.129.16/32"),    // Azure
	netip.MustParsePrefix("192.0.0.192/32"),      // Oracle
	netip.MustParsePrefix("fd00:42::42/128"),     // Scaleway
	netip.MustParsePrefix("fd00:a9fe:a9fe::/48"), // several, after 169.254.169.254
}

func special(ip netip.Addr) string {
	for _, prefix := range metadata {
		if prefix.Contains(ip) {
			return "a cloud metadata address"
		}
	}
	switch {
	case ip.IsLoopback():
		return "a loopback address"
	case ip.IsLinkLocalUnicast():
		return "a link-local address, such as cloud metadata has"
	case siteLocal.Contains(ip):
		return "a site-local address, which means something else everywhere"
	case translated.Contains(ip), localNAT64.Contains(ip):
		return "one that a translator turns into another"
	case ip.IsUnspecified(), ip.Is4() && ip.As4()[0] == 0:
		return "an unspecified address, which means this machine"
	case ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "a multicast or broadcast address"
	}
	return ""
}

var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	// localNAT64 (RFC 8215) and translated (SIIT, RFC 2765) are refused altogether: where
	// the IPv4 address stands in them is for each network to say.
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")
	translated = netip.MustParsePrefix("::ffff:0:0:0/96")
	siteLocal  = netip.MustParsePrefix("fec0::/10") // deprecated by RFC 3879
	sixTo4     = netip.MustParsePrefix("2002::/16")
	teredo     = netip.MustParsePrefix("2001::/32")
	// compatible are IPv4 addresses in the form that RFC 4291 has deprecated.
	compatible = netip.MustParsePrefix("::/96")
)

// embedded returns an address with those that it stands for: a translator on the
// way would connect to them.
func embedded(ip netip.Addr) []netip.Addr {
	all := []netip.Addr{ip}
	if !ip.Is6() {
		return all
	}
	b := ip.As16()
	for _, prefix := range []netip.Prefix{nat64, compatible} {
		if prefix.Contains(ip) && !ip.IsLoopback() {
			all = append(all, netip.AddrFrom4([4]byte(b[12:16])))
		}
	}
	if sixTo4.Contains(ip) {
		all = append(all, netip.AddrFrom4([4]byte(b[2:6])))
	}
	if teredo.Contains(ip) {
		all = append(all, netip.AddrFrom4([4]byte(b[4:8])), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
	}
	return all
}
