// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/uptake-dev/uptake/internal/source"
)

// view is what a question is answered from: objects and, where they are needed,
// the namespaces they are in, both as they are right now.
type view struct {
	resource   Resource
	objects    *store
	namespaces *store
}

func (v view) stamps() [2]stamp {
	stamps := [2]stamp{v.objects.stamp()}
	if v.namespaces != nil {
		stamps[1] = v.namespaces.stamp()
	}
	return stamps
}

// namespaceOf returns the labels of the namespace of an object: of itself, when
// it is one. False: the namespace is not known (yet, or any more).
func (v view) namespaceOf(o *object) (labels.Set, bool) {
	switch {
	case v.resource.isNamespaces():
		return o.labels, true
	case v.namespaces != nil:
		return v.namespaces.labelsOf(o.namespace)
	}
	return nil, false
}

// look waits until all that a question needs is known, or fails.
func (c *Counter) look(ctx context.Context, resource Resource, q question) (view, *source.Error) {
	objects, failure := c.watchOf(resource, q.where)
	if failure != nil {
		return view{}, failure
	}
	v := view{resource: resource, objects: objects.store}
	if q.needsNamespaces(resource) {
		all, failure := c.watchOf(namespaces, nil)
		if failure != nil {
			return view{}, failure
		}
		if failure := c.await(ctx, all, q.kind); failure != nil {
			return view{}, failure
		}
		v.namespaces = all.store
	}
	if failure := c.await(ctx, objects, q.kind); failure != nil {
		return view{}, failure
	}
	return v, c.believe(ctx, objects, q.kind)
}

// await waits until a watch can be believed. The kind is what it is for.
func (c *Counter) await(ctx context.Context, w *watch, kind schema.GroupVersionKind) *source.Error {
	err := w.health.wait(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return &source.Error{
			Class:   source.Unavailable,
			Message: fmt.Sprintf("%s have not been read from the API server in time", w.resource),
		}
	case apierrors.IsNotFound(err):
		c.forget(w)
		c.resources.forgetFound(kind)
	}
	return c.who.watchFailure(w.resource, err)
}

// believe makes sure that there is nothing because there is nothing, and not
// because the kind is about to vanish. It is the one request that a count costs,
// and only once after the last object was deleted.
func (c *Counter) believe(ctx context.Context, w *watch, kind schema.GroupVersionKind) *source.Error {
	if !w.store.isDrained() {
		return nil
	}
	now, failure := c.resources.look(ctx, kind)
	if failure != nil {
		return failure
	}
	if now.missing != nil {
		return now.missing
	}
	w.store.believeEmpty()
	return nil
}
