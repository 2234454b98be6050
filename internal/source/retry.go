// SPDX-License-Identifier: Apache-2.0

package source

import (
	"net/http"
	"strconv"
	"time"
)

// LongestWait bounds what a Retry-After may ask for.
const LongestWait = time.Hour

// RetryAfter returns what the header Retry-After asks for, and whether it asks. A
// date is compared with the server's own clock, not with this one.
func RetryAfter(headers http.Header) (time.Duration, bool) {
	header := headers.Get("Retry-After")
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, LongestWait), true
	}
	until, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(headers.Get("Date"))
	if err != nil {
		return 0, true
	}
	return min(max(until.Sub(now), 0), LongestWait), true
}
