// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/internal/source"
)

func address(t *testing.T, text string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestServersAreComparedAndNotHowTheyAreWritten(t *testing.T) {
	for _, test := range []struct{ base, other, difference string }{
		{"https://api.example.com", "https://api.example.com:443/x", ""},
		{"https://api.example.com:443", "https://API.example.com./x", ""},
		{"http://api.example.com:80", "http://api.example.com", ""},
		{"https://[2001:db8::1]", "https://[2001:DB8:0:0::1]:443", ""},
		{"https://bücher.example", "https://xn--bcher-kva.example", ""},
		{"https://api.example.com:8443", "http://api.example.com:8443", "begins with http:// where the source's url has https://"},
		{"https://api.example.com:8443", "https://api.example.com", "port 443 where the source's url has 8443"},
		{"https://api.example.com", "https://api.example.com:80", "port 80"},
		{"https://api.example.com", "https://evil.example.com", "it names evil.example.com"},
		{"https://api.example.com", "https://api.example.com.evil.test", "it names api.example.com.evil.test"},
		{"https://api.example.com", "https://" + strings.Repeat("a", 300) + ".test", strings.Repeat("a", 100) + "..."},
	} {
		got := originOf(address(t, test.base)).difference(address(t, test.other))
		if (got == "") != (test.difference == "") || !strings.Contains(got, test.difference) {
			t.Errorf("%s and %s: %q, not %q", test.base, test.other, got, test.difference)
		}
	}
}

func TestAStarStandsForWhatIsWithinTheFirstLabel(t *testing.T) {
	for _, test := range []struct {
		entry, host string
		listed      bool
	}{
		{"copilot-reports-*.b01.azurefd.net", "copilot-reports-production-a1b2.b01.azurefd.net", true},
		{"copilot-reports-*.b01.azurefd.net", "copilot-reports-.b01.azurefd.net", false},
		{"copilot-reports-*.b01.azurefd.net", "evil.copilot-reports-x.b01.azurefd.net", false},
		{"copilot-reports-*.b01.azurefd.net", "copilot-reports-x.evil.b01.azurefd.net", false},
		{"copilot-reports-*.b01.azurefd.net", "copilot-reports-x.b01.azurefd.net.evil.test", false},
		{"*.blob.example.com", "acme.blob.example.com", true},
		{"*.blob.example.com", "ACME.blob.example.com.:443", true},
		{"*.blob.example.com", "a.b.blob.example.com", false},
		{"*.blob.example.com", "blob.example.com", false},
		{"*.blob.example.com", "evilblob.example.com", false},
		{"*-files.example.com", "acme-files.example.com", true},
		{"*", "example.com", false},
		{"*.com", "example.com", false},
		{"a*.com", "acme.com", false},
		{"a.*.com", "a.b.com", false},
		{"files.example.com", "files.example.com:443", true},
		{"files.example.com", "files.example.com:8443", false},
		{"files.example.com:8443", "files.example.com:8443", true},
		{"*.0.0.1", "127.0.0.1", false},
	} {
		if got := Lists(test.entry, address(t, "https://"+test.host+"/x")); got != test.listed {
			t.Errorf("%s lists %s: %v", test.entry, test.host, got)
		}
	}
}

func TestParametersAreReplacedByNameAndTheRestStaysAsItIsWritten(t *testing.T) {
	for _, test := range []struct{ query, wanted, want string }{
		{"$filter=state%20eq%20'active;used'", "$skip=5", "$filter=state%20eq%20'active;used'&$skip=5"},
		{"$filter=a&$expand=Owner($select=id;$top=1)", "$skip=5", "$filter=a&$expand=Owner($select=id;$top=1)&$skip=5"},
		{"a=100%&b=x+y&page=1&c=%zz;", "page=2", "a=100%&b=x+y&page=2&c=%zz;"},
		{"%24skip=5&x=1", "$skip=10", "$skip=10&x=1"},
		{"page=1&size=2&page=3", "page=4", "page=4&size=2"},
		{"tag=a&tag=b", "page=2", "tag=a&tag=b&page=2"},
		{"", "page=2", "page=2"},
		{"x&y=", "x=1", "x=1&y="},
	} {
		if got := withParameters(test.query, test.wanted); got != test.want {
			t.Errorf("%q with %q is %q, not %q", test.query, test.wanted, got, test.want)
		}
	}
}

func TestALinkToAFileOnTheSourceItselfOutsideOfItsPathSaysSo(t *testing.T) {
	client := aClient(t, "http://127.0.0.1:1", "/orgs/acme", source.Credentials{})
	_, failure := client.Download(t.Context(), "http://127.0.0.1:1/report", said)
	if failure == nil || failure.Class != source.NotAllowed || !strings.Contains(failure.Message, "a link to a file leads to 127.0.0.1:1") {
		t.Errorf("%+v", failure)
	}
}
