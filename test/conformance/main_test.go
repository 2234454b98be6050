// SPDX-License-Identifier: Apache-2.0

// Package conformance puts every driver to the test, against real servers where
// these can show a fault.
package conformance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/databasetest"
	"github.com/uptake-dev/uptake/internal/prometheustest"
	suite "github.com/uptake-dev/uptake/internal/source/conformance"
)

// servers are real, and shared by all tests.
type servers struct {
	plane      *controlplane.ControlPlane
	prometheus *prometheustest.Server
	databases  map[v1alpha1.SQLEngine]*databasetest.Server
}

// the servers, and why they could not be started.
var (
	the      servers
	startErr error
)

func TestMain(m *testing.M) {
	// What these say of faults would fill the screen.
	klog.SetLogger(logr.Discard())
	ctrl.SetLogger(logr.Discard())
	startErr = the.start()
	code := m.Run()
	if err := the.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// theServers fails the test when one is not there: a skipped test proves nothing.
func theServers(t testing.TB) *servers {
	t.Helper()
	if startErr != nil {
		t.Fatalf("real servers are needed: %v", startErr)
	}
	return &the
}

// start starts all at once, since each takes seconds.
func (s *servers) start() error {
	var starting sync.WaitGroup
	var plane, prometheus, postgreSQL, mariaDB error
	var databases [2]*databasetest.Server
	starting.Go(func() { s.plane, plane = controlplane.Start(context.Background(), controlplane.Options{}) })
	starting.Go(func() { s.prometheus, prometheus = prometheustest.Start(prometheustest.Options{}) })
	starting.Go(func() { databases[0], postgreSQL = databasetest.StartPostgreSQL() })
	starting.Go(func() { databases[1], mariaDB = databasetest.StartMariaDB() })
	starting.Wait()
	s.databases = map[v1alpha1.SQLEngine]*databasetest.Server{}
	for i, engine := range []v1alpha1.SQLEngine{v1alpha1.SQLEnginePostgreSQL, v1alpha1.SQLEngineMySQL} {
		if databases[i] != nil {
			s.databases[engine] = databases[i]
		}
	}
	for _, err := range []error{plane, prometheus, postgreSQL, mariaDB} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *servers) stop() error {
	for _, database := range s.databases {
		database.Remove()
	}
	if s.prometheus != nil {
		s.prometheus.Remove()
	}
	if s.plane != nil {
		return s.plane.Stop()
	}
	return nil
}

// rigs are of all drivers that there are.
func rigs(t *testing.T) []suite.Rig {
	t.Helper()
	all := theServers(t)
	return []suite.Rig{
		prometheusRig(all.prometheus),
		httpJSON.Rig(),
		databaseRig("postgresql", all.databases[v1alpha1.SQLEnginePostgreSQL], postgreSQL),
		databaseRig("mariadb", all.databases[v1alpha1.SQLEngineMySQL], mariaDB),
		kubernetesRig(t, all.plane),
		objectsRig(t, all.plane),
		configMapRig(t, all.plane),
	}
}

func TestEveryDriverHasARig(t *testing.T) {
	rigs, drivers := "", 0
	for _, text := range texts(t, "*_test.go") {
		rigs += text
	}
	for file, text := range texts(t, "../../internal/source/*/*.go") {
		if strings.HasSuffix(file, "_test.go") || !strings.Contains(text, ") Ask(ctx context.Context) (") {
			continue
		}
		drivers++
		path := "github.com/uptake-dev/uptake/internal/source/" + filepath.Base(filepath.Dir(file))
		if !strings.Contains(rigs, strconv.Quote(path)) {
			t.Errorf("%s has no rig: add one to rigs", path)
		}
	}
	if drivers < 5 {
		t.Errorf("only %d drivers are found", drivers)
	}
}

// texts returns what is in files.
func texts(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	return texts
}

func TestEveryDriverBehavesUnderEveryFault(t *testing.T) {
	table := suite.Run(t, rigs(t)...)
	fmt.Println("Report: what comes of each fault, by driver")
	table.Print(t, os.Stdout)
}
