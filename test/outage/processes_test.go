// SPDX-License-Identifier: Apache-2.0

package outage

import (
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/uptake-dev/uptake/test/internal/processtest"
)

// process is a program of the control plane, which is killed, started again with
// the same arguments and data, and stopped for a while without its connections
// being closed.
type process struct {
	arguments []string
	pid       int
	again     *exec.Cmd // nil while it is the one that the control plane started
}

// processOf finds a program that this process has started.
func processOf(t *testing.T, program string) *process {
	t.Helper()
	found := processtest.TheChild(t, program, func([]string) bool { return true })
	p := &process{arguments: found.Arguments, pid: found.PID}
	t.Cleanup(func() {
		if p.again != nil {
			p.kill(t)
		}
	})
	return p
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(p.pid, s); err != nil {
		t.Fatalf("%s: %v", filepath.Base(p.arguments[0]), err)
	}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGKILL)
	if p.again != nil {
		_ = p.again.Wait() // killed, as it says
	}
}

func (p *process) start(t *testing.T) {
	t.Helper()
	p.again = exec.Command(p.arguments[0], slices.Clone(p.arguments[1:])...)
	if err := p.again.Start(); err != nil {
		t.Fatal(err)
	}
	p.pid = p.again.Process.Pid
}
