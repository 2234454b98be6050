// SPDX-License-Identifier: Apache-2.0

// Package prometheustest runs real Prometheus servers on the loopback, for tests.
package prometheustest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// ProgramVariable names the Prometheus that the tests run.
const ProgramVariable = "UPTAKE_PROMETHEUS"

// Options of a server. The zero value scrapes nothing and asks for no password.
type Options struct {
	// Target is the host:port that is scraped each second at /metrics.
	Target string
	// Config is the whole configuration, in place of one that scrapes Target.
	Config string
	// WebConfig is the content of --web.config.file, for TLS and passwords.
	WebConfig string
	// Files are written beside it.
	Files map[string]string
}

// Server is a Prometheus that can be stopped and started again at the same
// address, with what it has stored.
type Server struct {
	// Address is its host:port.
	Address string

	folder  string
	process *exec.Cmd
	output  bytes.Buffer
}

// Start starts a server and returns when it accepts connections; it may not have
// scraped yet.
func Start(options Options) (*Server, error) {
	folder, err := os.MkdirTemp("", "uptake-prometheus-")
	if err != nil {
		return nil, err
	}
	s := &Server{folder: folder}
	if err := s.prepare(options); err != nil {
		s.Remove()
		return nil, err
	}
	if err := s.Resume(); err != nil {
		s.Remove()
		return nil, err
	}
	return s, nil
}

func (s *Server) prepare(options Options) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	scrape := "scrape_configs: []\n"
	if options.Target != "" {
		scrape = fmt.Sprintf("scrape_configs: [{job_name: test, static_configs: [{targets: [%q]}]}]\n", options.Target)
	}
	files := map[string]string{
		"prometheus.yml": "global: {scrape_interval: 1s, scrape_timeout: 1s}\n" + scrape,
		"web.yml":        options.WebConfig,
	}
	if options.Config != "" {
		files["prometheus.yml"] = options.Config
	}
	maps.Copy(files, options.Files)
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(s.folder, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Resume starts a server that was stopped.
func (s *Server) Resume() error {
	program := os.Getenv(ProgramVariable)
	if program == "" {
		return errors.New(ProgramVariable + " is not set: run `make test`, which fetches a Prometheus")
	}
	s.output.Reset()
	s.process = exec.Command(program, //nolint:gosec // the program is the one that the tests were told to run
		"--config.file="+filepath.Join(s.folder, "prometheus.yml"),
		"--web.config.file="+filepath.Join(s.folder, "web.yml"),
		"--storage.tsdb.path="+filepath.Join(s.folder, "data"),
		"--web.listen-address="+s.Address)
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	if err := s.process.Start(); err != nil {
		s.process = nil
		return fmt.Errorf("starting Prometheus: %w", err)
	}
	for range 300 {
		if connection, err := net.Dial("tcp", s.Address); err == nil {
			return connection.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	output := s.Stop()
	return fmt.Errorf("the Prometheus for the tests does not come up:\n%s", output)
}

// Stop kills the server, as a crash would, and returns what it had printed.
func (s *Server) Stop() string {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
	return s.output.String()
}

// Remove stops the server and removes what it has stored.
func (s *Server) Remove() {
	s.Stop()
	_ = os.RemoveAll(s.folder)
}
