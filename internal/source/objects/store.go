// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"
)

// object is what is kept of an object. It is never changed once it is stored.
type object struct {
	objectName
	labels labels.Set
	// content is what conditions look at; nil when only metadata is watched.
	content map[string]any
}

type objectName struct{ namespace, name string }

func (n objectName) String() string {
	if n.namespace == "" {
		return n.name
	}
	return n.namespace + "/" + n.name
}

// store is what a reflector fills: only what counting needs, which is far less
// than an informer would keep.
type store struct {
	onReplace func()
	// fields are what is kept of an object besides its name and its labels, and withTold
	// these with what the reflector has to know.
	fields, withTold fields

	mu       sync.RWMutex
	objects  map[objectName]*object
	revision uint64 // changes whenever the objects do
	drained  bool   // the last object was deleted, rather than never there
}

func newStore(fields fields, onReplace func()) *store {
	return &store{fields: fields, withTold: fields.with(told), onReplace: onReplace, objects: map[objectName]*object{}}
}

var (
	_ cache.ReflectorStore    = (*store)(nil)
	_ cache.TransformingStore = (*store)(nil)
)

// Transformer has what is not needed dropped before a long list is put together.
func (s *store) Transformer() cache.TransformFunc { return s.trim }

func (s *store) trim(obj any) (any, error) {
	accessor, err := meta.Accessor(obj)
	if err != nil {
		return obj, nil //nolint:nilerr // a tombstone, say: nothing to drop
	}
	accessor.SetManagedFields(nil)
	annotations := accessor.GetAnnotations()
	if _, applied := annotations[corev1.LastAppliedConfigAnnotation]; applied {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
		accessor.SetAnnotations(annotations)
	}
	if whole, is := obj.(*unstructured.Unstructured); is {
		whole.Object = s.withTold.of(whole.Object)
	}
	return obj, nil
}

// told is what the reflector has to know of an object.
var told = fields{"apiVersion": nil, "kind": nil, "metadata": fields{
	"name": nil, "namespace": nil, "labels": nil, "resourceVersion": nil, "uid": nil, "annotations": fields{metav1.InitialEventsAnnotationKey: nil},
}}

func (s *store) kept(obj any) (*object, error) {
	if _, err := s.trim(obj); err != nil {
		return nil, err
	}
	switch obj := obj.(type) {
	case *metav1.PartialObjectMetadata:
		return &object{objectName: objectName{obj.Namespace, obj.Name}, labels: obj.Labels}, nil
	case *unstructured.Unstructured:
		return &object{
			objectName: objectName{obj.GetNamespace(), obj.GetName()},
			labels:     obj.GetLabels(),
			content:    s.fields.of(obj.Object),
		}, nil
	}
	return nil, fmt.Errorf("unexpected object of type %T", obj)
}

// Add implements cache.ReflectorStore.
func (s *store) Add(obj any) error { return s.Update(obj) }

// Update implements cache.ReflectorStore.
func (s *store) Update(obj any) error {
	o, err := s.kept(obj)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[o.objectName] = o
	s.revision++
	s.drained = false
	return nil
}

// Delete implements cache.ReflectorStore.
func (s *store) Delete(obj any) error {
	o, err := s.kept(obj)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, o.objectName)
	s.revision++
	s.drained = len(s.objects) == 0
	return nil
}

// Replace implements cache.ReflectorStore.
func (s *store) Replace(list []any, _ string) error {
	objects := make(map[objectName]*object, len(list))
	for _, obj := range list {
		o, err := s.kept(obj)
		if err != nil {
			return err
		}
		objects[o.objectName] = o
	}
	s.mu.Lock()
	s.drained = len(objects) == 0 && (s.drained || len(s.objects) > 0)
	s.objects = objects
	s.revision++
	s.mu.Unlock()
	s.onReplace()
	return nil
}

// Resync implements cache.ReflectorStore; nobody is told of changes, so there is
// nothing to tell again.
func (s *store) Resync() error { return nil }

// stamp identifies what a store held at a time.
type stamp struct {
	store    *store
	revision uint64
}

func (s *store) stamp() stamp {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return stamp{s, s.revision}
}

// list returns all objects, in no order.
func (s *store) list() []*object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*object, 0, len(s.objects))
	for _, o := range s.objects {
		list = append(list, o)
	}
	return list
}

// labelsOf returns the labels of a cluster-scoped object; false when it is not there.
func (s *store) labelsOf(name string) (labels.Set, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, found := s.objects[objectName{name: name}]
	if !found {
		return nil, false
	}
	return o.labels, true
}

func (s *store) isDrained() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.drained
}

// believeEmpty notes that an empty store has been found to be right.
func (s *store) believeEmpty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained = false
}
