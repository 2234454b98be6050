// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source/web"
)

// Whoever may write a source may have a Secret sent anywhere, and needs no right to
// read it for that. An annotation of the Secret says where it may go.

// addressOf is where a source is, and with it what is shown there. Another cluster is
// where its kubeconfig says: see serverOf.
func addressOf(spec *v1alpha1.SourceSettings) []string {
	switch {
	case spec.Prometheus != nil:
		return []string{spec.Prometheus.URL}
	case spec.HTTP != nil:
		return []string{spec.HTTP.URL}
	case spec.SQL != nil:
		host := spec.SQL.Host
		if spec.SQL.Port != 0 {
			host = net.JoinHostPort(host, strconv.Itoa(int(spec.SQL.Port)))
		} else if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return []string{strings.ToLower(string(spec.SQL.Engine)) + "://" + host}
	}
	return nil
}

// serverOf is the server of a kubeconfig's current context. What is wrong with the
// rest of it the driver says.
func serverOf(kubeconfig []byte) []string {
	parsed, err := clientcmd.Load(kubeconfig)
	if err != nil {
		return nil
	}
	current := parsed.Contexts[parsed.CurrentContext]
	if current == nil || parsed.Clusters[current.Cluster] == nil {
		return nil
	}
	return []string{parsed.Clusters[current.Cluster].Server}
}

// bound says why a Secret may not be sent to addresses; nil: it may.
func (c credentials) bound(name string, annotations map[string]string, addresses []string) error {
	text, isBound := annotations[v1alpha1.SecretHostsAnnotation]
	if !isBound {
		return nil
	}
	entries := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
	for _, address := range addresses {
		parsed, err := url.Parse(address)
		if err == nil && slices.ContainsFunc(entries, func(entry string) bool { return web.Lists(entry, parsed) }) {
			continue
		}
		host := "the host of the source"
		if err == nil {
			host = parsed.Host
		}
		return &credentialProblem{v1alpha1.ReasonSecretNotForHost, fmt.Sprintf(
			"Secret %s/%s is not for %s: its annotation %s lists the hosts that it may be sent to. Who owns the Secret can add this one",
			c.namespace, name, host, v1alpha1.SecretHostsAnnotation)}
	}
	return nil
}
