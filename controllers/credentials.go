// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// credentials reads what a source needs, live and by name: Secrets are never
// listed or watched.
type credentials struct {
	live      client.Reader
	namespace string
	// operator is the operator's service account, for the remedy.
	operator string
	// to are the addresses that what is read is sent to.
	to []string
	// saysWhere means that it is a kubeconfig, which says that itself.
	saysWhere bool
}

// credentialProblem is why a source cannot be set up.
type credentialProblem struct{ reason, message string }

func (p *credentialProblem) Error() string { return p.message }

// settingsFor makes what a driver needs of a source.
func (c credentials) settingsFor(ctx context.Context, name string, spec *v1alpha1.SourceSettings) (source.Settings, error) {
	settings := source.Settings{Name: name, Prometheus: spec.Prometheus, HTTP: spec.HTTP, SQL: spec.SQL, Kubernetes: spec.Kubernetes}
	settings.AllowPlaintext = spec.AllowPlaintext != nil && *spec.AllowPlaintext
	c.to = addressOf(spec)
	if spec.Auth != nil {
		if err := c.authenticate(ctx, spec.Auth, &settings.Credentials); err != nil {
			return settings, err
		}
	}
	if spec.TLS != nil {
		if err := c.trust(ctx, spec.TLS, &settings.TLS); err != nil {
			return settings, err
		}
	}
	if spec.Kubernetes != nil {
		ref := spec.Kubernetes.Kubeconfig.SecretKeyRef
		c.saysWhere = true
		kubeconfig, err := c.secret(ctx, string(ref.Name), ref.Key)
		if err != nil {
			return settings, err
		}
		settings.Credentials.Kubeconfig = kubeconfig
	}
	return settings, nil
}

func (c credentials) authenticate(ctx context.Context, auth *v1alpha1.SourceAuth, to *source.Credentials) error {
	switch {
	case auth.Basic != nil:
		user, password, err := c.pair(ctx, string(auth.Basic.SecretRef.Name), "username", "password")
		to.Username, to.Password = string(user), string(password)
		return err
	case auth.Bearer != nil:
		token, err := c.secret(ctx, string(auth.Bearer.SecretKeyRef.Name), auth.Bearer.SecretKeyRef.Key)
		to.Token = strings.TrimSpace(string(token))
		return err
	case auth.Header != nil:
		key, err := c.secret(ctx, string(auth.Header.SecretKeyRef.Name), auth.Header.SecretKeyRef.Key)
		to.HeaderName, to.HeaderValue = auth.Header.Name, auth.Header.Prefix+strings.TrimSpace(string(key))
		return err
	case auth.OAuth2 != nil:
		c.to = append([]string{auth.OAuth2.TokenURL}, c.to...) // what it gets there is sent to the source
		id, secret, err := c.pair(ctx, string(auth.OAuth2.SecretRef.Name), "client_id", "client_secret")
		to.OAuth2 = &source.OAuth2{
			TokenURL: auth.OAuth2.TokenURL, ClientID: string(id), ClientSecret: string(secret),
			Audience: auth.OAuth2.Audience, Scopes: auth.OAuth2.Scopes,
		}
		return err
	}
	return nil
}

