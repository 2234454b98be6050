// SPDX-License-Identifier: Apache-2.0

package awake

import "time"

var start = time.Now()

// sinceStart is by Go's monotonic clock, which is never set.
func sinceStart() time.Duration { return time.Since(start) }
