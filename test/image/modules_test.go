// SPDX-License-Identifier: Apache-2.0

package image

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// required are the versions of the modules that a go.mod names.
func required(t *testing.T, folder string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir, cmd.Env = filepath.Join(sources, folder), environment()
	versions := map[string]string{}
	for _, module := range decode[struct {
		Require []struct{ Path, Version string }
	}](t, []byte(must(t, cmd))).Require {
		versions[module.Path] = module.Version
	}
	return versions
}

// What only tests need is in a module of its own: whoever judges what is shipped by
// go.mod need not judge it. It must not raise what both need, or the suites would show
// what a build does that nobody gets.
func TestTheSuitesRunOnWhatIsShipped(t *testing.T) {
	shipped, tests := required(t, "."), required(t, "test")
	both := 0
	for module, version := range tests {
		if want, is := shipped[module]; is {
			both++
			if version != want {
				t.Errorf("%s: the suites run on %s, and what is shipped on %s", module, version, want)
			}
		}
	}
	if both < 20 {
		t.Errorf("only %d modules are needed by both", both)
	}
	for _, module := range []string{
		"github.com/fluxcd/cli-utils", "github.com/fluxcd/kustomize-controller/api", "github.com/fluxcd/pkg/runtime",
		"github.com/yuin/gopher-lua", "layeh.com/gopher-json", "sigs.k8s.io/gateway-api",
	} {
		if version := shipped[module]; version != "" {
			t.Errorf("%s %s is for tests, and required by what is shipped", module, version)
		}
	}
}
