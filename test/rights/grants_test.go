// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// right is one thing that may be done: on one object when it has a name, in one
// namespace when it has one.
type right struct{ verb, group, resource, namespace, name string }

// String is the right as people say it: "update phases.uptake.dev/status".
func (r right) String() string {
	text := r.verb + " " + qualified(r.group, r.resource)
	if r.name != "" {
		text += " called " + r.name
	}
	if r.namespace != "" {
		text += " in " + r.namespace
	}
	return text
}

// qualified is a resource with its group, as kubectl writes it.
func qualified(group, resource string) string {
	resource, sub, _ := strings.Cut(resource, "/")
	if group != "" {
		resource += "." + group
	}
	return strings.TrimSuffix(resource+"/"+sub, "/")
}

// allows reports whether a right that was granted is enough for one that is needed. A
// wildcard allows nothing here, and so is reported as a right that nothing used.
func (r right) allows(needed right) bool {
	return r.verb == needed.verb && r.group == needed.group && r.resource == needed.resource &&
		(r.namespace == "" || r.namespace == needed.namespace) && (r.name == "" || r.name == needed.name)
}

// grant is a right with the role that gives it.
type grant struct {
	right
	role string
	// counted: it comes from the inventory.
	counted bool
}

func (g grant) String() string { return g.right.String() + " (" + g.role + ")" }

// grantsOf reads what RBAC gives to a service account, in roles that are bound to it.
func (c *cluster) grantsOf(t *testing.T, account string) []grant {
	t.Helper()
	var grants []grant
	var everywhere rbacv1.ClusterRoleBindingList
	var somewhere rbacv1.RoleBindingList
	for _, list := range []client.ObjectList{&everywhere, &somewhere} {
		if err := c.people.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	for _, binding := range everywhere.Items {
		if binds(binding.Subjects, account) {
			grants = append(grants, c.grantsBy(t, binding.RoleRef, "")...)
		}
	}
	for _, binding := range somewhere.Items {
		if binds(binding.Subjects, account) {
			grants = append(grants, c.grantsBy(t, binding.RoleRef, binding.Namespace)...)
		}
	}
	slices.SortFunc(grants, func(a, b grant) int {
		return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(qualified(a.group, a.resource), qualified(b.group, b.resource)), cmp.Compare(a.verb, b.verb))
	})
	return grants
}

// binds reports whether an account of the release is one of the subjects.
func binds(subjects []rbacv1.Subject, account string) bool {
	return slices.Contains(subjects, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: home, Name: account})
}

// grantsBy reads the rules of a role that is bound, in a namespace or in all.
func (c *cluster) grantsBy(t *testing.T, ref rbacv1.RoleRef, namespace string) []grant {
	t.Helper()
	if ref.Kind == "Role" {
		var role rbacv1.Role
		if err := c.people.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: ref.Name}, &role); err != nil {
			t.Fatal(err)
		}
		return expand(role.Rules, grant{right: right{namespace: namespace}, role: "Role " + ref.Name})
	}
	var role rbacv1.ClusterRole
	if err := c.people.Get(t.Context(), client.ObjectKey{Name: ref.Name}, &role); err != nil {
		t.Fatal(err)
	}
	rules := role.Rules
	if role.AggregationRule != nil {
		rules = c.aggregate(t, &role)
	}
	return expand(rules, grant{right: right{namespace: namespace}, role: "ClusterRole " + ref.Name, counted: role.AggregationRule != nil})
}

// aggregate fills an aggregated role as kube-controller-manager does elsewhere: here
// none runs, since it takes minutes to compile.
func (c *cluster) aggregate(t *testing.T, role *rbacv1.ClusterRole) []rbacv1.PolicyRule {
	t.Helper()
	rules := []rbacv1.PolicyRule{}
	for _, selector := range role.AggregationRule.ClusterRoleSelectors {
		picks, err := metav1.LabelSelectorAsSelector(&selector)
		if err != nil {
			t.Fatal(err)
		}
		var parts rbacv1.ClusterRoleList
		if err := c.people.List(t.Context(), &parts, client.MatchingLabelsSelector{Selector: picks}); err != nil {
			t.Fatal(err)
		}
		for _, part := range parts.Items {
			rules = append(rules, part.Rules...)
		}
	}
	patch, err := json.Marshal(map[string]any{"rules": rules})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.people.Patch(t.Context(), role, client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Fatal(err)
	}
	return rules
}

// expand makes one grant of each verb on each resource of each rule. What is given on
// paths instead of resources stays in sight, as a right that no request needs.
func expand(rules []rbacv1.PolicyRule, of grant) []grant {
	var grants []grant
	add := func(verb, group, resource, name string) {
		g := of
		g.verb, g.group, g.resource, g.name = verb, group, resource, name
		grants = append(grants, g)
	}
	for _, rule := range rules {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, verb := range rule.Verbs {
			for _, path := range rule.NonResourceURLs {
				add(verb, "", path, "")
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, name := range names {
						add(verb, group, resource, name)
					}
				}
			}
		}
	}
	return grants
}

// inForce waits until the API server grants what the roles say: it reads them with a
// delay, and an operator that starts meanwhile is refused what it may do.
func (c *cluster) inForce(t *testing.T, user string, grants []grant) {
	t.Helper()
	for _, g := range grants {
		resource, sub, _ := strings.Cut(g.resource, "/")
		eventually(t, "the right to "+g.String()+" is in force", func() error {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User:   user,
				Groups: groups(),
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Verb: g.verb, Group: g.group, Resource: resource, Subresource: sub, Namespace: g.namespace, Name: g.name,
				},
			}}
			if err := c.people.Create(t.Context(), review); err != nil {
				return err
			}
			if !review.Status.Allowed {
				return fmt.Errorf("not yet: %s", review.Status.Reason)
			}
			return nil
		})
	}
}
