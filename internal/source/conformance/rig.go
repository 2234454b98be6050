// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// Rig is a driver with a source that can show every fault.
type Rig struct {
	// Name of the driver, for the table.
	Name string
	// Play makes a source that shows a fault, and a connection to it. Both are closed
	// by t.Cleanup, and leave nothing running.
	Play func(t *testing.T, fault Fault) Case
}

// Case is one fault, ready to be asked about.
type Case struct {
	// Asker is asked under the fault.
	Asker source.Asker
	// Shown says how the fault is shown, such as "HTTP 429 with Retry-After: 120".
	Shown string
	// Begin begins a fault that comes after a good answer (SchemaChange, Rotated).
	Begin func()
	// End ends a fault that passes (Slow, CutOff, TooMany, Broken, RedirectLoop).
	End func()
	// Renewed is the Asker of a new connection with the new credential (Rotated).
	Renewed func() source.Asker
	// RetryAfter is what the source asks for (TooMany); zero where its protocol has
	// no words for that.
	RetryAfter time.Duration
	// Traffic says how many requests the source got, and how many of those with
	// credentials another host got (RedirectLoop).
	Traffic func() (requests, elsewhere int)
	// Secrets are the credentials, old and new.
	Secrets []string
}

// incomplete says what a case lacks to be a proof.
func (c Case) incomplete(fault Fault) string {
	switch {
	case c.Asker == nil:
		return "nothing to ask"
	case c.Shown == "":
		return "not said how it is shown"
	case len(c.Secrets) == 0:
		return "no secrets to look for"
	case fault.comesLater() != (c.Begin != nil):
		return "Begin is for faults that come later, and those only"
	case fault.passes() != (c.End != nil):
		return "End is for faults that pass, and those only"
	case fault == Rotated && c.Renewed == nil:
		return "no new credential"
	case fault == RedirectLoop && c.Traffic == nil:
		return "requests are not counted"
	}
	return ""
}
