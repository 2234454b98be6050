// SPDX-License-Identifier: Apache-2.0

package image

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// The image holds no authorities to trust; the program brings them. Nobody here has the
// key of one, but a verifier that knows an authority says more about a certificate that
// was forged in its name than that the authority is unknown: it says which one did not
// sign.
func TestTheProgramKnowsTheAuthoritiesOfTheWeb(t *testing.T) {
	for root := range bundle.Roots() {
		authority, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if authority.Subject.CommonName == "" {
			continue
		}
		said := handshake(t, authority)
		if !strings.Contains(said, `while trying to verify candidate authority certificate "`+authority.Subject.CommonName+`"`) {
			t.Errorf("%s is not among the authorities of the program, which says:\n%s", authority.Subject, said)
		}
		return // one stands for all: they come together
	}
	t.Fatal("the program brings no authority")
}

func TestTheProgramTrustsNoOtherAuthority(t *testing.T) {
	said := handshake(t, &x509.Certificate{RawSubject: nil, Subject: pkix.Name{CommonName: "Nobody's authority"}})
	if !strings.Contains(said, "x509: certificate signed by unknown authority") || strings.Contains(said, "candidate") {
		t.Errorf("the program says of a certificate of nobody's:\n%s", said)
	}
}

// handshake lets the program in the image connect to a server with a certificate in the
// name of an authority that did not sign it, and returns what the program says.
func handshake(t *testing.T, authority *x509.Certificate) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the program sends requests to a server that it cannot trust")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{forged(t, authority)}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail, as they should
	server.StartTLS()
	defer server.Close()

	kubeconfig, err := yaml.Marshal(clientcmdapi.Config{
		Clusters:       []clientcmdapi.NamedCluster{{Name: "it", Cluster: clientcmdapi.Cluster{Server: server.URL}}},
		Contexts:       []clientcmdapi.NamedContext{{Name: "it", Context: clientcmdapi.Context{Cluster: "it"}}},
		CurrentContext: "it",
	})
	if err != nil {
		t.Fatal(err)
	}
	c := newContainer(t, map[string]string{"kubeconfig": string(kubeconfig)})
	said, err := c.command(t, []string{"KUBECONFIG=" + c.inside("kubeconfig")},
		[]string{"operator", "--metrics-bind-address=0", "--health-probe-bind-address=0"}).CombinedOutput()
	if err == nil {
		t.Errorf("the program starts:\n%s", said)
	}
	return string(said)
}

// forged is a certificate for this machine that claims to be of an authority.
func forged(t *testing.T, authority *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent := *authority
	parent.PublicKey = nil // another key than ours, which signs
	content, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}, &parent, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{content}, PrivateKey: key}
}
