// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// Endpoints holds one connection for each source, made by the source's reconciler
// with credentials that programs never see. Askers find it when they ask, so a
// rotated credential or a new address needs no new plan.
type Endpoints struct {
	drivers map[v1alpha1.SourceType]source.Driver
	guard   source.Guard
	now     func() time.Time

	mu    sync.RWMutex
	byKey map[string]*endpoint
}

type endpoint struct {
	kind       v1alpha1.SourceType
	settings   source.Settings
	connection source.Connection
	problem    *source.Error
}

// NewEndpoints returns an empty set. The guard says which addresses sources may have.
func NewEndpoints(drivers map[v1alpha1.SourceType]source.Driver, guard source.Guard, now func() time.Time) *Endpoints {
	return &Endpoints{drivers: drivers, guard: guard, now: now, byKey: map[string]*endpoint{}}
}

// Set connects a source; one with the same settings stays, with what it keeps
// open. It says whether anything changed.
func (e *Endpoints) Set(key string, kind v1alpha1.SourceType, settings source.Settings) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.byKey[key]
	if old != nil && old.connection != nil && old.kind == kind && reflect.DeepEqual(old.settings, settings) {
		return false, nil
	}
	driver := e.drivers[kind]
	if driver == nil {
		return false, source.Errorf(source.InvalidQuery, "type: this version of the operator has no driver for %s", kind)
	}
	complete := settings
	complete.Guard, complete.Now = e.guard, e.now
	connection, err := driver(complete)
	if err != nil {
		return false, err
	}
	old.close()
	e.byKey[key] = &endpoint{kind: kind, settings: settings, connection: connection}
	return true, nil
}

// Fail makes every question to a source fail, because it cannot be asked.
func (e *Endpoints) Fail(key string, problem *source.Error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.byKey[key].close()
	e.byKey[key] = &endpoint{problem: problem}
}

// Remove forgets a source.
func (e *Endpoints) Remove(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.byKey[key].close()
	delete(e.byKey, key)
}

// Renew has sources that keep what they were told read it anew.
func (e *Endpoints) Renew() {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, endpoint := range e.byKey {
		if keeps, does := endpoint.connection.(source.Renewer); does {
			keeps.Renew()
		}
	}
}

// close does not wait for what is under way: closing may, and others ask meanwhile.
func (e *endpoint) close() {
	if e != nil && e.connection != nil {
		go e.connection.Close()
	}
}

// Asker asks a source that is looked up each time.
func (e *Endpoints) Asker(key string, question source.Question) source.Asker {
	return &endpointAsker{endpoints: e, key: key, question: question}
}

// endpointAsker prepares its question once for each connection.
type endpointAsker struct {
	endpoints *Endpoints
	key       string
	question  source.Question

	mu       sync.Mutex
	endpoint *endpoint
	asker    source.Asker
}

// Ask asks with the source's present connection.
func (a *endpointAsker) Ask(ctx context.Context) (source.Answer, error) {
	asker, err := a.prepare()
	if err != nil {
		return source.Answer{}, err
	}
	answer, err := asker.Ask(ctx)
	answer.NamesWithheld = a.question.WithholdNames
	return answer, err
}

func (a *endpointAsker) prepare() (source.Asker, error) {
	a.endpoints.mu.RLock()
	found := a.endpoints.byKey[a.key]
	a.endpoints.mu.RUnlock()
	switch {
	case found == nil:
		return nil, source.Errorf(source.NotSetUp, "%s is not set up yet", a.key)
	case found.problem != nil:
		return nil, found.problem
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.endpoint != found {
		asker, err := found.connection.Asker(a.question)
		if err != nil {
			return nil, err
		}
		a.endpoint, a.asker = found, asker
	}
	return a.asker, nil
}
