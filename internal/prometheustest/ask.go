// SPDX-License-Identifier: Apache-2.0

package prometheustest

import (
	"context"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// Ask asks once the server is ready, which takes a moment, and gives what is wrong
// with the question. An answer that is empty is fine: nothing is scraped.
func Ask(ctx context.Context, connection source.Connection, question source.Question) *source.Error {
	asker, err := connection.Asker(question)
	if err != nil {
		return source.AsError(err)
	}
	for range 100 {
		once, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err = asker.Ask(once)
		cancel()
		if err == nil {
			return nil
		}
		if failure := source.AsError(err); failure.Class != source.Unavailable && failure.Class != source.Throttled {
			return failure
		}
		time.Sleep(100 * time.Millisecond)
	}
	return source.AsError(err)
}
