// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/poll"
	"github.com/uptake-dev/uptake/internal/source"
)

// Planner turns a program's queries into polls, and polls into measurements.
type Planner struct {
	// Cache reads sources and namespaces.
	Cache client.Reader
	// Namespaced says that the operator works in single namespaces, and reads
	// nothing that belongs to the whole cluster.
	Namespaced bool
	// Scheduler polls.
	Scheduler *poll.Scheduler
	// Access decides what a program may count.
	Access *Access
	// Objects, ConfigMaps and Endpoints make askers.
	Objects    ObjectCounter
	ConfigMaps ConfigMapReader
	Endpoints  *Endpoints
	Clock      clock.PassiveClock
	// MinInterval is the least time between two polls of a query, whatever programs
	// and sources say; default: a second.
	MinInterval time.Duration

	mu    sync.Mutex
	plans map[types.NamespacedName]*plan
}

// plan is what a program's queries became.
type plan struct {
	uid        types.UID
	generation int64
	// basis are the versions of the sources it rests on.
	basis   string
	expires time.Time
	queries map[string]plannedQuery // by path
}

// plannedQuery is one poll, or one for each of several sources, or why there is none.
type plannedQuery struct {
	parts   []sourcePoll
	several *addition
	problem *adoption.Problem
	// until is how long the rights that it needs are taken for granted; zero: it needs
	// none.
	until time.Time
}

// sourcePoll is a poll of one source.
type sourcePoll struct {
	// name of the source, as people read it.
	name string
	poll poll.Poll
}

func polled(p poll.Poll) plannedQuery { return plannedQuery{parts: []sourcePoll{{poll: p}}} }

const (
	// planFor is how long a plan lasts when nothing that it rests on has changed.
	planFor = 5 * time.Minute
	// rightsFor is how long rights that were checked are taken for granted: whoever
	// loses them counts no longer within a minute.
	rightsFor = 45 * time.Second
	// retryPlan is when a plan with a problem is made again.
	retryPlan = 15 * time.Second
)

// Measurements returns what is known of every query of a program, and has the
// scheduler ask them from now on.
func (p *Planner) Measurements(ctx context.Context, program *v1alpha1.AdoptionProgram) map[string]adoption.Measurement {
	current := p.planFor(ctx, program)
	measurements := make(map[string]adoption.Measurement, len(current.queries))
	for path, q := range current.queries {
		if q.problem != nil {
			measurements[path] = adoption.Measurement{Problem: q.problem}
			continue
		}
		if m, attempted := p.measurement(q); attempted {
			measurements[path] = m
		}
	}
	return measurements
}

// measurement returns what is known of a query; false before there was an attempt.
func (p *Planner) measurement(q plannedQuery) (adoption.Measurement, bool) {
	parts := make([]part, 0, len(q.parts))
	for _, planned := range q.parts {
		m, ok := p.Scheduler.Measurement(planned.poll.Key)
		if !ok || m.Attempted.IsZero() {
			continue
		}
		parts = append(parts, part{planned.name, measured(m, planned.poll.Interval)})
	}
	switch {
	case q.several != nil:
		return q.several.sum(parts, len(q.parts))
	case len(parts) == 0:
		return adoption.Measurement{}, false
	}
	return parts[0].Measurement, true
}

// Recheck is how long until a program's plan is to be made again: rights that were
// checked are not taken for granted for ever, and a problem may have been mended.
func (p *Planner) Recheck(key types.NamespacedName) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	current := p.plans[key]
	if current == nil {
		return 0
	}
	if len(current.queries) == 0 {
		return 0
	}
	return max(current.expires.Sub(p.Clock.Now()), time.Second)
}

// Forget ends the polls of a program that is gone.
func (p *Planner) Forget(key types.NamespacedName) {
	p.mu.Lock()
	_, known := p.plans[key]
	delete(p.plans, key)
	p.mu.Unlock()
	if known {
		p.Scheduler.Unsubscribe(key.String())
	}
}

// Renew has every plan made anew, with the rights that programs have now.
func (p *Planner) Renew() {
	p.Access.Renew()
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, known := range p.plans {
		renewed := *known // plans are read without the lock
		renewed.expires = time.Time{}
		p.plans[key] = &renewed
	}
}

