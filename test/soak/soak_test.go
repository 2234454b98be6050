// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bytes"
	"cmp"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

const (
	// present is how many programs there are room for at a time.
	present = 24
	// stepEvery is how often one of them comes, changes or goes.
	stepEvery = 200 * time.Millisecond
	// leastGone have to have come and gone, or there was nothing to leak: a busy machine
	// takes longer for it, up to patience more.
	leastGone = 40
	patience  = 5 * time.Minute
)

// TestNothingGrowsWhileObjectsComeAndGo has an operator work for a crowd of programs,
// phases, barriers and sources that come, change and go all the time, while sources
// fail. Goroutines, open files and the live heap stay as they are.
func TestNothingGrowsWhileObjectsComeAndGo(t *testing.T) {
	lasts, err := time.ParseDuration(cmp.Or(os.Getenv("UPTAKE_SOAK"), "1m"))
	if err != nil {
		t.Fatalf("UPTAKE_SOAK: %v", err)
	}
	server := httptest.NewServer(http.HandlerFunc(faulty))
	t.Cleanup(func() {
		server.CloseClientConnections() // some wait for an answer
		server.Close()
	})
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "soak-"}}
	if err := people.Create(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	crowd := &crowd{t: t, namespace: made.Name, address: server.Listener.Addr().String(), slots: make([]string, present)}
	crowd.apply(reader)
	recorded, ended := start(t, made.Name)

	began, tick := time.Now(), time.NewTicker(stepEvery)
	defer tick.Stop()
	for time.Since(began) < lasts || crowd.gone < leastGone {
		if time.Since(began) > lasts+patience {
			t.Fatalf("within %s only %d programs came and went", time.Since(began), crowd.gone)
		}
		select {
		case <-ended:
			t.Fatal("the operator ended by itself")
		case <-tick.C:
			crowd.step()
		}
	}

	all := samples(t, recorded)
	of := quarters(all)
	t.Logf("in %s %d programs came, with %d changes, and %d went; medians of the quarters, of %d samples:", time.Since(began).Round(time.Second),
		crowd.came, crowd.changed, crowd.gone, len(all))
	for i, one := range of {
		t.Logf("%d: %d goroutines, %d files, %d KB", i+1, one.Goroutines, one.Files, one.KB)
	}
	if len(all) < 20 {
		t.Fatalf("only %d samples", len(all))
	}
	if what := grown(of); what != nil {
		doing, _ := os.ReadFile(recorded + ".goroutines") // as much as there is
		t.Errorf("it grows: %v\n%s", what, doing)
	}
	crowd.worked()
}

// worked tells whether the operator did its work at all: one that does nothing leaks
// nothing.
func (c *crowd) worked() {
	c.t.Helper()
	var events corev1.EventList
	if err := people.List(c.t.Context(), &events, client.InNamespace(c.namespace)); err != nil {
		c.t.Fatal(err)
	}
	told := map[string]int{}
	for _, e := range events.Items {
		told[e.Reason]++
	}
	c.t.Logf("meanwhile it told: %v", told)
	if told[v1alpha1.ReasonStarted] < present || told[v1alpha1.ReasonAccessDenied] != 0 {
		var programs v1alpha1.AdoptionProgramList
		_ = people.List(c.t.Context(), &programs, client.InNamespace(c.namespace)) // as many as there are
		for _, p := range programs.Items {
			c.t.Logf("%s: %s", p.Name, p.Status.Summary)
		}
		c.t.Errorf("that is not the work of an operator for %d programs", c.came)
	}
}

// start starts an operator for a namespace. Its file has what it uses.
func start(t *testing.T, namespace string) (recorded string, ended <-chan struct{}) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	recorded = filepath.Join(t.TempDir(), "usage")
	var said bytes.Buffer
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, childVariable+"="+namespace, usageVariable+"="+recorded)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended is in what it said
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("the operator does not end")
			_ = cmd.Process.Kill()
			<-done
		}
		if t.Failed() {
			t.Logf("the operator said:\n%s", said.String())
		}
	})
	return recorded, done
}
