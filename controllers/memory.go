// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/adoption"
)

// memory is what this process knows of the objects of one key that the cache
// does not say. Losing it costs a few reads and nothing else.
type memory struct {
	// written holds the versions that this process wrote, until the cache has
	// them: deciding on an older one would only meet a conflict.
	written map[types.UID]string
	// announced holds the events that have been created.
	announced map[types.UID]map[string]bool
}

// memories holds one memory a key. A key is reconciled by one worker at a time, so
// only the map itself is locked.
type memories struct {
	mu    sync.Mutex
	byKey map[types.NamespacedName]*memory
}

func newMemories() *memories { return &memories{byKey: map[types.NamespacedName]*memory{}} }

func (m *memories) of(key types.NamespacedName) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byKey[key] == nil {
		m.byKey[key] = &memory{written: map[types.UID]string{}, announced: map[types.UID]map[string]bool{}}
	}
	return m.byKey[key]
}

func (m *memories) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byKey, key)
}

// keep drops what is known of objects that are gone.
func (m *memory) keep(objects []client.Object) {
	there := make(map[types.UID]bool, len(objects))
	for _, o := range objects {
		there[o.GetUID()] = true
	}
	for uid := range m.announced {
		if !there[uid] {
			delete(m.announced, uid)
		}
	}
	for uid := range m.written {
		if !there[uid] {
			delete(m.written, uid)
		}
	}
}

// cacheLags reports whether this process wrote something that the objects do not show.
func (m *memory) cacheLags(objects []client.Object) bool {
	lags := false
	for _, o := range objects {
		version, ok := m.written[o.GetUID()]
		if !ok {
			continue
		}
		if c, err := resourceversion.CompareResourceVersion(o.GetResourceVersion(), version); err == nil && c < 0 {
			lags = true
			continue
		}
		delete(m.written, o.GetUID())
	}
	return lags
}

func objectsOf(s adoption.Snapshot) []client.Object {
	var objects []client.Object
	if s.Program != nil {
		objects = append(objects, s.Program)
	}
	for _, p := range s.Phases {
		objects = append(objects, p)
	}
	for _, b := range s.Barriers {
		objects = append(objects, b)
	}
	return objects
}
