// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// question is a query with everything parsed and compiled.
type question struct {
	kind schema.GroupVersionKind
	// selects picks objects, inNamespaces the namespaces they are in; nil: all.
	selects, inNamespaces labels.Selector
	where                 *where
	countNamespaces       bool
	// byLabel and byNamespaceLabel are labels that name the segment; at most one
	// is set.
	byLabel, byNamespaceLabel string
}

// Query returns an Asker that counts objects, or an error with the class
// InvalidQuery that names the field at fault. Nothing is asked yet.
//
// Segmented answers hold the objects without the label in a row whose segment is
// empty.
func (c *Counter) Query(spec v1alpha1.ObjectsQuery, segmentBy *v1alpha1.SegmentBy) (source.Asker, error) {
	q, failure := parse(spec, segmentBy)
	if failure != nil {
		return nil, failure
	}
	return &asker{counter: c, question: q}, nil
}

func parse(spec v1alpha1.ObjectsQuery, segmentBy *v1alpha1.SegmentBy) (q question, failure *source.Error) {
	if q.kind, failure = parseKind(spec.APIVersion, spec.Kind); failure != nil {
		return q, failure
	}
	if q.selects, failure = parseSelector("labelSelector", spec.LabelSelector); failure != nil {
		return q, failure
	}
	if q.inNamespaces, failure = parseSelector("namespaceSelector", spec.NamespaceSelector); failure != nil {
		return q, failure
	}
	switch spec.Count {
	case "", v1alpha1.CountObjects:
	case v1alpha1.CountNamespaces:
		q.countNamespaces = true
	default:
		return q, invalid("count: write Objects or Namespaces")
	}
	if segmentBy != nil {
		q.byLabel, q.byNamespaceLabel = segmentBy.Label, segmentBy.NamespaceLabel
	}
	if failure = checkLabels(q); failure != nil {
		return q, failure
	}
	if spec.Where != "" {
		q.where, failure = compileWhere(spec.Where)
	}
	return q, failure
}

func parseSelector(field string, selector *metav1.LabelSelector) (labels.Selector, *source.Error) {
	if selector == nil {
		return nil, nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, invalid("%s: %v", field, err)
	}
	return parsed, nil
}

func checkLabels(q question) *source.Error {
	if q.byLabel != "" && q.byNamespaceLabel != "" {
		return invalid("segmentBy: set label or namespaceLabel, not both")
	}
	for field, label := range map[string]string{"label": q.byLabel, "namespaceLabel": q.byNamespaceLabel} {
		if problems := validation.IsQualifiedName(label); label != "" && len(problems) > 0 {
			return invalid("segmentBy.%s: %s", field, problems[0])
		}
	}
	return nil
}

// fits says whether the question makes sense for a resource, which is not known
// before the API server has been asked.
func (q question) fits(resource Resource) *source.Error {
	if resource.Namespaced || resource.isNamespaces() {
		return nil
	}
	switch {
	case q.byNamespaceLabel != "":
		return invalid("segmentBy.namespaceLabel: %s are not in namespaces: use label", resource)
	case q.inNamespaces != nil:
		return invalid("namespaceSelector: %s are not in namespaces: use labelSelector", resource)
	case q.countNamespaces:
		return invalid("count: %s are not in namespaces: count Objects", resource)
	}
	return nil
}

func (q question) segmented() bool { return q.byLabel != "" || q.byNamespaceLabel != "" }

// needsNamespaces reports whether namespaces have to be known besides the objects.
func (q question) needsNamespaces(resource Resource) bool {
	return resource.Namespaced && (q.inNamespaces != nil || q.byNamespaceLabel != "" || q.where != nil)
}

// asker answers a question.
type asker struct {
	counter  *Counter
	question question

	mu       sync.Mutex
	answered [2]stamp // what the answer is about
	answer   source.Answer
}

// Ask implements source.Asker.
func (a *asker) Ask(ctx context.Context) (source.Answer, error) {
	answer, failure := a.ask(ctx)
	if failure != nil && !a.counter.resources.remembers(a.question.kind) {
		answer, failure = a.ask(ctx) // it has gone; perhaps it is back already
	}
	if failure != nil {
		return source.Answer{}, failure
	}
	return answer, nil
}

func (a *asker) ask(ctx context.Context) (source.Answer, *source.Error) {
	resource, failure := a.counter.resources.find(ctx, a.question.kind)
	if failure != nil {
		return source.Answer{}, failure
	}
	if failure := a.question.fits(resource); failure != nil {
		return source.Answer{}, failure
	}
	view, failure := a.counter.look(ctx, resource, a.question)
	if failure != nil {
		return source.Answer{}, failure
	}
	return a.count(ctx, view)
}

// count counts, unless nothing has changed since the last time.
func (a *asker) count(ctx context.Context, v view) (source.Answer, *source.Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	about := v.stamps()
	if a.answered == about {
		return a.answer, nil
	}
	rows, failure := a.question.count(ctx, v)
	if failure != nil {
		return source.Answer{}, failure
	}
	a.answered = about
	a.answer = source.Answer{Rows: rows, Segmented: a.question.segmented(), Complete: true, Hint: a.question.hint(v, rows)}
	return a.answer, nil
}
