// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Journal keeps what watchers of the API server saw. The story is judged from
// it, not from the operator's own words.
type Journal struct {
	mu sync.Mutex
	// transitions by object ("Phase pilot"), by number.
	transitions map[string]map[int64]v1alpha1.TransitionStatus
	// conflicts are transitions that were told in two ways.
	conflicts []string
	events    []corev1.Event
	phases    map[string]v1alpha1.Phase
	barriers  map[string]v1alpha1.Barrier
	program   v1alpha1.AdoptionProgram
}

// NewJournal returns an empty journal.
func NewJournal() *Journal {
	return &Journal{
		transitions: map[string]map[int64]v1alpha1.TransitionStatus{},
		phases:      map[string]v1alpha1.Phase{}, barriers: map[string]v1alpha1.Barrier{},
	}
}

// Watch follows a namespace until the context ends.
func (j *Journal) Watch(ctx context.Context, c client.WithWatch, namespace string) error {
	lists := []client.ObjectList{
		&v1alpha1.AdoptionProgramList{}, &v1alpha1.PhaseList{}, &v1alpha1.BarrierList{}, &corev1.EventList{},
	}
	for _, list := range lists {
		w, err := c.Watch(ctx, list, client.InNamespace(namespace))
		if err != nil {
			return fmt.Errorf("watching the story: %w", err)
		}
		go func() {
			for w != nil && ctx.Err() == nil {
				for e := range w.ResultChan() {
					j.see(e)
				}
				w.Stop()
				w = watchAgain(ctx, c, list, namespace)
			}
		}()
	}
	return nil
}

// watchAgain follows on after a server has closed a watch; what was seen before
// comes again, and is known. Nil when the context has ended.
func watchAgain(ctx context.Context, c client.WithWatch, list client.ObjectList, namespace string) watch.Interface {
	for {
		if w, err := c.Watch(ctx, list, client.InNamespace(namespace)); err == nil {
			return w
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

func (j *Journal) see(e watch.Event) {
	if e.Type != watch.Added && e.Type != watch.Modified {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch o := e.Object.(type) {
	case *v1alpha1.AdoptionProgram:
		j.program = *o
		j.note("AdoptionProgram "+o.Name, o.Status.Transitions)
	case *v1alpha1.Phase:
		j.phases[o.Name] = *o
		j.note("Phase "+o.Name, o.Status.Transitions)
	case *v1alpha1.Barrier:
		j.barriers[o.Name] = *o
		j.note("Barrier "+o.Name, o.Status.Transitions)
	case *corev1.Event:
		j.events = append(j.events, *o)
	}
}

func (j *Journal) note(object string, ring []v1alpha1.TransitionStatus) {
	if j.transitions[object] == nil {
		j.transitions[object] = map[int64]v1alpha1.TransitionStatus{}
	}
	for _, t := range ring {
		known, ok := j.transitions[object][t.Number]
		if ok && (known.From != t.From || known.To != t.To || !known.Time.Equal(&t.Time)) {
			j.conflicts = append(j.conflicts, fmt.Sprintf("%s: transition %d was told in two ways", object, t.Number))
		}
		j.transitions[object][t.Number] = t
	}
}

// Path is the states that an object went through, "Waiting > Active".
func (j *Journal) Path(object string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.path(object)
}

func (j *Journal) path(object string) string {
	var states []string
	for n := int64(1); n <= int64(len(j.transitions[object])); n++ {
		t, ok := j.transitions[object][n]
		if !ok {
			return fmt.Sprintf("(transition %d was never seen)", n)
		}
		if n == 1 && t.From != "" {
			states = append(states, t.From)
		}
		states = append(states, t.To)
	}
	return strings.Join(states, " > ")
}

// Judge compares what happened with what the story says, and every transition
// with its event.
func (j *Journal) Judge(story map[string]string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var faults []error
	for _, c := range j.conflicts {
		faults = append(faults, errors.New(c))
	}
	objects := make([]string, 0, len(story))
	for object := range story {
		objects = append(objects, object)
	}
	slices.Sort(objects)
	for _, object := range objects {
		if path := j.path(object); path != story[object] {
			faults = append(faults, fmt.Errorf("%s went %q, and should have gone %q", object, path, story[object]))
		}
	}
	for object, ring := range j.transitions {
		if _, told := story[object]; !told && len(ring) > 0 {
			faults = append(faults, fmt.Errorf("%s moved, which the story does not tell: %s", object, j.path(object)))
		}
		for _, t := range ring {
			if n := j.announced(object, t); n != 1 {
				faults = append(faults, fmt.Errorf("%s: transition %d (%s) has %d events instead of one", object, t.Number, t.Reason, n))
			}
		}
	}
	return errors.Join(faults...)
}

// announced counts the events of a transition.
func (j *Journal) announced(object string, t v1alpha1.TransitionStatus) int {
	names := map[string]bool{}
	count := 0
	for _, e := range j.events {
		same := e.InvolvedObject.Kind+" "+e.InvolvedObject.Name == object &&
			e.Reason == t.Reason && e.FirstTimestamp.Equal(&t.Time) && e.Message == t.Message
		if same && !names[e.Name] {
			names[e.Name] = true
			count += int(e.Count)
		}
	}
	return count
}

// view is a copy of what was last seen, for the screen and for waiting.
type view struct {
	program  v1alpha1.AdoptionProgram
	phases   map[string]v1alpha1.Phase
	barriers map[string]v1alpha1.Barrier
	events   []corev1.Event
}

func (j *Journal) view() view {
	j.mu.Lock()
	defer j.mu.Unlock()
	v := view{program: j.program, phases: map[string]v1alpha1.Phase{}, barriers: map[string]v1alpha1.Barrier{}, events: slices.Clone(j.events)}
	maps.Copy(v.phases, j.phases)
	maps.Copy(v.barriers, j.barriers)
	return v
}
