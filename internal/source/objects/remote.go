// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"net/http"
	"net/url"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/uptake-dev/uptake/internal/source"
)

// Connect counts in another cluster, by the kubeconfig of a source; it is a
// source.Driver.
func Connect(settings source.Settings) (source.Connection, error) {
	config, failure := remoteConfig(settings.Credentials.Kubeconfig, settings.Guard)
	if failure != nil {
		return nil, failure
	}
	counter, err := newCounter(config, kubeconfig, Options{})
	if err != nil {
		return nil, invalid("the kubeconfig cannot be used: check its certificates and keys")
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &remote{name: settings.Name, counter: counter, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		_ = counter.Start(ctx) // ends with the context, and in no other way
	}()
	return r, nil
}

// remote is another cluster.
type remote struct {
	name    string
	counter *Counter
	cancel  context.CancelFunc
	ended   chan struct{}
}

// Asker implements source.Connection.
func (r *remote) Asker(question source.Question) (source.Asker, error) {
	if question.Objects == nil {
		return nil, source.Mismatch(r.name, "objects")
	}
	q, failure := parse(*question.Objects, question.SegmentBy)
	if failure != nil {
		return nil, failure
	}
	if q.where != nil {
		q.where.params = source.ParameterMap(question.Parameters)
	}
	return &asker{counter: r.counter, question: q}, nil
}

// Renew implements source.Renewer.
func (r *remote) Renew() { r.counter.Renew() }

// Close implements source.Connection. It ends the watches, and waits for them.
func (r *remote) Close() {
	r.cancel()
	<-r.ended
}

// remoteConfig reads the current context of a kubeconfig. Nothing in it may make
// the operator run a command, read a file of its own, or go through a proxy.
func remoteConfig(text []byte, guard source.Guard) (*rest.Config, *source.Error) {
	parsed, err := clientcmd.Load(text)
	if err != nil {
		return nil, invalid("the kubeconfig cannot be read: it has to be a kubeconfig in YAML or JSON")
	}
	current := parsed.Contexts[parsed.CurrentContext]
	if current == nil {
		return nil, invalid("the kubeconfig has no current context: set current-context")
	}
	cluster, user := parsed.Clusters[current.Cluster], parsed.AuthInfos[current.AuthInfo]
	if cluster == nil || user == nil {
		return nil, invalid("the current context of the kubeconfig names a cluster or a user that is not in it")
	}
	if failure := checkKubeconfig(cluster, user); failure != nil {
		return nil, failure
	}
	return &rest.Config{
		Host:        cluster.Server,
		BearerToken: user.Token, Username: user.Username, Password: user.Password,
		Impersonate: rest.ImpersonationConfig{
			UserName: user.Impersonate, UID: user.ImpersonateUID, Groups: user.ImpersonateGroups, Extra: user.ImpersonateUserExtra,
		},
		TLSClientConfig: rest.TLSClientConfig{
			CAData: cluster.CertificateAuthorityData, CertData: user.ClientCertificateData, KeyData: user.ClientKeyData,
			ServerName: cluster.TLSServerName,
		},
		UserAgent: "uptake",
		Dial:      guard.Dialer().DialContext,
		// No proxy: an environment variable must not decide who sees credentials.
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
	}, nil
}

func checkKubeconfig(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) *source.Error {
	server, err := url.Parse(cluster.Server)
	switch {
	case err != nil || server.Scheme != "https" || server.Hostname() == "" || server.User != nil:
		return invalid("the server of the kubeconfig is not an https address with a host and without credentials")
	case user.Exec != nil:
		return invalid("the kubeconfig runs a command (exec), which the operator does not: put a token or a certificate into it")
	case user.AuthProvider != nil:
		return invalid("the kubeconfig has an auth-provider, which the operator does not run: put a token or a certificate into it")
	case user.TokenFile != "", user.ClientCertificate != "", user.ClientKey != "", cluster.CertificateAuthority != "":
		return invalid("the kubeconfig names files, which would be the operator's own: put their content into it (kubectl config view --flatten)")
	case cluster.ProxyURL != "":
		return invalid("the kubeconfig goes through a proxy, which the operator does not: write an address that can be reached")
	case cluster.InsecureSkipTLSVerify:
		return invalid("the kubeconfig turns verification off: put the cluster's certificate-authority-data into it")
	}
	return nil
}
