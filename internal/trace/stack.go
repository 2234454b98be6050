// SPDX-License-Identifier: Apache-2.0

// Package trace tells where a panic happened, and not what it panicked with: that may
// hold anything, credentials included.
package trace

import (
	"fmt"
	"runtime"
	"strings"
)

// Stack returns the functions that were running when a deferred function that recovers
// calls it, without their arguments.
func Stack() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	var lines []string
	for {
		frame, more := frames.Next()
		lines = append(lines, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
		if !more {
			return strings.Join(lines, " < ")
		}
	}
}