func (p *Planner) planFor(ctx context.Context, program *v1alpha1.AdoptionProgram) *plan {
	key, now := client.ObjectKeyFromObject(program), p.Clock.Now()
	basis := p.basis(ctx, program)
	p.mu.Lock()
	known := p.plans[key]
	p.mu.Unlock()
	if known != nil && known.uid == program.UID && known.generation == program.Generation && known.basis == basis && now.Before(known.expires) {
		return known
	}
	made := p.make(ctx, program)
	made.basis = basis
	var polls []poll.Poll
	for _, use := range adoption.Queries(program) {
		for _, part := range made.queries[use.Path].parts {
			polls = append(polls, part.poll)
		}
	}
	p.mu.Lock()
	if p.plans == nil {
		p.plans = map[types.NamespacedName]*plan{}
	}
	p.plans[key] = made
	p.mu.Unlock()
	p.Scheduler.Subscribe(key.String(), polls)
	return made
}

// basis names the sources of a program with their generations.
func (p *Planner) basis(ctx context.Context, program *v1alpha1.AdoptionProgram) string {
	var b strings.Builder
	for _, use := range adoption.Queries(program) {
		if !adoption.IsExternal(use.Query) {
			continue
		}
		found, _ := p.sourcesOf(ctx, program, use.Query)
		for _, s := range found {
			fmt.Fprintf(&b, "%s/%s/%d %s;", s.key, s.uid, s.generation, s.accessProblem(ctx, p.Cache, program.Namespace))
		}
		b.WriteString("|")
	}
	return b.String()
}

func (p *Planner) make(ctx context.Context, program *v1alpha1.AdoptionProgram) *plan {
	made := &plan{
		uid: program.UID, generation: program.Generation, expires: p.Clock.Now().Add(planFor),
		queries: map[string]plannedQuery{},
	}
	for _, use := range adoption.Queries(program) {
		q := p.query(ctx, program, use)
		if q.problem != nil {
			made.expires = p.Clock.Now().Add(retryPlan)
		}
		if !q.until.IsZero() && q.until.Before(made.expires) {
			made.expires = q.until
		}
		made.queries[use.Path] = q
	}
	return made
}

func (p *Planner) query(ctx context.Context, program *v1alpha1.AdoptionProgram, use adoption.QueryUse) plannedQuery {
	switch {
	case adoption.IsExternal(use.Query):
		return p.external(ctx, program, use)
	case use.Query.Objects != nil:
		return p.objects(ctx, program, use)
	default:
		return p.configMap(program, use.Query)
	}
}

// internalSource has the limits for queries that are answered from this cluster.
func internalSource(name string) poll.Source {
	return poll.Source{Key: name, MaxConcurrent: 4, Timeout: 10 * time.Second}
}

func (p *Planner) objects(ctx context.Context, program *v1alpha1.AdoptionProgram, use adoption.QueryUse) plannedQuery {
	q, by := use.Query, use.SegmentBy(program)
	query := *q.Objects
	if query.Count == "" {
		query.Count = v1alpha1.CountObjects // equal questions are one poll, however they are spelt
	}
	// Nothing is compiled for somebody who may not count anyway.
	until, denied := p.Access.Check(ctx, program, q.Objects)
	if denied != nil {
		return plannedQuery{problem: denied}
	}
	asker, err := p.Objects.Query(query, by)
	if err != nil {
		return unusable(v1alpha1.ReasonInvalidQuery, source.AsError(err).Message)
	}
	planned := polled(p.ofProgram(program, poll.Poll{
		Key: rendered("objects", query, by), Source: internalSource("objects"), Interval: intervalOf(program.Spec.Interval), Ask: asker,
	}))
	planned.until = until
	return planned
}

// ofProgram says on whose behalf a poll is made.
func (p *Planner) ofProgram(program *v1alpha1.AdoptionProgram, made poll.Poll) poll.Poll {
	made.Interval = max(made.Interval, p.MinInterval)
	made.Tenant, made.Seed, made.Group = program.Namespace, string(program.UID), string(program.UID)
	return made
}

func (p *Planner) configMap(program *v1alpha1.AdoptionProgram, q *v1alpha1.Query) plannedQuery {
	zone, err := time.LoadLocation(program.Spec.TimeZone)
	if err != nil {
		zone = time.UTC // the program is told by its own check
	}
	return polled(p.ofProgram(program, poll.Poll{
		Key: rendered("configMap", program.Namespace, q.ConfigMap, zone.String()), Source: internalSource("configMap"),
		Interval: intervalOf(program.Spec.Interval), Ask: p.ConfigMaps(program.Namespace, string(q.ConfigMap.Name), q.ConfigMap.Key, zone),
	}))
}

func unusable(reason, message string) plannedQuery {
	return plannedQuery{problem: specProblem(reason, "%s", message)}
}

// rendered makes the key of a poll: equal questions to one source are one poll.
func rendered(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // plain data of the API always marshals
	}
	return string(text)
}

func intervalOf(d v1alpha1.Duration) time.Duration {
	if v, err := adoption.ParseDuration(string(d)); err == nil && v >= time.Second {
		return v
	}
	return 5 * time.Minute
}
