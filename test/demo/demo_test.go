// SPDX-License-Identifier: Apache-2.0

// Package demo plays the demo's story with an operator that is killed with
// SIGKILL at random moments, and judges it from what a watcher saw.
package demo

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/uptake-dev/uptake/internal/demo"
)

func TestTheStoryHappensDespiteSIGKILLAtRandomMoments(t *testing.T) {
	log.SetLogger(logr.Discard())
	operator := filepath.Join(t.TempDir(), "uptake")
	if out, err := exec.CommandContext(t.Context(), "go", "-C", "../..", "build", "-o", operator, "./cmd/uptake").CombinedOutput(); err != nil {
		t.Fatalf("building the operator: %v\n%s", err, out)
	}
	var told bytes.Buffer
	err := demo.Run(t.Context(), demo.Options{
		Command: []string{
			operator, "operator", "--leader-elect=false", "--display-every=1s", "--min-interval=1s",
			"--metrics-bind-address=0", "--health-probe-bind-address=0",
		},
		KillEvery: 3 * time.Second, Folder: t.TempDir(), Out: &told,
	})
	if err != nil {
		t.Errorf("%v\n%s", err, &told)
	}
}
