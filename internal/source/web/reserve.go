// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"

	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/budget"
)

// Reserve waits until the body may be decoded from JSON, and returns what is called
// once nothing of it is used any more.
func (r *Response) Reserve(ctx context.Context) (release func(), failure *source.Error) {
	return r.reserve(ctx, budget.ForAnswer)
}

// ReserveFile does the same for a file, while the answer that links to it is held.
func (r *Response) ReserveFile(ctx context.Context) (release func(), failure *source.Error) {
	return r.reserve(ctx, budget.ForFile)
}

func (r *Response) reserve(ctx context.Context, take func(context.Context, int64) (func(), bool, error)) (func(), *source.Error) {
	release, fits, err := take(ctx, budget.OfJSON(r.Body))
	switch {
	case err != nil:
		return nil, source.Errorf(source.NotSetUp, "the operator reads too many large answers at once: ask for less, or less often")
	case !fits:
		return nil, source.Errorf(source.BadAnswer, "%s answered with too many values for so much text: decoded they would take more than %d MiB; ask for less", r.URL.Host, budget.Most>>20)
	}
	return release, nil
}
