// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime/debug"
	"strconv"
)

// memoryVariable holds the container's limit in bytes. A Deployment fills it from the
// limit itself, so it follows whatever that is changed to.
const memoryVariable = "UPTAKE_MEMORY_LIMIT"

// limitMemory has Go collect garbage in time, rather than be killed: the limit of the
// heap is nine tenths of the container's. GOMEMLIMIT wins, which Go has read itself.
// It returns the limit, and 0 when it sets none.
func limitMemory() int64 {
	bytes, err := strconv.ParseInt(os.Getenv(memoryVariable), 10, 64)
	if err != nil || bytes <= 0 || os.Getenv("GOMEMLIMIT") != "" {
		return 0
	}
	limit := bytes / 10 * 9
	debug.SetMemoryLimit(limit)
	return limit
}
