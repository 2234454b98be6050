// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package awake

import "time"

// sinceBoot is Go's monotonic clock: the time of day beside it has what it slept through.
func sinceBoot() time.Duration { return sinceStart() }
