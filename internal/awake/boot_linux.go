// SPDX-License-Identifier: Apache-2.0

package awake

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is how long ago the machine was started, its sleep included. Go's own
// monotonic clock stands still while a machine is suspended.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return sinceStart()
	}
	return time.Duration(t.Nano())
}
