// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"sync"

	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/prometheus"
)

// Endpoints holds one client for each source, made by the source's reconciler
// with credentials that programs never see. Askers find it when they ask, so a
// rotated credential or a new address needs no new plan.
type Endpoints struct {
	mu    sync.RWMutex
	byKey map[string]*endpoint
}

type endpoint struct {
	config  prometheus.Config
	client  *prometheus.Client
	problem *source.Error
}

// NewEndpoints returns an empty set.
func NewEndpoints() *Endpoints { return &Endpoints{byKey: map[string]*endpoint{}} }

// Set gives a source its client; one with the same settings stays, with its
// connections. It says whether anything changed.
func (e *Endpoints) Set(key string, config prometheus.Config) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.byKey[key]
	if old != nil && old.client != nil && sameConfig(old.config, config) {
		return false, nil
	}
	client, err := prometheus.New(config)
	if err != nil {
		return false, err
	}
	old.close()
	e.byKey[key] = &endpoint{config: config, client: client}
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

func (e *endpoint) close() {
	if e != nil && e.client != nil {
		e.client.Close()
	}
}

func sameConfig(a, b prometheus.Config) bool {
	ca := bytes.Equal(a.CA, b.CA)
	return ca && a.URL == b.URL && a.Username == b.Username && a.Password == b.Password && a.Token == b.Token
}

// Asker asks a source that is looked up each time.
func (e *Endpoints) Asker(key, expr, label string) source.Asker {
	return endpointAsker{e, key, expr, label}
}

type endpointAsker struct {
	endpoints        *Endpoints
	key, expr, label string
}

// Ask asks with the source's present client.
func (a endpointAsker) Ask(ctx context.Context) (source.Answer, error) {
	a.endpoints.mu.RLock()
	found := a.endpoints.byKey[a.key]
	a.endpoints.mu.RUnlock()
	switch {
	case found == nil:
		return source.Answer{}, &source.Error{Class: source.Unavailable, Message: a.key + " is not set up yet"}
	case found.problem != nil:
		return source.Answer{}, found.problem
	}
	return found.client.Query(a.expr, a.label).Ask(ctx)
}
