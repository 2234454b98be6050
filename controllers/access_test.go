// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source/objects"
)

// rights answers reviews; reviews of a real server are in the tests of the operator.
type rights struct {
	client.Client
	granted bool
	asked   int
}

func (r *rights) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	r.asked++
	o.(*authorizationv1.SubjectAccessReview).Status.Allowed = r.granted
	return nil
}

func (r *rights) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return nil
}

// services is a cluster that has Services.
type services struct{ ObjectCounter }

func (services) ResourceFor(context.Context, string, string) (objects.Resource, error) {
	return objects.Resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "services"}, Kind: "Service", Namespaced: true}, nil
}

// A clock that stands still while the machine sleeps does not tell that rights are old.
func TestRightsThatWereCheckedBeforeAPauseAreCheckedAgain(t *testing.T) {
	cluster, clock := &rights{granted: true}, testingclock.NewFakeClock(time.Now())
	access := &Access{Client: cluster, Objects: services{}, Clock: clock}
	program := &v1alpha1.AdoptionProgram{Spec: v1alpha1.AdoptionProgramSpec{ServiceAccountName: "default"}}
	program.Namespace = "team"
	check := func(step string, allowed bool, asked int) {
		t.Helper()
		_, denied := access.Check(t.Context(), program, &v1alpha1.ObjectsQuery{APIVersion: "v1", Kind: "Service"})
		if (denied == nil) != allowed || cluster.asked != asked {
			t.Errorf("%s: denied with %+v after %d reviews", step, denied, cluster.asked)
		}
		if denied != nil && !strings.Contains(denied.Message, "may not count services") {
			t.Errorf("%s: %s", step, denied.Message)
		}
	}
	check("at first", true, 1)
	cluster.granted = false
	check("a moment later", true, 1)
	access.Renew()
	check("after a pause", false, 2)

	planner := &Planner{Access: access, plans: map[client.ObjectKey]*plan{{Name: "a"}: {expires: clock.Now().Add(planFor), queries: map[string]plannedQuery{"": {}}}}}
	planner.Clock = clock
	planner.Renew()
	if again := planner.Recheck(client.ObjectKey{Name: "a"}); again > time.Second {
		t.Errorf("its plan is made again after %v", again)
	}
}
