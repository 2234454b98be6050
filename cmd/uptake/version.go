// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and commit are stamped by the build.
var version, commit string

// built says which build this is. Without a stamp, as after go install, it is what
// Go itself recorded.
func built() string {
	var module, revision string
	if info, ok := debug.ReadBuildInfo(); ok {
		module = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = setting.Value
			}
		}
	}
	return fmt.Sprintf("%s (commit %s, %s)",
		cmp.Or(version, module, "development"), cmp.Or(commit, revision, "unknown"), runtime.Version())
}
