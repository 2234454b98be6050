// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// usage is a program on an API.
const usage = `
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: NAME}
spec:
  type: HTTP
  adHoc: Allowed
  http: {url: "http://ADDRESS"}
  interval: 1s
  timeout: 2s
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: NAME}
spec:
  objective: Everybody uses it
  accountability: {executiveSponsor: CIO, programOwner: platform}
  sourceRef: {name: NAME}
  population: {count: 100}
  metrics:
  - name: used
    dimension: Reach
    rate: {active: {http: {path: /used, value: body.used}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: NAME}
spec:
  programRef: {name: NAME}
  targets: [{metric: used, atLeast: "50%"}]
  gates: [{name: ok}]
`

// api answers with a number.
type api struct {
	number atomic.Int64
}

func (a *api) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"used": %d}`, a.number.Load())
}

// serve serves an API at an address; port 0 is any.
func serve(t *testing.T, address string) (*api, string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("an address of this machine is needed: %v", err)
	}
	a := &api{}
	server := &http.Server{Handler: a, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // until it is closed
	t.Cleanup(func() { _ = server.Close() })
	return a, listener.Addr().String()
}

// uses applies a program on an API.
func (s scene) uses(name, address string) {
	s.t.Helper()
	s.apply(strings.NewReplacer("NAME", name, "ADDRESS", address).Replace(usage))
}

func (s scene) used(name, value string) {
	s.t.Helper()
	program := &v1alpha1.AdoptionProgram{}
	s.eventually(name+" shows "+value, func() bool {
		return people.Get(s.t.Context(), s.key(name), program) == nil && program.Status.Adoption == value
	}, func() string { return program.Status.Adoption + " " + program.Status.Summary })
}

// TestSourcesThatAreHardToReach are a name that nobody knows, a server that has an
// IPv6 address only, and a server that dies without a word while a connection to it is
// kept open. What cannot be asked says so and moves nothing; the others do not notice.
func TestSourcesThatAreHardToReach(t *testing.T) {
	s := begin(t, "1s", 20)
	six, address := serve(t, "[::1]:0")
	six.number.Store(60)
	s.uses("six", address)
	s.uses("nowhere", "nowhere.invalid")
	dies, address := serve(t, "127.0.0.1:0")
	dies.number.Store(60)
	wire := newProxy(t, address)
	s.uses("dies", wire.address())
	run(t, plane.Config, s.namespace, nil)
	s.used("six", "60%")
	s.used("dies", "60%")
	s.reach("Phase six", "Waiting > Active > Holding")
	s.reach("Phase dies", "Waiting > Active > Holding")

	program := &v1alpha1.AdoptionProgram{}
	s.eventually("a name that nobody knows is told", func() bool {
		_ = people.Get(t.Context(), s.key("nowhere"), program) // asked again
		healthy := meta.FindStatusCondition(program.Status.Conditions, v1alpha1.ConditionSourcesHealthy)
		return healthy != nil && healthy.Reason == v1alpha1.ReasonQueryFailing && strings.Contains(healthy.Message, "nowhere.invalid")
	}, func() string { return fmt.Sprint(program.Status.Conditions) })
	if path := s.journal.Path("Phase nowhere"); path != "Waiting > Active" {
		t.Errorf("it went %s", path)
	}

	opened := wire.opened.Load()
	wire.lose() // the pod behind the connection is gone, and a new one has its address
	dies.number.Store(70)
	s.used("dies", "70%")
	if wire.opened.Load() == opened {
		t.Error("nothing was asked on a new connection")
	}
	if path := s.journal.Path("Phase dies"); path != "Waiting > Active > Holding" {
		t.Errorf("it went %s", path)
	}
}
