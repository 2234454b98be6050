// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/uptake-dev/uptake/internal/source"
)

func TestAKindInstalledLaterIsCountedWithinOnePoll(t *testing.T) {
	c, counter, route := theCluster(t), aCounter(t, thePlane(t).Config), aRoute(t)
	asker := theQuery(t, counter, route.query(), nil)
	_, failure := ask(t, asker)
	wantFailure(t, failure, source.NotServed, "Route", route.group+"/v1")

	c.install(route)
	c.create(route.object("default", "one"))
	time.Sleep(lookAgainAfter) // a poll comes no sooner
	c.eventually("it is found and counted", func() bool {
		answer, failure := ask(t, asker)
		return failure == nil && answer.Rows[0].Value == 1
	})
}

func TestAKindThatIsRemovedIsNeverCountedAsNone(t *testing.T) {
	c, counter, route := theCluster(t), aCounter(t, thePlane(t).Config), aRoute(t)
	c.install(route)
	for _, name := range []string{"one", "two", "three"} {
		c.create(route.object("default", name))
	}
	asker := theQuery(t, counter, route.query(), nil)
	c.eventually("three are counted", func() bool { return counted(t, asker) == 3 })

	c.delete(route.definition())
	gone := false
	for range 400 {
		answer, failure := ask(t, asker)
		switch {
		case failure == nil && answer.Rows[0].Value == 0:
			t.Fatal("while the kind is being removed it is counted as 0")
		case failure == nil && gone:
			t.Fatalf("the kind is gone, and counted: %+v", answer)
		case failure != nil:
			wantFailure(t, failure, source.NotServed, "Route")
			gone = true
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !gone {
		t.Fatal("the kind is gone, and nobody says so")
	}

	c.install(route)
	c.create(route.object("default", "four"))
	c.eventually("it is back, and counted", func() bool {
		answer, failure := ask(t, asker)
		return failure == nil && answer.Rows[0].Value == 1
	})
}

func TestAnEmptyKindIsATrueZeroAlsoAfterItsLastObjectIsDeleted(t *testing.T) {
	c, counter, route := theCluster(t), aCounter(t, thePlane(t).Config), aRoute(t)
	c.install(route)
	asker := theQuery(t, counter, route.query(), nil)
	if n := counted(t, asker); n != 0 {
		t.Fatalf("%d of nothing", n)
	}
	c.create(route.object("default", "one"))
	c.eventually("one is counted", func() bool { return counted(t, asker) == 1 })
	c.delete(route.object("default", "one"))
	c.eventually("none is counted", func() bool { return counted(t, asker) == 0 })
}

func TestWhileTheAPIServerIsAwayThereIsNoCountAndAfterwardsTheRightOne(t *testing.T) {
	c := theCluster(t)
	line, config := aLine(thePlane(t).Config)
	counter := aCounter(t, config)
	suite := map[string]string{"suite": suiteOf(t)}
	query := configMaps()
	query.LabelSelector = ofThisTest(t)
	asker := theQuery(t, counter, query, nil)
	c.create(configMap("default", "away-1", suite))
	c.eventually("one is counted", func() bool { return counted(t, asker) == 1 })

	line.cut()
	c.eventually("it fails", func() bool { _, failure := ask(t, asker); return failure != nil })
	for range 20 {
		answer, failure := askWithin(t, asker, time.Second)
		if failure == nil {
			t.Fatalf("without the API server there is a count: %+v", answer)
		}
		wantFailure(t, failure, source.Unavailable, "configmaps")
		time.Sleep(50 * time.Millisecond)
	}

	c.create(configMap("default", "away-2", suite))
	c.delete(configMap("default", "away-1", nil))
	c.create(configMap("default", "away-3", suite))
	line.mend()
	for {
		answer, failure := ask(t, asker)
		if failure != nil {
			continue
		}
		if answer.Rows[0].Value != 2 {
			t.Fatalf("the first count after the outage is stale: %+v", answer)
		}
		break
	}
}

func TestAWatchThatFallsSilentIsNoticed(t *testing.T) {
	// 30 s and 15 s, by default.
	t.Setenv("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "1")
	t.Setenv("HTTP2_PING_TIMEOUT_SECONDS", "1")
	line, config := aLine(thePlane(t).Config)
	counter := aCounter(t, config)
	asker := theQuery(t, counter, configMaps(), nil)
	counted(t, asker)

	line.isFrozen.Store(true)
	eventually(t, "there is no count", func() bool { _, failure := askWithin(t, asker, time.Second); return failure != nil })
	line.isFrozen.Store(false)
	eventually(t, "there is one again", func() bool { _, failure := askWithin(t, asker, time.Second); return failure == nil })
}

func TestADroppedWatchIsTakenUpAgainUnnoticed(t *testing.T) {
	c := theCluster(t)
	line, config := aLine(thePlane(t).Config)
	counter := aCounter(t, config)
	suite := map[string]string{"suite": suiteOf(t)}
	query := configMaps()
	query.LabelSelector = ofThisTest(t)
	asker := theQuery(t, counter, query, nil)
	c.create(configMap("default", "dropped-1", suite))
	c.eventually("one is counted", func() bool { return counted(t, asker) == 1 })

	line.cut()
	line.mend()
	c.create(configMap("default", "dropped-2", suite))
	c.eventually("two are counted", func() bool {
		answer, failure := ask(t, asker)
		return failure == nil && answer.Rows[0].Value == 2
	})
}

func TestWithoutTheRightToWatchItSaysWhatToGrantAndWorksOnceGranted(t *testing.T) {
	user, err := thePlane(t).AddUser("counter-without-rights")
	if err != nil {
		t.Fatal(err)
	}
	// Discovery is open to the authenticated, as in any cluster.
	counter := aCounter(t, user.Config)
	asker := theQuery(t, counter, configMaps(), nil)
	_, failure := ask(t, asker)
	wantFailure(t, failure, source.Unauthorized, "configmaps", "list and watch", "ClusterRole")

	admin, err := kubernetes.NewForConfig(thePlane(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "counter"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list", "watch"}}},
	}
	if _, err := admin.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "counter"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "counter"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "counter-without-rights"}},
	}
	if _, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it counts", func() bool { _, failure := ask(t, asker); return failure == nil })

	t.Run("and fails again when the right is taken away", func(t *testing.T) {
		if err := admin.RbacV1().ClusterRoleBindings().Delete(t.Context(), "counter", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		// A watch that is open stays open; a new one is refused.
		counter := aCounter(t, user.Config)
		asker := theQuery(t, counter, configMaps(), nil)
		eventually(t, "it is refused", func() bool {
			_, failure := ask(t, asker)
			return failure != nil && failure.Class == source.Unauthorized
		})
	})
}

func TestAnUnreachableAPIServerIsToldInTime(t *testing.T) {
	line, config := aLine(thePlane(t).Config)
	line.cut()
	counter := aCounter(t, config)
	_, failure := askWithin(t, theQuery(t, counter, configMaps(), nil), 2*time.Second)
	wantFailure(t, failure, source.Unavailable, "connection refused")
}

func TestManyQueriesOfAKindShareOneWatch(t *testing.T) {
	counter := aCounter(t, thePlane(t).Config)
	var asks sync.WaitGroup
	for range 20 {
		asker := theQuery(t, counter, configMaps(), nil)
		asks.Go(func() { _, _ = asker.Ask(t.Context()) })
	}
	asks.Wait()
	if n := len(counter.watches); n != 1 {
		t.Fatalf("%d watches for one kind", n)
	}
}

func TestAfterCloseNothingRunsAndAskingFails(t *testing.T) {
	counter := aCounter(t, thePlane(t).Config)
	asker := theQuery(t, counter, configMaps(), nil)
	if _, err := asker.Ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- counter.Start(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	_, failure := ask(t, asker)
	wantFailure(t, failure, source.Unavailable, "counting has ended")
}
