// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"time"

	"k8s.io/client-go/rest"
)

// lookUpFor bounds how long the start of the operator waits for names.
const lookUpFor = 5 * time.Second

// ownAddresses are those of the API server that the operator works for: where its
// configuration says, and where pods find it.
func ownAddresses(ctx context.Context, cluster *rest.Config) []netip.Addr {
	ctx, cancel := context.WithTimeout(ctx, lookUpFor)
	defer cancel()
	var found []netip.Addr
	for _, host := range []string{hostOf(cluster.Host), os.Getenv("KUBERNETES_SERVICE_HOST")} {
		if host == "" {
			continue
		}
		addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			continue // a name that nobody knows leads nowhere
		}
		for _, address := range addresses {
			if address = address.WithZone("").Unmap(); !slices.Contains(found, address) {
				found = append(found, address)
			}
		}
	}
	return found
}

// hostOf reads a host as rest.Config has it: with a scheme and a port, or without.
func hostOf(text string) string {
	if parsed, err := url.Parse(text); err == nil && parsed.Hostname() != "" {
		return parsed.Hostname()
	}
	if host, _, err := net.SplitHostPort(text); err == nil {
		return host
	}
	return text
}
