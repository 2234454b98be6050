// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

const idle = time.Hour

func aCounterAt(t *testing.T, clock *clocktesting.FakeClock) *Counter {
	t.Helper()
	counter, err := New(thePlane(t).Config, Options{Clock: clock, Idle: idle})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(counter.Close)
	return counter
}

func aClock() *clocktesting.FakeClock {
	return clocktesting.NewFakeClock(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC))
}

// watched says which kinds of watches there are.
func watched(c *Counter) (metadataOnly, whole int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.watches {
		if key.whole {
			whole++
		} else {
			metadataOnly++
		}
	}
	return metadataOnly, whole
}

func TestAWatchThatNobodyUsesIsStoppedAndBegunAnewWhenNeeded(t *testing.T) {
	clock := aClock()
	counter := aCounterAt(t, clock)
	asker := theQuery(t, counter, configMaps(), nil)
	before := counted(t, asker)

	clock.Step(idle)
	counter.stopIdle()
	if n, _ := watched(counter); n != 1 {
		t.Fatal("it is stopped too soon")
	}
	clock.Step(time.Second)
	counter.stopIdle()
	if n, _ := watched(counter); n != 0 {
		t.Fatal("it is not stopped")
	}
	if n := counted(t, asker); n != before {
		t.Fatalf("begun anew it counts %d, not %d", n, before)
	}
}

func TestOnlyMetadataIsWatchedUnlessAConditionNeedsMore(t *testing.T) {
	clock := aClock()
	counter := aCounterAt(t, clock)
	plain := theQuery(t, counter, configMaps(), nil)
	query := configMaps()
	query.Where = `object.kind == 'ConfigMap'`
	conditional := theQuery(t, counter, query, nil)

	all := counted(t, plain)
	if metadataOnly, whole := watched(counter); metadataOnly != 1 || whole != 0 {
		t.Fatalf("a plain query has %d watches of metadata and %d of whole objects", metadataOnly, whole)
	}
	for _, w := range counter.watches {
		for _, o := range w.store.list() {
			if o.content != nil {
				t.Fatalf("%s is kept whole", o.objectName)
			}
		}
	}

	if n := counted(t, conditional); n != all {
		t.Fatalf("all are config maps, and %d of %d are counted", n, all)
	}
	clock.Step(idle - time.Second)
	counted(t, conditional)
	if n := counted(t, plain); n != all {
		t.Fatalf("from whole objects %d are counted, and %d from metadata", n, all)
	}
	clock.Step(2 * time.Second)
	counter.stopIdle()
	// The namespaces, which conditions may look at, are the one of metadata.
	if metadataOnly, whole := watched(counter); metadataOnly != 1 || whole != 1 {
		t.Fatalf("the two queries do not share the watch of whole objects: %d, %d", metadataOnly, whole)
	}
	if n := counted(t, plain); n != all {
		t.Fatalf("afterwards %d are counted, not %d", n, all)
	}
}

func TestWhatIsKeptOfAnObjectLeavesOutWhatNobodyAsksFor(t *testing.T) {
	c, counter, route := theCluster(t), aCounter(t, thePlane(t).Config), aRoute(t)
	c.install(route)
	object := route.object("default", "slim")
	object.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "yes"})
	c.create(object)
	query := route.query()
	query.Where = `!has(object.metadata.managedFields) && object.metadata.annotations.kept == 'yes' && ` +
		`!('kubectl.kubernetes.io/last-applied-configuration' in object.metadata.annotations)`
	asker := theQuery(t, counter, query, nil)
	if n := counted(t, asker); n != 1 {
		t.Fatal("a listed object is kept with its managed fields")
	}
	object = route.object("default", "slim-2")
	object.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "yes"})
	c.create(object)
	c.eventually("a watched object is slim too", func() bool { return counted(t, asker) == 2 })
}

func TestAfterAPauseEverythingIsReadAnew(t *testing.T) {
	counter := aCounterAt(t, aClock())
	asker := theQuery(t, counter, configMaps(), nil)
	before := counted(t, asker)
	counter.Renew()
	if n, _ := watched(counter); n != 0 {
		t.Errorf("%d watches go on", n)
	}
	if n := counted(t, asker); n != before {
		t.Errorf("read anew it counts %d, not %d", n, before)
	}
	if n, _ := watched(counter); n != 1 {
		t.Errorf("%d watches", n)
	}
}

func TestACloseLeavesNoGoroutineBehind(t *testing.T) {
	plane := thePlane(t)
	others := goleak.IgnoreCurrent()
	counter := aCounter(t, plane.Config)
	query := configMaps()
	query.Where = "true"
	counted(t, theQuery(t, counter, query, nil))
	_, failure := ask(t, theQuery(t, counter, aRoute(t).query(), nil))
	wantFailure(t, failure, source.NotServed)
	counter.Close()
	goleak.VerifyNone(t, others, goleak.IgnoreAnyFunction("net/http.(*http2clientConnReadLoop).run"),
		goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"))
}

func TestOfAnObjectIsKeptWhatConditionsName(t *testing.T) {
	c, counter, route := theCluster(t), aCounter(t, thePlane(t).Config), aRoute(t)
	c.install(route)
	object := route.object("default", "large")
	object.SetAnnotations(map[string]string{"note": strings.Repeat("x", 100_000), "team": "cart"})
	c.create(object)
	byTeam, byNote := route.query(), route.query()
	byTeam.Where = "object.metadata.annotations['team'] == 'cart'"
	byNote.Where = "size(object.metadata.annotations['note']) == 100000"
	if n := counted(t, theQuery(t, counter, byTeam, nil)); n != 1 {
		t.Fatalf("%d are counted", n)
	}
	kept := func() (contents []map[string]any) {
		for key, w := range counter.watches {
			if key.whole {
				for _, o := range w.store.list() {
					contents = append(contents, o.content)
				}
			}
		}
		return contents
	}
	want := map[string]any{"metadata": map[string]any{"annotations": map[string]any{"team": "cart"}}}
	if got := kept(); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("more is kept than what is named: %.300v", got)
	}
	// Who names another field has it, and the first one still counts right.
	for _, query := range []v1alpha1.ObjectsQuery{byNote, byTeam} {
		if n := counted(t, theQuery(t, counter, query, nil)); n != 1 {
			t.Errorf("%s: %d are counted", query.Where, n)
		}
	}
	if got := kept(); len(got) != 1 || len(got[0]["metadata"].(map[string]any)["annotations"].(map[string]any)) != 2 {
		t.Errorf("both fields are to be kept: %.300v", got)
	}
}
