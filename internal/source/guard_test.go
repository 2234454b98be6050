// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestAddressesThatNoSourceMayHaveAreRefused(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1:80", "127.8.8.8:80", "0.0.0.0:80", "0.1.2.3:80", "169.254.169.254:80", "169.254.170.2:80",
		"100.100.100.200:80", "168.63.129.16:80", "192.0.0.192:80", "224.0.0.1:80", "255.255.255.255:80",
		"[::1]:80", "[::]:80", "[fe80::1]:80", "[fe80::1%eth0]:80", "[ff02::1]:80", "[fd00:ec2::254]:80", "[fd20:ce::254]:80",
		"[::ffff:127.0.0.1]:80", "[::ffff:169.254.169.254]:80", "[::127.0.0.1]:80", "[::169.254.169.254]:80",
		"[64:ff9b::169.254.169.254]:80", "[64:ff9b::7f00:1]:80", "[64:ff9b:1::a9fe:a9fe]:80",
		"[64:ff9b:1::8.8.8.8]:80", "[64:ff9b:1:1::7f00:1]:80", "[64:ff9b:1:ffff::1]:80", "[::ffff:0:127.0.0.1]:80", "[::ffff:0:8.8.8.8]:80",
		"[fec0::1]:80", "[feff::1]:80", "[fd00:ec2::23]:80", "[fd00:ec2:1::1]:80", "169.254.170.23:80",
		"[2002:7f00:1::]:80", "[2002:a9fe:a9fe::1]:80", "[2001:0:a9fe:a9fe::]:80", "[2001:0:102:304:0:0:5601:5601]:80",
		"not an address",
	} {
		var refused *RefusedAddressError
		if err := (Guard{}).check("tcp", address); !errors.As(err, &refused) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, network := range []string{"unix", "udp", "ip"} {
		if (Guard{}).check(network, "192.0.2.1:80") == nil {
			t.Errorf("%s is let through", network)
		}
	}
	for _, address := range []string{
		"192.0.2.1:80", "10.0.0.1:80", "172.16.0.1:443", "192.168.1.1:9090", "100.64.0.1:80", "8.8.8.8:443",
		"[2001:db8::1]:443", "[fd12:3456::1]:80", "[2002:c000:201::]:80", "[64:ff9b::8.8.8.8]:443",
		"[64:ff9b:2::1]:443", "[fd00:ec3::1]:443", "[::fffe:0:8.8.8.8]:443",
	} {
		if err := (Guard{}).check("tcp", address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Every way to write the address of the operator's own API server is refused, at any port.
func TestTheAPIServerOfTheOperatorIsNoSource(t *testing.T) {
	guard := Guard{Own: []netip.Addr{netip.MustParseAddr("10.96.0.1"), netip.MustParseAddr("2001:db8::6")}}
	for _, address := range []string{"10.96.0.1:443", "10.96.0.1:6443", "[::ffff:10.96.0.1]:443", "[64:ff9b::10.96.0.1]:443", "[2002:a60:1::]:443", "[2001:db8::6]:443"} {
		if err := guard.check("tcp", address); err == nil || !strings.Contains(err.Error(), "API server") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := guard.check("tcp", "10.96.0.2:443"); err != nil {
		t.Error(err)
	}
	guard.Allowed = []netip.Prefix{netip.MustParsePrefix("10.96.0.1/32")}
	if err := guard.check("tcp", "10.96.0.1:443"); err != nil {
		t.Errorf("an exception: %v", err)
	}
}

func TestAnExceptionIsForItsNetworkOnly(t *testing.T) {
	guard := Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("fe80::/10")}}
	for address, allowed := range map[string]bool{
		"127.0.0.1:80": true, "[::ffff:127.0.0.1]:80": true, "[fe80::1%eth0]:80": true,
		"127.0.0.2:80": false, "[::1]:80": false, "169.254.169.254:80": false,
	} {
		if err := guard.check("tcp", address); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// names answers DNS questions with one address after the other.
func names(t *testing.T, addresses ...string) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			var question dnsmessage.Message
			if question.Unpack(buffer[:n]) != nil {
				continue
			}
			answer := dnsmessage.Message{Header: dnsmessage.Header{ID: question.ID, Response: true}, Questions: question.Questions}
			if question.Questions[0].Type == dnsmessage.TypeA {
				i := min(int(asked.Add(1)), len(addresses)) - 1
				answer.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: question.Questions[0].Name, Class: dnsmessage.ClassINET},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addresses[i]).As4()},
				}}
			}
			packed, err := answer.Pack()
			if err == nil {
				_, _ = server.WriteTo(packed, from)
			}
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = server.Close()
	})
}

func TestANameThatChangesItsAddressIsJudgedAtEachConnection(t *testing.T) {
	var hits atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	names(t, "127.0.0.1", "169.254.169.254", "0.0.0.0")
	guard := Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	client := &http.Client{Transport: &http.Transport{DialContext: guard.Dialer().DialContext, DisableKeepAlives: true}}
	for i, allowed := range []bool{true, false, false} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://rebinding.test:"+port, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		if (err == nil) != allowed {
			t.Fatalf("connection %d: %v", i, err)
		}
		if err != nil {
			failure := Unreachable("rebinding.test", err)
			if failure.Class != Refused || !strings.Contains(failure.Message, "--allow-source-addresses") || strings.Contains(failure.Message, "169.254.169.254") {
				t.Errorf("connection %d: %+v", i, failure)
			}
		}
	}
	if hits.Load() != 1 {
		t.Errorf("the server is asked %d times", hits.Load())
	}
}
