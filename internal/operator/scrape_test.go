// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// anAPIServer knows the tokens good and poor, of which the first may scrape.
type anAPIServer struct {
	away    atomic.Bool
	reviews atomic.Int32
}

func (a *anAPIServer) gatekeeper() *gatekeeper {
	client := fake.NewClientset()
	client.PrependReactor("create", "tokenreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		a.reviews.Add(1)
		if a.away.Load() {
			return true, nil, errors.New("away")
		}
		review := action.(clienttesting.CreateAction).GetObject().(*authenticationv1.TokenReview).DeepCopy()
		review.Status.Authenticated = review.Spec.Token == "good" || review.Spec.Token == "poor"
		review.Status.User.Username = review.Spec.Token
		return true, review, nil
	})
	client.PrependReactor("create", "subjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview).DeepCopy()
		at := review.Spec.NonResourceAttributes
		review.Status.Allowed = review.Spec.User == "good" && at.Verb == "get" && at.Path == "/metrics"
		return true, review, nil
	})
	return newGatekeeper(client.AuthenticationV1().TokenReviews(), client.AuthorizationV1().SubjectAccessReviews())
}

func scrape(g *gatekeeper, method, path, authorization string) *http.Response {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	g.before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("uptake_programs 1")) })).ServeHTTP(w, r)
	return w.Result()
}

func TestMetricsAreForWhoMayGetThem(t *testing.T) {
	g := (&anAPIServer{}).gatekeeper()
	for _, test := range []struct {
		method, path, authorization string
		want                        int
	}{
		{"GET", "/metrics", "", 401},
		{"GET", "/metrics", "Bearer ", 401},
		{"GET", "/metrics", "Basic Z29vZDo=", 401},
		{"GET", "/metrics", "good", 401},
		{"GET", "/metrics", "Bearer bad", 401},
		{"GET", "/metrics", "Bearer " + strings.Repeat("x", longestToken+1), 401},
		{"GET", "/metrics", "Bearer poor", 403},
		{"GET", "/metrics", "Bearer good", 200},
		{"GET", "/metrics", "bearer good", 200},
		{"POST", "/metrics", "Bearer good", 403},
		{"GET", "/debug/pprof/", "Bearer good", 403},
	} {
		for range 2 { // the second time as it is remembered
			if got := scrape(g, test.method, test.path, test.authorization).StatusCode; got != test.want {
				t.Errorf("%s %s %.20s: %d, want %d", test.method, test.path, test.authorization, got, test.want)
			}
		}
	}
}

func TestAVerdictIsRememberedForAWhile(t *testing.T) {
	a := &anAPIServer{}
	g := a.gatekeeper()
	now := time.Now()
	g.now = func() time.Time { return now }
	for range 5 {
		scrape(g, "GET", "/metrics", "Bearer good")
	}
	if n := a.reviews.Load(); n != 1 {
		t.Errorf("%d reviews of one token", n)
	}
	a.away.Store(true)
	now = now.Add(allowedFor - time.Second)
	if got := scrape(g, "GET", "/metrics", "Bearer good").StatusCode; got != 200 {
		t.Errorf("what is remembered says %d", got)
	}
	now = now.Add(2 * time.Second)
	if got := scrape(g, "GET", "/metrics", "Bearer good").StatusCode; got != 503 {
		t.Errorf("without an API server it is %d", got)
	}
	a.away.Store(false)
	if got := scrape(g, "GET", "/metrics", "Bearer good").StatusCode; got != 200 {
		t.Errorf("that it was away is remembered: %d", got)
	}
	for i := range 1000 {
		scrape(g, "GET", "/metrics", fmt.Sprintf("Bearer made-up-%d", i))
	}
	if len(g.verdicts) > mostVerdicts {
		t.Errorf("%d verdicts are kept", len(g.verdicts))
	}
	if got := scrape(g, "GET", "/metrics", "Bearer good").StatusCode; got != 200 {
		t.Errorf("among tokens that are made up the right one is %d", got)
	}
}
