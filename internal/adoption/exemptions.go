// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// When an exemption ends, a rate falls although nobody stopped: that is told before it
// happens, and when it has.
const (
	exemptionNotice = 14 * day
	exemptionEcho   = 7 * day
)

// ending is an exemption that ends, or has ended.
type ending struct {
	segment, text string
	count         int64
	at            time.Time
}

// exemptionsEnd says which exemptions are about to end; those that have just ended come
// first, as somebody may be looking for the reason of a fall.
func (p *programStep) exemptionsEnd() (reason, message string) {
	var expired, expiring []ending
	for _, seg := range p.program.Spec.Segments {
		for _, e := range seg.Exemptions {
			at, err := p.calendar.parseEnd(e.Expires)
			if e.Expires == "" || err != nil {
				continue
			}
			for _, moment := range []time.Time{at.Add(-exemptionNotice), at, at.Add(exemptionEcho)} {
				p.agenda.at(moment)
			}
			end := ending{string(seg.Name), string(e.Expires), e.Count, at}
			switch {
			case p.now.Before(at.Add(-exemptionNotice)) || !p.now.Before(at.Add(exemptionEcho)):
			case p.now.Before(at):
				expiring = append(expiring, end)
			default:
				expired = append(expired, end)
			}
		}
	}
	switch {
	case len(expired) > 0:
		return v1alpha1.ReasonExemptionsExpired, endings(expired, "Exemptions have ended, and those count as eligible again")
	case len(expiring) > 0:
		return v1alpha1.ReasonExemptionsExpiring, endings(expiring, "Exemptions end, and those will count as eligible again")
	default:
		return "", ""
	}
}

func endings(list []ending, what string) string {
	slices.SortStableFunc(list, func(a, b ending) int { return a.at.Compare(b.at) })
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = fmt.Sprintf("%d of %s on %s", e.count, nameInText(e.segment), e.text)
	}
	text := strings.Join(texts[:min(len(texts), 5)], ", ")
	if more := len(texts) - 5; more > 0 {
		text += fmt.Sprintf(", +%d", more)
	}
	return what + ": " + text + "."
}
