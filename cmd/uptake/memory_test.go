// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"
	"testing"
)

func TestTheLimitOfMemoryFollowsTheContainers(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for _, test := range []struct {
		container, own string
		want           int64
	}{
		{"536870912", "", 483183819},
		{"1073741824", "", 966367638},
		{"1073741824", "400MiB", 0},
		{"", "", 0},
		{"0", "", 0},
		{"512Mi", "", 0},
	} {
		debug.SetMemoryLimit(before)
		t.Setenv(memoryVariable, test.container)
		t.Setenv("GOMEMLIMIT", test.own)
		want := test.want
		if got := limitMemory(); got != want {
			t.Errorf("%q, GOMEMLIMIT %q: %d, want %d", test.container, test.own, got, want)
		}
		if want == 0 {
			want = before
		}
		if got := debug.SetMemoryLimit(-1); got != want {
			t.Errorf("%q, GOMEMLIMIT %q: %d is in force, want %d", test.container, test.own, got, want)
		}
	}
}
