// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/utils/clock"

	"github.com/uptake-dev/uptake/internal/source"
)

// Resource is where the objects of a kind are.
type Resource struct {
	schema.GroupVersionResource
	Kind       string
	Namespaced bool
}

// String returns the resource as RBAC names it.
func (r Resource) String() string { return r.GroupResource().String() }

func (r Resource) isNamespaces() bool {
	return r.Group == "" && r.Resource == "namespaces"
}

// namespaces is the one resource that needs no looking up.
var namespaces = Resource{
	GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "namespaces"},
	Kind:                 "Namespace",
}

func parseKind(apiVersion, kind string) (schema.GroupVersionKind, *source.Error) {
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil || gv.Version == "" {
		return schema.GroupVersionKind{}, invalid("apiVersion: write group/version, such as gateway.networking.k8s.io/v1, or v1")
	}
	if kind == "" {
		return schema.GroupVersionKind{}, invalid("kind: say what to count, such as HTTPRoute")
	}
	if gv.Group == "" && slices.Contains([]string{"secret", "secrets", "secretlist"}, strings.ToLower(kind)) {
		return schema.GroupVersionKind{}, noSecrets()
	}
	return gv.WithKind(kind), nil
}

func noSecrets() *source.Error {
	return invalid("kind: Secrets are never counted: count something that is not secret")
}

// lookAgainAfter is how long a kind that was not found is not looked up again, to
// spare the API server; short enough for a new kind to be found at the next poll.
const lookAgainAfter = 3 * time.Second

// mostKinds is how many kinds are remembered before those that are misspelt are not.
const mostKinds = 2_000

// resources looks kinds up and remembers them.
type resources struct {
	client *discovery.DiscoveryClient
	who    account
	clock  clock.PassiveClock

	mu    sync.Mutex
	known map[schema.GroupVersionKind]lookup
}

// lookup is what came of looking a kind up.
type lookup struct {
	resource Resource
	missing  *source.Error // why it cannot be counted; nil: it can
	at       time.Time
}

func newResources(client *discovery.DiscoveryClient, who account, clock clock.PassiveClock) *resources {
	return &resources{client: client, who: who, clock: clock, known: map[schema.GroupVersionKind]lookup{}}
}

// find returns the resource of a kind.
func (r *resources) find(ctx context.Context, gvk schema.GroupVersionKind) (Resource, *source.Error) {
	r.mu.Lock()
	known, found := r.known[gvk]
	r.mu.Unlock()
	if found && (known.missing == nil || r.clock.Since(known.at) < lookAgainAfter) {
		return known.resource, known.missing
	}
	fresh, failure := r.look(ctx, gvk)
	if failure != nil {
		return Resource{}, failure
	}
	return fresh.resource, fresh.missing
}

// forgetFound has a kind looked up anew, because it is not where it was. That one
// was not found lately is remembered, though.
func (r *resources) forgetFound(gvk schema.GroupVersionKind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[gvk].missing == nil {
		delete(r.known, gvk)
	}
}

// remembers reports whether a kind need not be looked up.
func (r *resources) remembers(gvk schema.GroupVersionKind) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.known[gvk]
	return known
}

// look asks the API server for a kind, and remembers what it says.
func (r *resources) look(ctx context.Context, gvk schema.GroupVersionKind) (lookup, *source.Error) {
	list, err := r.client.ServerResourcesForGroupVersionWithContext(ctx, gvk.GroupVersion().String())
	if err != nil && !apierrors.IsNotFound(err) {
		return lookup{}, r.who.requestFailure(err, fmt.Sprintf("look up the kind %s of %s", gvk.Kind, gvk.GroupVersion()))
	}
	found := r.pick(gvk, list)
	if found.missing != nil && found.missing.Class == source.NotServed && found.resource.Kind == "" {
		if others := r.otherVersions(ctx, gvk); others != "" {
			found.missing.Message += "; it serves " + others
		}
	}
	r.remember(gvk, found)
	return found, nil
}

func (r *resources) remember(gvk schema.GroupVersionKind, found lookup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= mostKinds {
		maps.DeleteFunc(r.known, func(_ schema.GroupVersionKind, l lookup) bool { return l.missing != nil })
	}
	r.known[gvk] = found
}

func (r *resources) pick(gvk schema.GroupVersionKind, list *metav1.APIResourceList) lookup {
	result := lookup{at: r.clock.Now()}
	if list == nil {
		result.missing = notServed(gvk, "")
		return result
	}
	nearest := ""
	for _, one := range list.APIResources {
		switch {
		case strings.Contains(one.Name, "/"):
			continue // a subresource
		case one.Kind == gvk.Kind:
			result.resource = Resource{
				GroupVersionResource: gvk.GroupVersion().WithResource(one.Name),
				Kind:                 one.Kind,
				Namespaced:           one.Namespaced,
			}
			result.missing = uncountable(gvk, result.resource, one.Verbs)
			return result
		case isNear(gvk.Kind, one):
			nearest = one.Kind
		}
	}
	result.missing = notServed(gvk, nearest)
	return result
}

func uncountable(gvk schema.GroupVersionKind, resource Resource, verbs metav1.Verbs) *source.Error {
	switch {
	case resource.Group == "" && resource.Resource == "secrets":
		return noSecrets()
	case !slices.Contains(verbs, "list") || !slices.Contains(verbs, "watch"):
		return invalid("kind: %s cannot be listed and watched, and so not counted", resource.Kind)
	case isGoing(verbs):
		return &source.Error{
			Class:   source.NotServed,
			Message: fmt.Sprintf("the kind %s of %s is being removed from the cluster", gvk.Kind, gvk.GroupVersion()),
		}
	}
	return nil
}

// isGoing reports whether a kind is about to vanish. While a CustomResourceDefinition
// is being deleted its objects go first, and for a moment there seem to be none;
// what shows is that they can be deleted but neither created nor changed.
func isGoing(verbs metav1.Verbs) bool {
	can := func(verb string) bool { return slices.Contains(verbs, verb) }
	return can("delete") && !can("create") && !can("update") && !can("patch")
}

// isNear reports whether somebody who wrote kind meant resource.
func isNear(kind string, resource metav1.APIResource) bool {
	return strings.EqualFold(kind, resource.Kind) || strings.EqualFold(kind, resource.Name) ||
		strings.EqualFold(kind, resource.Kind+"List")
}

func notServed(gvk schema.GroupVersionKind, nearest string) *source.Error {
	message := fmt.Sprintf("the cluster does not serve the kind %s of %s", gvk.Kind, gvk.GroupVersion())
	if nearest != "" {
		message += "; it serves " + nearest
	}
	return &source.Error{Class: source.NotServed, Message: message}
}

func invalid(format string, args ...any) *source.Error {
	return &source.Error{Class: source.InvalidQuery, Message: fmt.Sprintf(format, args...)}
}
