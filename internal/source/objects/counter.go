// SPDX-License-Identifier: Apache-2.0

// Package objects counts Kubernetes objects. Each kind that is counted is watched
// once, however many queries count it, and a count is answered from memory: as it
// is right now, or with an error when the watch cannot vouch for it.
package objects

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/uptake-dev/uptake/internal/source"
)

const (
	// defaultIdle is longer than the usual interval of polls with their longest
	// backoff, so that a watch in use is not stopped between two of them.
	defaultIdle = 20 * time.Minute
	// sweepEvery is how often watches are looked through for idle ones.
	sweepEvery = time.Minute
)

// Options are what a Counter can be told. The zero value is useful.
type Options struct {
	// Clock is the clock; default: the real one.
	Clock clock.WithTicker
	// Idle is how long after its last use a watch is stopped; default: 20 minutes.
	Idle time.Duration
	// MostBytes bounds what is read of the list of a kind; default: 256 MiB.
	MostBytes int64
}

// Counter watches what is counted. It is safe for concurrent use.
type Counter struct {
	clock     clock.WithTicker
	who       account
	idle      time.Duration
	most      int64
	resources *resources
	metadata  metadata.Interface
	dynamic   dynamic.Interface
	http      *http.Client

	mu      sync.Mutex
	closed  bool
	watches map[watchKey]*watch
	// replaced are those in whose place there is one that keeps more.
	replaced []*watch
	running  sync.WaitGroup
}

// watchKey tells apart what is watched: metadata only, or what conditions look at.
type watchKey struct {
	resource Resource
	whole    bool
}

// New returns a Counter for the operator's own cluster. Nothing is asked yet.
func New(config *rest.Config, options Options) (*Counter, error) {
	return newCounter(config, operator, options)
}

func newCounter(config *rest.Config, who account, options Options) (*Counter, error) {
	httpClient, err := HTTPClient(config)
	if err != nil {
		return nil, fmt.Errorf("making a client for counting objects: %w", err)
	}
	discoveryClient, err := discovery.NewDiscoveryClientForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("making a discovery client for counting objects: %w", err)
	}
	metadataClient, err := metadata.NewForConfigAndClient(metadata.ConfigFor(config), httpClient)
	if err != nil {
		return nil, fmt.Errorf("making a metadata client for counting objects: %w", err)
	}
	dynamicClient, err := dynamic.NewForConfigAndClient(dynamic.ConfigFor(config), httpClient)
	if err != nil {
		return nil, fmt.Errorf("making a dynamic client for counting objects: %w", err)
	}
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	if options.Idle == 0 {
		options.Idle = defaultIdle
	}
	if options.MostBytes == 0 {
		options.MostBytes = defaultBytes
	}
	return &Counter{
		clock:     options.Clock,
		who:       who,
		idle:      options.Idle,
		most:      options.MostBytes,
		resources: newResources(discoveryClient, who, options.Clock),
		metadata:  metadataClient,
		dynamic:   dynamicClient,
		http:      httpClient,
		watches:   map[watchKey]*watch{},
	}, nil
}

// NeedLeaderElection reports whether only the leader, which polls, has watches.
func (c *Counter) NeedLeaderElection() bool { return true }

// Start stops watches that nobody has used for a while, until the context ends,
// and then all of them.
func (c *Counter) Start(ctx context.Context) error {
	defer c.Close()
	ticker := c.clock.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			c.stopIdle()
		}
	}
}

// Close stops every watch and waits until they have ended. What is asked
// afterwards fails.
func (c *Counter) Close() {
	c.mu.Lock()
	c.closed = true
	c.stopAll()
	c.mu.Unlock()
	c.running.Wait()
	c.http.CloseIdleConnections()
}

// Renew has everything that is counted read anew, before it is counted again: a
// process that did not run for a while has not followed what happened.
func (c *Counter) Renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopAll()
}

func (c *Counter) stopAll() {
	c.stopReplaced(0)
	for key, w := range c.watches {
		w.stop()
		delete(c.watches, key)
	}
}

// ResourceFor finds the resource of a kind, such as for an access review. The
// error is a *source.Error.
func (c *Counter) ResourceFor(ctx context.Context, apiVersion, kind string) (Resource, error) {
	gvk, failure := parseKind(apiVersion, kind)
	if failure != nil {
		return Resource{}, failure
	}
	resource, failure := c.resources.find(ctx, gvk)
	if failure != nil {
		return Resource{}, failure
	}
	return resource, nil
}

func (c *Counter) stopIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, w := range c.watches {
		if c.isIdle(w) {
			w.stop()
			delete(c.watches, key)
		}
	}
	c.stopReplaced(sweepEvery)
}

// stopReplaced stops those that nobody has been given for a while.
func (c *Counter) stopReplaced(after time.Duration) {
	c.replaced = slices.DeleteFunc(c.replaced, func(w *watch) bool {
		isOver := c.clock.Since(w.used) >= after
		if isOver {
			w.stop()
		}
		return isOver
	})
}

func (c *Counter) isIdle(w *watch) bool { return c.clock.Since(w.used) > c.idle }

// watchOf returns the watch of a resource and begins it if need be. When objects are
// watched for conditions anyway, a query for metadata uses that watch.
func (c *Counter) watchOf(resource Resource, condition *where) (*watch, *source.Error) {
	whole := condition != nil
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, &source.Error{Class: source.Unavailable, Message: "counting has ended"}
	}
	if !whole {
		w, running := c.watches[watchKey{resource, true}]
		if running && !c.isIdle(w) && w.health.fresh() {
			return w, nil
		}
	}
	key := watchKey{resource, whole}
	w, running := c.watches[key]
	switch {
	case !running && !whole:
		w = c.begin(key, nil)
	case !running:
		w = c.begin(key, condition.fields)
	case whole && !w.store.fields.cover(condition.fields):
		c.replaced = append(c.replaced, w) // others are still waiting for it
		w = c.begin(key, w.store.fields.with(condition.fields))
	}
	w.used = c.clock.Now()
	return w, nil
}

func (c *Counter) begin(key watchKey, fields fields) *watch {
	w := c.newWatch(key.resource, key.whole, fields)
	c.watches[key] = w
	c.running.Go(w.run)
	return w
}

// forget stops a watch of something that is not served any more, so that the
// next query looks anew.
func (c *Counter) forget(w *watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.stop()
	if key := (watchKey{w.resource, w.whole}); c.watches[key] == w {
		delete(c.watches, key)
	}
}
