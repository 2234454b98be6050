// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// otherVersions returns the versions of a group that have a kind, for whoever wrote
// one that has not: "Deployment of apps/v1". What cannot be found out is left out: it
// is help, and no answer.
func (r *resources) otherVersions(ctx context.Context, gvk schema.GroupVersionKind) string {
	groups, err := r.client.ServerGroupsWithContext(ctx)
	if err != nil {
		return ""
	}
	var served []string
	for _, group := range groups.Groups {
		if group.Name != gvk.Group {
			continue
		}
		for _, version := range group.Versions {
			if version.GroupVersion != gvk.GroupVersion().String() && r.serves(ctx, version.GroupVersion, gvk.Kind) {
				served = append(served, version.GroupVersion)
			}
		}
	}
	if len(served) == 0 {
		return ""
	}
	slices.Sort(served)
	return gvk.Kind + " of " + strings.Join(served, " and ")
}

func (r *resources) serves(ctx context.Context, groupVersion, kind string) bool {
	list, err := r.client.ServerResourcesForGroupVersionWithContext(ctx, groupVersion)
	if err != nil {
		return false
	}
	for _, one := range list.APIResources {
		if one.Kind == kind && !strings.Contains(one.Name, "/") {
			return true
		}
	}
	return false
}
