// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// of returns a poll of a source of its own, for a tenant.
func (a *aSource) of(tenant, sourceKey, key string, interval time.Duration) Poll {
	p := a.poll(key, interval)
	p.Tenant, p.Source.Key = tenant, sourceKey
	return p
}

func TestOneTenantHasOnlySoManyRequestsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aStoppedScheduler(t)
		s.tenants = newTenants(8)
		s.begin()
		hangs, good := &aSource{takes: time.Hour}, &aSource{}
		for i := range 100 {
			key := fmt.Sprint("hangs", i)
			s.Subscribe("loud/"+key, []Poll{hangs.of("loud", key, key, time.Minute)})
		}
		s.Subscribe("quiet/one", []Poll{good.of("quiet", "good", "good", time.Minute)})
		for range 30 {
			time.Sleep(time.Minute)
			if age := time.Since(s.measured("good").At); age > 61*time.Second {
				t.Fatalf("the other tenant's number is %v old", age)
			}
		}
		if most := hangs.mostAtOnce(); most != 8 {
			t.Errorf("%d requests of one tenant were under way at once, not 8", most)
		}
		asked := map[string]bool{}
		for i := range 100 {
			if key := fmt.Sprint("hangs", i); !s.measured(key).Attempted.IsZero() {
				asked[key] = true
			}
		}
		if len(asked) != 100 {
			t.Errorf("of the tenant's own 100 sources only %d have had their turn", len(asked))
		}
	})
}

func TestTenantsOfOneSourceAreServedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, slow := aScheduler(t), &aSource{takes: 5 * time.Second}
		for i := range 200 { // more than there is time for
			key := fmt.Sprint("loud", i)
			s.Subscribe("loud/"+key, []Poll{slow.of("loud", "objects", key, time.Minute)})
		}
		quick := &aSource{}
		s.Subscribe("quiet/one", []Poll{quick.of("quiet", "objects", "one", time.Minute)})
		time.Sleep(2 * time.Minute)
		for range 60 {
			time.Sleep(time.Minute)
			if age := time.Since(s.measured("one").At); age > 62*time.Second {
				t.Fatalf("the other tenant's number is %v old", age)
			}
		}
		if most := slow.mostAtOnce(); most != 3 {
			t.Errorf("one tenant had %d of 4 slots: one is left for others", most)
		}
	})
}

func TestATenantAloneAtASourceHasAllItsSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, slow := aScheduler(t), &aSource{takes: 5 * time.Second}
		for i := range 20 {
			key := fmt.Sprint("q", i)
			s.Subscribe("only/"+key, []Poll{slow.of("only", "source", key, time.Minute)})
		}
		time.Sleep(time.Minute)
		if most := slow.mostAtOnce(); most != 4 {
			t.Errorf("%d of 4 slots are used", most)
		}
	})
}

func TestNothingOfATenantIsKeptOnceItIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aStoppedScheduler(t)
		s.tenants = newTenants(1)
		s.begin()
		bad := &aSource{takes: time.Second, says: failing(source.Unavailable)}
		for i := range 10 {
			key := fmt.Sprint("q", i)
			s.Subscribe("gone/"+key, []Poll{bad.of("gone", key, key, time.Minute)})
		}
		time.Sleep(10 * time.Minute)
		for i := range 10 {
			s.Unsubscribe(fmt.Sprint("gone/q", i))
		}
		time.Sleep(time.Hour)
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.tenants.running) + len(s.tenants.heldUp) + len(s.endpoints) + len(s.consumers); n != 0 {
			t.Errorf("%d things are kept", n)
		}
	})
}
