// SPDX-License-Identifier: Apache-2.0

package source

import "context"

// Pacer keeps the requests of one poll apart: what a source asks for between two
// requests holds between pages and files, too.
type Pacer interface {
	// Begin waits until the next request may be sent. The context it returns ends with
	// the time that is left for requests, in which waiting is not counted; end is
	// called when the answer has been read.
	Begin(ctx context.Context) (request context.Context, end func(), failure *Error)
}

type pacerKey struct{}

// WithPacer returns a context whose requests are kept apart.
func WithPacer(ctx context.Context, pacer Pacer) context.Context {
	return context.WithValue(ctx, pacerKey{}, pacer)
}

// BeginRequest is called by drivers before each request, if a poll may need several.
func BeginRequest(ctx context.Context) (request context.Context, end func(), failure *Error) {
	if pacer, is := ctx.Value(pacerKey{}).(Pacer); is {
		return pacer.Begin(ctx)
	}
	return ctx, func() {}, nil
}
