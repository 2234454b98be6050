// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// longestStatement bounds a statement whose context has no deadline.
const longestStatement = time.Hour

// query implements source.Asker.
type query struct {
	connection *connection
	statement  string
	arguments  []string
}

// Ask implements source.Asker.
func (q *query) Ask(ctx context.Context) (answer source.Answer, err error) {
	w := &wire{guard: q.connection.guard}
	// The drivers trust servers to keep to the protocol, and may panic when one does not.
	defer func() {
		if recover() != nil {
			w.cut()
			answer, err = source.Answer{}, notUnderstood(q.connection.whom)
		}
	}()
	// A driver may wait for a server without looking at the context.
	defer context.AfterFunc(ctx, w.cut)()
	answer, err = q.connection.engine.run(ctx, w, q)
	if err != nil {
		return source.Answer{}, q.connection.failure(ctx, w, err)
	}
	return answer, nil
}

// remaining is how long a statement may take: a little less than the context
// allows, so that the server gives up before it is left alone.
func remaining(ctx context.Context) time.Duration {
	deadline, has := ctx.Deadline()
	if !has {
		return longestStatement
	}
	left := time.Until(deadline) //nolint:forbidigo // a context counts in the machine's time, whatever clock there is
	return min(max(left*9/10, time.Millisecond), longestStatement)
}
