// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/prometheustest"
)

// exposition is what the server scrapes each second.
const exposition = `
routes{team="cart"} 3
routes{team="media"} 5
routes{team="ads"} 0
namespaces{team="cart",zone="a"} 4
namespaces{team="cart",zone="b"} 6
unlabelled 7
debt -2
nothing 0
`

const (
	user     = "uptake"
	password = "correct horse"
	// passwordHash is the bcrypt hash of password.
	passwordHash = "$2a$04$6h559WdXAy5QBXxGsxLTPu1DwML2wJjDH0YhIq6tEBrsDJQeUJYim"
)

// realServer is a real Prometheus, with TLS and basic authentication.
type realServer struct {
	url string
	ca  []byte
}

// cleanUp is what has to be done after all tests.
var cleanUp []func()

// theServer is shared by the tests that need a real one.
func theServer(t *testing.T) realServer {
	t.Helper()
	server, err := start()
	if err != nil {
		t.Fatalf("a Prometheus is needed: %v", err)
	}
	return server
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, clean := range slices.Backward(cleanUp) {
		clean()
	}
	os.Exit(code)
}

var start = sync.OnceValues(func() (realServer, error) {
	authority, certificate, key, err := certificates()
	if err != nil {
		return realServer{}, err
	}
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, exposition[1:])
	}))
	cleanUp = append(cleanUp, exporter.Close)
	running, err := prometheustest.Start(prometheustest.Options{
		Target: strings.TrimPrefix(exporter.URL, "http://"),
		WebConfig: fmt.Sprintf("tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n"+
			"basic_auth_users: {%s: %q}\n", user, passwordHash),
		Files: map[string]string{"tls.crt": string(certificate), "tls.key": string(key)},
	})
	if err != nil {
		return realServer{}, err
	}
	cleanUp = append(cleanUp, running.Remove)
	server := realServer{url: "https://" + running.Address, ca: authority}
	if err := awaitData(server); err != nil {
		return realServer{}, fmt.Errorf("%w\n%s", err, running.Stop())
	}
	return server, nil
})

// awaitData waits until the server has scraped, asking it with nothing that is
// under test.
func awaitData(server realServer) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	for range 300 {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.url+"/api/v1/query?query=unlabelled", nil)
		if err != nil {
			return err
		}
		request.SetBasicAuth(user, password)
		if response, err := client.Do(request); err == nil {
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if bytes.Contains(body, []byte(`"7"`)) {
				return nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the Prometheus for the tests does not come up")
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// certificates makes an authority and a certificate of it for the loopback.
func certificates() (authority, certificate, key []byte, err error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, authorityKey.Public(), authorityKey)
	if err != nil {
		return nil, nil, nil, err
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "prometheus"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, serverKey.Public(), authorityKey)
	if err != nil {
		return nil, nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		return nil, nil, nil, err
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	return block("CERTIFICATE", caDER), block("CERTIFICATE", leafDER), block("PRIVATE KEY", keyDER), nil
}
