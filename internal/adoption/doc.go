// SPDX-License-Identifier: Apache-2.0

// Package adoption decides. Step takes what was observed of one program (its
// objects and the newest measurements) and the time, and returns what their
// statuses should be, which barriers to open, and when to look again. It has no
// client, clock, log or other effect, so the operator, tests and simulations all
// call the same function, and calling it twice changes nothing.
//
// Data flows one way: measurements -> readings (one a metric) -> barriers ->
// phases -> program. Each has its file. What one object decides rests on the
// persisted state of the others, never on what they decide in the same step.
//
// The rule above all others: what is unknown moves nothing, forward or back.
package adoption
