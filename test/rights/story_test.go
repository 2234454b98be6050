// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"path/filepath"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/demo"
)

// playStory plays the demo with an operator that has the rights of the release, and
// returns the operator's log. The people of the story may do anything.
func (c *cluster) playStory(t *testing.T, operator installed) (log string) {
	t.Helper()
	var told bytes.Buffer
	folder := t.TempDir()
	log = filepath.Join(folder, "operator.log")
	err := demo.Run(t.Context(), demo.Options{
		Config: c.plane.Config, Kubeconfig: c.kubeconfig, Command: operator.command, Folder: folder, Out: &told,
	})
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, &told, readFile(t, log))
	}
	return log
}

// endStory takes the program of the story away, which counts objects.
func (c *cluster) endStory(t *testing.T) {
	t.Helper()
	for _, kind := range []client.Object{&v1alpha1.AdoptionProgram{}, &v1alpha1.Phase{}, &v1alpha1.Barrier{}} {
		if err := c.people.DeleteAllOf(t.Context(), kind, client.InNamespace(demo.Namespace)); err != nil {
			t.Fatal(err)
		}
	}
}
