// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/certificatetest"
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
	made, err := certificatetest.New(time.Now().Add(time.Hour))
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
		Files: map[string]string{"tls.crt": string(made.Certificate), "tls.key": string(made.Key)},
	})
	if err != nil {
		return realServer{}, err
	}
	cleanUp = append(cleanUp, running.Remove)
	server := realServer{url: "https://" + running.Address, ca: made.Authority}
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