func (c credentials) trust(ctx context.Context, tls *v1alpha1.SourceTLS, to *source.TLS) (err error) {
	to.ServerName = tls.ServerName
	if tls.CA != nil {
		if to.CA, err = c.ca(ctx, *tls.CA); err != nil {
			return err
		}
	}
	if tls.Certificate != nil {
		to.Certificate, to.Key, err = c.pair(ctx, string(tls.Certificate.SecretRef.Name), corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
	}
	return err
}

func (c credentials) ca(ctx context.Context, from v1alpha1.CASource) ([]byte, error) {
	if ref := from.SecretKeyRef; ref != nil {
		c.to = nil // whom to trust is sent nowhere
		return c.secret(ctx, string(ref.Name), ref.Key)
	}
	ref := from.ConfigMapKeyRef
	cm := &corev1.ConfigMap{}
	if err := c.live.Get(ctx, types.NamespacedName{Namespace: c.namespace, Name: string(ref.Name)}, cm); err != nil {
		return nil, c.explain(err, "ConfigMap", string(ref.Name))
	}
	text, ok := cm.Data[ref.Key]
	if !ok {
		return nil, &credentialProblem{v1alpha1.ReasonKeyNotFound, fmt.Sprintf("ConfigMap %s/%s has no key %q: add it, or name the one that it has", c.namespace, ref.Name, ref.Key)}
	}
	if strings.TrimSpace(text) == "" {
		return nil, c.empty("ConfigMap", string(ref.Name), ref.Key)
	}
	return []byte(text), nil
}

// empty says that a value is there and holds nothing. To go on without it would be
// to ask as nobody, or to trust everybody.
func (c credentials) empty(kind, name, key string) error {
	return &credentialProblem{v1alpha1.ReasonKeyNotFound, fmt.Sprintf("%s %s/%s has nothing in its key %q", kind, c.namespace, name, key)}
}

// pair reads two keys of a Secret that opts in, as they were at one moment.
func (c credentials) pair(ctx context.Context, name, first, second string) (one, two []byte, err error) {
	values, err := c.values(ctx, name, first, second)
	if err != nil {
		return nil, nil, err
	}
	return values[0], values[1], nil
}

// secret reads one key of a Secret that opts in.
func (c credentials) secret(ctx context.Context, name, key string) ([]byte, error) {
	values, err := c.values(ctx, name, key)
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

func (c credentials) values(ctx context.Context, name string, keys ...string) ([][]byte, error) {
	secret := &corev1.Secret{}
	if err := c.live.Get(ctx, types.NamespacedName{Namespace: c.namespace, Name: name}, secret); err != nil {
		return nil, c.explain(err, "Secret", name)
	}
	if secret.Labels[v1alpha1.SecretLabel] != "true" {
		return nil, &credentialProblem{v1alpha1.ReasonSecretNotLabelled, fmt.Sprintf(
			"Secret %s/%s does not opt in: kubectl label secret -n %s %s %s=true", c.namespace, name, c.namespace, name, v1alpha1.SecretLabel)}
	}
	values := make([][]byte, len(keys))
	for i, key := range keys {
		value, ok := secret.Data[key]
		if !ok {
			return nil, &credentialProblem{v1alpha1.ReasonKeyNotFound, fmt.Sprintf("Secret %s/%s has no key %q: add it, or name one that it has (%s)", c.namespace, name, key, keysOf(secret))}
		}
		if len(bytes.TrimSpace(value)) == 0 {
			return nil, c.empty("Secret", name, key)
		}
		values[i] = value
	}
	to := c.to
	if c.saysWhere {
		to = serverOf(values[0])
	}
	return values, c.bound(name, secret.Annotations, to)
}

// keysOf names the keys of a Secret that opts in, never what they hold.
func keysOf(secret *corev1.Secret) string {
	keys := slices.Sorted(maps.Keys(secret.Data))
	if len(keys) == 0 {
		return "it has none"
	}
	return strings.Join(keys[:min(len(keys), 5)], ", ")
}

// create says how to make what is not there.
func (c credentials) create(kind, name string) string {
	if kind != "Secret" {
		return "create it"
	}
	return fmt.Sprintf("kubectl create secret generic -n %s %s --from-literal=KEY=VALUE && kubectl label secret -n %s %s %s=true", c.namespace, name, c.namespace, name, v1alpha1.SecretLabel)
}

// explain says what to do about an object that could not be read.
func (c credentials) explain(err error, kind, name string) error {
	switch {
	case apierrors.IsNotFound(err):
		return &credentialProblem{v1alpha1.ReasonSecretNotFound, fmt.Sprintf("there is no %s %s/%s: ", kind, c.namespace, name) + c.create(kind, name)}
	case apierrors.IsForbidden(err):
		resource := strings.ToLower(kind) + "s"
		return &credentialProblem{v1alpha1.ReasonSecretForbidden, fmt.Sprintf(
			"the operator may not read %s %s/%s: kubectl create role -n %s uptake-%s --verb=get --resource=%s --resource-name=%s && kubectl create rolebinding -n %s uptake-%s --role=uptake-%s --serviceaccount=%s",
			kind, c.namespace, name, c.namespace, name, resource, name, c.namespace, name, name, c.operator)}
	default:
		return err
	}
}
