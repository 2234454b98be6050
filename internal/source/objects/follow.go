// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// followed is a stream of events that tells a health when it ends.
type followed struct {
	inner   apiwatch.Interface
	bound   *meter
	events  chan apiwatch.Event
	stopped chan struct{}
	once    sync.Once
}

func follow(inner apiwatch.Interface, health *health, withEverything bool, bound *meter) *followed {
	f := &followed{inner: inner, bound: bound, events: make(chan apiwatch.Event), stopped: make(chan struct{})}
	stream := health.opened(withEverything)
	go func() {
		defer close(f.events)
		lost := f.pass()
		health.ended(stream, lost)
		if failure := bound.failure(); failure != nil {
			health.failed(failure)
		}
	}()
	return f
}

// pass hands events on until there are no more, or nobody wants them. It says
// whether the stream was lost, rather than ended at the time that was agreed.
func (f *followed) pass() (lost bool) {
	for event := range f.inner.ResultChan() {
		switch event.Type {
		case apiwatch.Error:
			lost = !apierrors.IsResourceExpired(apierrors.FromObject(event.Object))
		case apiwatch.Bookmark:
			f.endBound(event)
		default:
		}
		select {
		case f.events <- event:
		case <-f.stopped:
			return lost
		}
	}
	return lost
}

// endBound notes that everything there was has been read.
func (f *followed) endBound(event apiwatch.Event) {
	if object, err := meta.Accessor(event.Object); err == nil && object.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
		f.bound.end()
	}
}

// ResultChan implements watch.Interface.
func (f *followed) ResultChan() <-chan apiwatch.Event { return f.events }

// Stop implements watch.Interface.
func (f *followed) Stop() {
	f.once.Do(func() { close(f.stopped) })
	f.inner.Stop()
}
