// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source/prometheus"
)

// credentials reads what a source needs, live and by name: Secrets are never
// listed or watched.
type credentials struct {
	live      client.Reader
	namespace string
	// operator is the operator's service account, for the remedy.
	operator string
}

// credentialProblem is why a source cannot be set up.
type credentialProblem struct{ reason, message string }

func (p *credentialProblem) Error() string { return p.message }

// configFor makes the driver's settings of a source.
func (c credentials) configFor(ctx context.Context, settings *v1alpha1.SourceSettings) (prometheus.Config, error) {
	config := prometheus.Config{URL: settings.Prometheus.URL}
	if auth := settings.Auth; auth != nil {
		if err := c.authenticate(ctx, auth, &config); err != nil {
			return config, err
		}
	}
	if settings.TLS != nil {
		ca, err := c.ca(ctx, settings.TLS.CA)
		if err != nil {
			return config, err
		}
		config.CA = ca
	}
	return config, nil
}

func (c credentials) authenticate(ctx context.Context, auth *v1alpha1.SourceAuth, config *prometheus.Config) error {
	if auth.Basic != nil {
		name := string(auth.Basic.SecretRef.Name)
		user, err := c.secret(ctx, name, "username")
		if err != nil {
			return err
		}
		password, err := c.secret(ctx, name, "password")
		if err != nil {
			return err
		}
		config.Username, config.Password = string(user), string(password)
		return nil
	}
	token, err := c.secret(ctx, string(auth.Bearer.SecretKeyRef.Name), auth.Bearer.SecretKeyRef.Key)
	config.Token = strings.TrimSpace(string(token))
	return err
}

func (c credentials) ca(ctx context.Context, from v1alpha1.CASource) ([]byte, error) {
	if ref := from.SecretKeyRef; ref != nil {
		return c.secret(ctx, string(ref.Name), ref.Key)
	}
	ref := from.ConfigMapKeyRef
	cm := &corev1.ConfigMap{}
	if err := c.live.Get(ctx, types.NamespacedName{Namespace: c.namespace, Name: string(ref.Name)}, cm); err != nil {
		return nil, c.explain(err, "ConfigMap", string(ref.Name))
	}
	text, ok := cm.Data[ref.Key]
	if !ok {
		return nil, &credentialProblem{v1alpha1.ReasonKeyNotFound, fmt.Sprintf("ConfigMap %s/%s has no key %q", c.namespace, ref.Name, ref.Key)}
	}
	return []byte(text), nil
}

// secret reads one key of a Secret that opts in.
func (c credentials) secret(ctx context.Context, name, key string) ([]byte, error) {
	secret := &corev1.Secret{}
	if err := c.live.Get(ctx, types.NamespacedName{Namespace: c.namespace, Name: name}, secret); err != nil {
		return nil, c.explain(err, "Secret", name)
	}
	if secret.Labels[v1alpha1.SecretLabel] != "true" {
		return nil, &credentialProblem{v1alpha1.ReasonSecretNotLabelled, fmt.Sprintf(
			"Secret %s/%s does not opt in: kubectl label secret -n %s %s %s=true", c.namespace, name, c.namespace, name, v1alpha1.SecretLabel)}
	}
	value, ok := secret.Data[key]
	if !ok {
		return nil, &credentialProblem{v1alpha1.ReasonKeyNotFound, fmt.Sprintf("Secret %s/%s has no key %q", c.namespace, name, key)}
	}
	return value, nil
}

// explain says what to do about an object that could not be read.
func (c credentials) explain(err error, kind, name string) error {
	switch {
	case apierrors.IsNotFound(err):
		return &credentialProblem{v1alpha1.ReasonSecretNotFound, fmt.Sprintf("there is no %s %s/%s: create it", kind, c.namespace, name)}
	case apierrors.IsForbidden(err):
		resource := strings.ToLower(kind) + "s"
		return &credentialProblem{v1alpha1.ReasonSecretForbidden, fmt.Sprintf(
			"the operator may not read %s %s/%s: kubectl create role -n %s uptake-%s --verb=get --resource=%s --resource-name=%s && kubectl create rolebinding -n %s uptake-%s --role=uptake-%s --serviceaccount=%s",
			kind, c.namespace, name, c.namespace, name, resource, name, c.namespace, name, name, c.operator)}
	default:
		return err
	}
}
