// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"testing"

	"k8s.io/client-go/rest"
)

func TestTheAddressesOfTheAPIServer(t *testing.T) {
	for service, byHost := range map[string]map[string]string{
		"": {
			"https://192.0.2.1:6443": "[192.0.2.1]", "192.0.2.1:6443": "[192.0.2.1]", "192.0.2.1": "[192.0.2.1]",
			"https://[2001:db8::1]:6443/path": "[2001:db8::1]", "[2001:db8::1]:6443": "[2001:db8::1]", "https://[::ffff:192.0.2.1]": "[192.0.2.1]",
			"https://nobody.invalid:6443": "[]", "": "[]",
		},
		"10.96.0.1": {"https://192.0.2.1:6443": "[192.0.2.1 10.96.0.1]", "https://10.96.0.1:443": "[10.96.0.1]"},
	} {
		t.Setenv("KUBERNETES_SERVICE_HOST", service)
		for host, want := range byHost {
			if got := fmt.Sprint(ownAddresses(t.Context(), &rest.Config{Host: host})); got != want {
				t.Errorf("%s, %s: %s, want %s", host, service, got, want)
			}
		}
	}
}
