// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"fmt"
	"runtime"
	"strings"
)

// stack returns the functions that were running, without their arguments.
func stack() string {
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
