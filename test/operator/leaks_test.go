// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// What tests plant: every credential of a source holds the one, everything that
// their servers say holds the other.
const (
	plantedCredential = "planted-credential"
	plantedBody       = "planted-body"
)

// planted are texts that must be nowhere but in Secrets and on the wire.
var planted = []string{
	plantedCredential, plantedBody, spelt, awayPassword, "wrong horse", "rotated away",
	base64.StdEncoding.EncodeToString([]byte(awayUser + ":" + awayPassword)),
}

// ledger looks through everything that the operators of a test run say.
var ledger struct {
	mu                       sync.Mutex
	lines, objects, families int
	bytes                    int
	found                    []string
}

// look notes what must not be in a text.
func look(where string, text []byte) {
	ledger.mu.Lock()
	defer ledger.mu.Unlock()
	ledger.bytes += len(text)
	for _, p := range planted {
		if i := bytes.Index(text, []byte(p)); i >= 0 {
			ledger.found = append(ledger.found, fmt.Sprintf("%q in %s: ...%s...", p, where, text[max(0, i-200):min(len(text), i+80)]))
		}
	}
}

// recorded is a logger whose lines are looked through, up to a level.
func recorded(verbosity int) logr.Logger {
	return funcr.New(func(prefix, line string) {
		look("the log", []byte(prefix+" "+line))
		ledger.mu.Lock()
		defer ledger.mu.Unlock()
		ledger.lines++
	}, funcr.Options{Verbosity: verbosity})
}

// lookThrough looks through all that people can see in a namespace, before it goes.
func lookThrough(t testing.TB, namespace string) {
	t.Helper()
	crowd.mu.Lock()
	if crowd.users > 0 {
		lookAtMetrics(crowd.one.registry)
	}
	crowd.mu.Unlock()
	ctx := context.WithoutCancel(t.Context())
	for _, list := range []client.ObjectList{
		&v1alpha1.AdoptionProgramList{}, &v1alpha1.PhaseList{}, &v1alpha1.BarrierList{}, &v1alpha1.UsageSourceList{},
		&v1alpha1.ClusterUsageSourceList{}, &corev1.EventList{},
	} {
		if err := people.List(ctx, list, client.InNamespace(namespace)); err != nil {
			t.Error(err)
			continue
		}
		text, err := json.Marshal(list)
		if err != nil {
			t.Error(err)
		}
		look(fmt.Sprintf("a %T of %s", list, namespace), text)
		ledger.mu.Lock()
		ledger.objects += bytes.Count(text, []byte(`"metadata":{`)) - 1
		ledger.mu.Unlock()
	}
}

// lookAtMetrics looks through an operator's metrics.
func lookAtMetrics(registry *prometheus.Registry) {
	families, err := registry.Gather()
	if err != nil {
		look("a registry that cannot be gathered", []byte(err.Error()))
	}
	for _, family := range families {
		look("metrics", []byte(family.String()))
	}
	ledger.mu.Lock()
	defer ledger.mu.Unlock()
	ledger.families += len(families)
}

// told says what was looked through, and whether anything was told that must not.
func toldAnything() bool {
	ledger.mu.Lock()
	defer ledger.mu.Unlock()
	fmt.Printf("Report: looked through %d log lines, %d objects and events and %d families of metrics (%d kB) for %d planted texts: found %d times.\n",
		ledger.lines, ledger.objects, ledger.families, ledger.bytes/1000, len(planted), len(ledger.found))
	if len(ledger.found) > 0 {
		fmt.Println(strings.Join(ledger.found[:min(len(ledger.found), 20)], "\n"))
	}
	return len(ledger.found) > 0
}

func TestTheLedgerNoticesWhatIsPlanted(t *testing.T) {
	before := len(ledger.found)
	recorded(10).V(8).Info("a line with " + plantedBody)
	ledger.mu.Lock()
	defer ledger.mu.Unlock()
	if len(ledger.found) != before+1 {
		t.Fatal("what is planted is not noticed, so that nothing is known about leaks")
	}
	ledger.found = ledger.found[:before]
}
