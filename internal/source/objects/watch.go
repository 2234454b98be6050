// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
)

// watch keeps the objects of a resource in a store, by a reflector.
type watch struct {
	resource Resource
	whole    bool
	client   listWatcher
	store    *store
	health   *health
	most     int64     // bytes of a list, in one stream or in all its pages
	pages    *meter    // of the list that is being read; the reflector's own
	used     time.Time // guarded by the Counter
	clock    clock.Clock

	stopped context.CancelFunc
	run     func()
}

// listWatcher is what the metadata client and the dynamic one have in common.
type listWatcher struct {
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (apiwatch.Interface, error)
	kind  runtime.Object
}

func (c *Counter) newWatch(resource Resource, whole bool, fields fields) *watch {
	ctx, cancel := context.WithCancel(context.Background()) // outlives the poll that begins it
	w := &watch{resource: resource, whole: whole, health: newHealth(), most: c.most, clock: c.clock, stopped: cancel}
	w.store = newStore(fields, w.health.completed)
	w.client = c.metadataOf(resource)
	if whole {
		w.client = c.objectsOf(resource)
	}
	w.run = func() {
		w.reflector().RunWithContext(ctx)
	}
	return w
}

func (w *watch) stop() { w.stopped() }

func (c *Counter) metadataOf(resource Resource) listWatcher {
	client := c.metadata.Resource(resource.GroupVersionResource)
	return listWatcher{
		list: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return client.List(ctx, options)
		},
		watch: client.Watch,
		kind:  &metav1.PartialObjectMetadata{},
	}
}

func (c *Counter) objectsOf(resource Resource) listWatcher {
	client := c.dynamic.Resource(resource.GroupVersionResource)
	return listWatcher{
		list: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return client.List(ctx, options)
		},
		watch: client.Watch,
		kind:  &unstructured.Unstructured{},
	}
}

func (w *watch) reflector() *cache.Reflector {
	return cache.NewReflectorWithOptions(
		&cache.ListWatch{ListWithContextFunc: w.listAll, WatchFuncWithContext: w.watchFrom},
		w.client.kind, w.store,
		cache.ReflectorOptions{
			Name:            "objects of " + w.resource.String(),
			TypeDescription: w.resource.GroupVersionResource.String(),
			// The usual longest pause of 30 to 60 s is for clusters full of
			// informers; here it would be time without an answer.
			Backoff: &wait.Backoff{Duration: 500 * time.Millisecond, Cap: 10 * time.Second, Steps: 10, Factor: 2, Jitter: .5},
		})
}

// meter bounds what is read until there is everything.
func (w *watch) meter() *meter {
	return &meter{most: w.most, about: "the question for all " + w.resource.String()}
}

// listAll lists for the reflector, which does so where streaming a list is not
// supported. The list is the newest there is, not what some cache remembers.
func (w *watch) listAll(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	options.ResourceVersion, options.ResourceVersionMatch = "", ""
	if options.Continue == "" {
		w.pages = w.meter()
	}
	list, err := w.client.list(metered(ctx, w.pages), options)
	if err != nil {
		w.health.failed(err)
	}
	return list, err
}

// watchFrom opens a stream for the reflector and keeps track of whether it is up.
func (w *watch) watchFrom(ctx context.Context, options metav1.ListOptions) (apiwatch.Interface, error) {
	withEverything := options.SendInitialEvents != nil && *options.SendInitialEvents
	switch {
	case withEverything:
		options.ResourceVersion = "" // the newest there is, see listAll
	case w.health.isBroken():
		// After an outage a stream that resumes is behind for a moment, and nothing
		// says when it has caught up. So the reflector is made to begin anew.
		return nil, apierrors.NewResourceExpired("read again after a failure")
	}
	bound := w.meter()
	if !withEverything {
		bound.end()
	}
	stream, err := w.client.watch(metered(ctx, bound), options)
	if err != nil {
		if !withEverything || !isUnsupported(err) {
			w.health.failed(err)
		}
		return nil, err
	}
	return follow(stream, w.health, withEverything, bound), nil
}

// isUnsupported reports whether the API server cannot stream a list; the reflector then
// lists, so this is no failure.
func isUnsupported(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}
