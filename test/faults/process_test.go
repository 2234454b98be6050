// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/test/internal/processtest"
)

// process is an operator in a process of its own, which can be stopped.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   *processtest.Output
	ended chan struct{}
}

// start starts an operator for a namespace.
func start(t *testing.T, namespace string, elect bool, environment ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self), log: &processtest.Output{}, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, childVariable+"="+namespace)
	p.cmd.Env = append(p.cmd.Env, environment...)
	if elect {
		p.cmd.Env = append(p.cmd.Env, electVariable+"=1")
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ended is in its output
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
		if t.Failed() {
			t.Logf("the operator with the process id %d printed:\n%s", p.cmd.Process.Pid, p.log)
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits until the process has ended, and says how long that took.
func (p *process) ends() time.Duration {
	p.t.Helper()
	began := time.Now()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("the operator still runs after %s", patience)
	}
	return time.Since(began)
}
