// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"testing"

	"github.com/uptake-dev/uptake/internal/manifest"
)

func TestReadLeavesOutWhatIsEmpty(t *testing.T) {
	objects, err := manifest.Read([]byte("# nothing\n---\nkind: A\n---\n---\nkind: B\n# the end\n---\n"))
	if err != nil || len(objects) != 2 || objects[0].GetKind() != "A" || objects[1].GetKind() != "B" {
		t.Fatalf("%v, %v", objects, err)
	}
	if _, err := manifest.Read([]byte("kind: A\n---\nkind: [B\n")); err == nil {
		t.Error("what cannot be read is taken")
	}
}
