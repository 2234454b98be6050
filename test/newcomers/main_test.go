// SPDX-License-Identifier: Apache-2.0

// Package newcomers makes the mistakes that people make who are new to Uptake, on a
// real API server with a real operator, and prints what they are told.
package newcomers

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/databasetest"
	"github.com/uptake-dev/uptake/internal/manifest"
	"github.com/uptake-dev/uptake/internal/operatortest"
	"github.com/uptake-dev/uptake/internal/prometheustest"
	"github.com/uptake-dev/uptake/internal/suitetest"
)

var (
	plane *controlplane.ControlPlane
	// people is a client that may do anything; it is as strict as kubectl.
	people client.Client
	// servers are what sources ask.
	servers struct {
		prometheus *prometheustest.Server
		postgreSQL *databasetest.Server
		api        *httptest.Server
		// encrypted has a certificate that nobody trusts.
		encrypted *httptest.Server
	}
)

func TestMain(m *testing.M) {
	suitetest.Suite{
		Needs:    []string{prometheustest.ProgramVariable, databasetest.PostgreSQLVariable},
		CRDs:     []string{"../../config/crd/bases"},
		Parallel: 16, // they wait more than they work
	}.Main(func(ctx context.Context, shared suitetest.Shared) (int, error) {
		plane, people = shared.Plane, client.WithFieldValidation(shared.People, "Strict")
		stop, err := startServers(ctx)
		defer stop()
		if err != nil {
			return 1, err
		}
		if err := installPolicies(ctx, shared.People); err != nil {
			return 1, err
		}
		ctx, cancel := context.WithCancel(ctx)
		ended, err := operatortest.Start(ctx, shared.Plane.Config)
		if err != nil {
			cancel()
			return 1, err
		}
		code := m.Run()
		cancel()
		return code, <-ended
	})
}

func startServers(ctx context.Context) (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	servers.api = httptest.NewServer(http.HandlerFunc(answer))
	servers.encrypted = httptest.NewTLSServer(http.HandlerFunc(answer))
	servers.encrypted.Config.ErrorLog = nil
	stops = append(stops, servers.api.Close, servers.encrypted.Close)
	if servers.prometheus, err = prometheustest.Start(prometheustest.Options{Target: strings.TrimPrefix(servers.api.URL, "http://")}); err != nil {
		return stop, err
	}
	stops = append(stops, servers.prometheus.Remove)
	if servers.postgreSQL, err = databasetest.StartPostgreSQL(); err != nil {
		return stop, err
	}
	stops = append(stops, servers.postgreSQL.Remove)
	_, err = servers.postgreSQL.Execute(ctx, `CREATE TABLE usage (team text, used integer, label text);
		INSERT INTO usage VALUES ('cart', 3, 'three'), ('media', NULL, 'none');
		CREATE TABLE salaries (amount integer);
		CREATE USER reader PASSWORD 'right'; GRANT SELECT ON usage TO reader`)
	return stop, err
}

// answer is a JSON API that wants a token at one path, and what a Prometheus scrapes.
func answer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/metrics":
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte("sessions{team=\"cart\"} 3\nsessions{team=\"media\"} 4\n"))
	case "/guarded":
		if r.Header.Get("Authorization") != "Bearer right" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fallthrough
	case "/usage":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"rows": []map[string]any{{"team": "cart", "n": 3, "text": "3"}}})
	default:
		http.NotFound(w, r)
	}
}

// installPolicies has whoever approves checked, as in an installation.
func installPolicies(ctx context.Context, c client.Client) error {
	text, err := os.ReadFile("../../config/admission/approvals.yaml")
	if err != nil {
		return err
	}
	objects, err := manifest.Read(text)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := c.Create(ctx, o); err != nil {
			return err
		}
	}
	return nil
}
