// SPDX-License-Identifier: Apache-2.0

package poll

// Distrust forgets every answer, those to the requests under way among them, and has
// everything asked anew, soon but not all at once. It is for a process that did not
// run for a while: nobody knows how old its answers are. To consumers it is as if
// nothing had been asked yet; what failed still fails, which decides nothing either.
func (s *Scheduler) Distrust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	for _, q := range s.queries {
		if q.measurement.Err == nil {
			q.measurement = Measurement{}
		}
		switch {
		case q.running:
			q.suspect, q.again = true, true
			q.cancel()
		case s.begin != nil && !q.queued:
			s.agenda.setEarlier(&q.alarm, s.firstDue(q, now))
		}
	}
	s.reschedule()
}
