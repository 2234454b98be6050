// SPDX-License-Identifier: Apache-2.0

// Package configmap reads numbers that people enter by hand in a ConfigMap.
package configmap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/source"
)

// Reader gets an object; every client.Reader is one.
type Reader interface {
	Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error
}

// New returns an Asker that reads a key of a ConfigMap. Dates without a zone
// are in loc.
func New(reader Reader, namespace, name, key string, loc *time.Location, now func() time.Time) source.Asker {
	return &asker{reader: reader, object: client.ObjectKey{Namespace: namespace, Name: name}, key: key, loc: loc, now: now}
}

type asker struct {
	reader Reader
	object client.ObjectKey
	key    string
	loc    *time.Location
	now    func() time.Time
}

// Ask implements source.Asker.
func (a *asker) Ask(ctx context.Context) (source.Answer, error) {
	var configMap corev1.ConfigMap
	if err := a.reader.Get(ctx, a.object, &configMap); err != nil {
		return source.Answer{}, a.notRead(err)
	}
	text, found := configMap.Data[a.key]
	if !found {
		return source.Answer{}, a.noKey(&configMap)
	}
	where := fmt.Sprintf("ConfigMap %s, key %s: ", a.object.Name, a.key)
	answer, err := Parse(text, a.now(), a.loc)
	for i, row := range answer.Rows {
		if row.Unknown != "" {
			answer.Rows[i].Unknown = where + row.Unknown
		}
	}
	if failure, classified := errors.AsType[*source.Error](err); classified {
		failure.Message = where + failure.Message
		return source.Answer{}, failure
	}
	return answer, err
}

func (a *asker) notRead(err error) *source.Error {
	classified, is := errors.AsType[*source.Error](err)
	switch {
	case is:
		return classified
	case apierrors.IsNotFound(err):
		return &source.Error{
			Class:   source.NotServed,
			Message: fmt.Sprintf("there is no ConfigMap %s in namespace %s", a.object.Name, a.object.Namespace),
		}
	case apierrors.IsForbidden(err):
		return &source.Error{
			Class:   source.Unauthorized,
			Message: fmt.Sprintf("the operator may not read ConfigMap %s in namespace %s: grant its service account get on configmaps there", a.object.Name, a.object.Namespace),
		}
	case apierrors.IsUnauthorized(err):
		return source.Errorf(source.Unauthorized, "ConfigMap %s could not be read: the API server does not accept the operator's credentials", a.object.Name)
	case apierrors.IsTooManyRequests(err):
		seconds, _ := apierrors.SuggestsClientDelay(err)
		return &source.Error{
			Class: source.Throttled, Message: "the API server asks for fewer requests", RetryAfter: time.Duration(seconds) * time.Second,
		}
	default:
		return &source.Error{
			Class:   source.Unavailable,
			Message: fmt.Sprintf("ConfigMap %s could not be read: %s", a.object.Name, source.Cause(err)),
		}
	}
}

// noKey names the nearest key, and no others: a ConfigMap that is not for numbers is
// none of the program's business.
func (a *asker) noKey(configMap *corev1.ConfigMap) *source.Error {
	message := fmt.Sprintf("ConfigMap %s has no key %s", a.object.Name, a.key)
	_, binary := configMap.BinaryData[a.key]
	nearest := ""
	for _, key := range slices.Sorted(maps.Keys(configMap.Data)) {
		if nearest == "" && isNearly(strings.ToLower(key), strings.ToLower(a.key)) {
			nearest = key
		}
	}
	switch {
	case binary:
		message += " in data; the one in binaryData is not text"
	case nearest != "":
		message += fmt.Sprintf("; the nearest key is %s", nearest)
	case len(configMap.Data) == 0:
		message += "; it has none at all: add the key, with a dated number such as 2026-11-01 41.3%, or CSV with the header date,segment,value"
	default:
		message += ", and none that is like it: add the key, or name the one that is meant"
	}
	return &source.Error{Class: source.NotServed, Message: message}
}
