// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"github.com/go-logr/logr"
)

// mostVerbose is the highest level that is logged. From the eighth on the client
// library writes whole answers of the API server, Secrets among them.
const mostVerbose = 6

// Bounded returns a logger that logs nothing above mostVerbose, whatever it is
// set to.
func Bounded(log logr.Logger) logr.Logger {
	if log.GetSink() == nil {
		return log
	}
	return log.WithSink(boundedSink{log.GetSink()})
}

type boundedSink struct{ logr.LogSink }

// Enabled implements logr.LogSink.
func (s boundedSink) Enabled(level int) bool { return level <= mostVerbose && s.LogSink.Enabled(level) }

// WithValues implements logr.LogSink.
func (s boundedSink) WithValues(values ...any) logr.LogSink {
	return boundedSink{s.LogSink.WithValues(values...)}
}

// WithName implements logr.LogSink.
func (s boundedSink) WithName(name string) logr.LogSink { return boundedSink{s.LogSink.WithName(name)} }

// WithCallDepth implements logr.CallDepthLogSink.
func (s boundedSink) WithCallDepth(depth int) logr.LogSink {
	if deeper, can := s.LogSink.(logr.CallDepthLogSink); can {
		return boundedSink{deeper.WithCallDepth(depth)}
	}
	return s
}
