// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// startOperator runs the operator as a process of its own, as it would be in a
// cluster, and starts it again when it ends.
func startOperator(ctx context.Context, options Options) (stop func(), err error) {
	if len(options.Command) == 0 {
		return func() {}, nil
	}
	log, err := os.Create(filepath.Join(options.Folder, "operator.log"))
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() {
		defer log.Close()
		for running.Err() == nil {
			if err := runOnce(running, options, log); err != nil && running.Err() == nil {
				fmt.Fprintln(log, "the operator ended:", err)
				time.Sleep(200 * time.Millisecond)
			}
		}
	})
	return func() { cancel(); ended.Wait() }, nil
}

// runOnce runs one process until it ends, is killed, or the context ends.
func runOnce(ctx context.Context, options Options, log *os.File) error {
	cmd := exec.CommandContext(ctx, options.Command[0], options.Command[1:]...) //nolint:gosec // the command is the demo's own
	cmd.Env = append(os.Environ(), "KUBECONFIG="+options.Kubeconfig)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	if options.KillEvery > 0 {
		mean := float64(options.KillEvery)
		after := time.Duration(mean * (0.2 + 1.6*rand.Float64()))         //nolint:gosec // chance, not secrecy
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended already
		defer timer.Stop()
	}
	return cmd.Wait()
}
