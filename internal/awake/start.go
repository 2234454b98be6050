// SPDX-License-Identifier: Apache-2.0

package awake

import "time"

var start = time.Now() //nolint:forbidigo // what time is told from

// sinceStart is by Go's monotonic clock, which is never set.
func sinceStart() time.Duration { return time.Since(start) } //nolint:forbidigo // this is a clock
