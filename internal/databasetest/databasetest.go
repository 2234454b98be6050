// SPDX-License-Identifier: Apache-2.0

// Package databasetest runs real PostgreSQL and MariaDB servers on the loopback,
// for tests. They speak TLS and plain TCP, and no sockets.
package databasetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/uptake-dev/uptake/internal/certificatetest"
)

// These name the folders of the servers that the tests run: that of initdb and
// postgres, and the root below which MariaDB's package is unpacked.
const (
	PostgreSQLVariable = "UPTAKE_POSTGRES_BIN"
	MariaDBVariable    = "UPTAKE_MARIADB_BIN"
)

const (
	// Database is the one there is.
	Database = "usage"
	// Certified is a user from whom PostgreSQL wants a certificate besides a password,
	// once a test has made it; in MariaDB a user is made so.
	Certified = "certified"
	// adminPassword is that of who administers the servers.
	adminPassword = "administrator of the tests"
)

// Server can be stopped and started again at the same address, with what it has
// stored.
type Server struct {
	// Host and Port are where it listens.
	Host string
	Port int32
	// Certificates are its own. Its authority is also asked about those of clients.
	Certificates certificatetest.Certificates

	kind    kind
	folder  string
	process *exec.Cmd
	output  bytes.Buffer
}

// kind is what the two servers do differently.
type kind interface {
	// initialise makes an empty database in the server's folder.
	initialise(s *Server) error
	// command serves it, with options of the kind's own.
	command(s *Server, options []string) *exec.Cmd
	// execute runs statements as the administrator, and returns the first cell of the
	// last one's answer.
	execute(ctx context.Context, s *Server, statements string) (string, error)
	// kill ends the server as a crash would.
	kill() syscall.Signal
}

func start(kind kind, name string) (*Server, error) {
	folder, err := os.MkdirTemp("", "uptake-"+name+"-")
	if err != nil {
		return nil, err
	}
	s := &Server{Host: "127.0.0.1", kind: kind, folder: folder}
	if err := s.prepare(); err != nil {
		s.Remove()
		return nil, fmt.Errorf("preparing the %s for the tests: %w", name, err)
	}
	if err := s.Resume(); err != nil {
		s.Remove()
		return nil, fmt.Errorf("starting the %s for the tests: %w", name, err)
	}
	return s, nil
}

func (s *Server) prepare() error {
	listener, err := net.Listen("tcp", net.JoinHostPort(s.Host, "0"))
	if err != nil {
		return err
	}
	address, isTCP := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil || !isTCP {
		return errors.Join(err, errors.New("no port for a server"))
	}
	s.Port = int32(address.Port)
	made, err := certificatetest.New(time.Now().AddDate(0, 6, 0)) //nolint:forbidigo // only tests run servers
	if err != nil {
		return err
	}
	s.Certificates = made
	for name, content := range map[string][]byte{
		"ca.crt": made.Authority, "tls.crt": made.Certificate, "tls.key": made.Key, "password": []byte(adminPassword),
	} {
		if err := s.write(name, content); err != nil {
			return err
		}
	}
	if err := hand(s.folder); err != nil {
		return err
	}
	return s.kind.initialise(s)
}

func (s *Server) path(name string) string { return filepath.Join(s.folder, name) }

func (s *Server) write(name string, content []byte) error {
	if err := os.WriteFile(s.path(name), content, 0o600); err != nil {
		return err
	}
	return hand(s.path(name))
}

// Resume starts a server that was stopped. The options are the program's own, such
// as --ssl=off, and are forgotten when it is stopped.
func (s *Server) Resume(options ...string) error {
	s.output.Reset()
	s.process = s.kind.command(s, options)
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	if err := s.process.Start(); err != nil {
		s.process = nil
		return err
	}
	var err error
	for range 600 {
		if _, err = s.Execute(context.Background(), "SELECT 1"); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	output := s.Stop()
	return fmt.Errorf("it does not come up: %w\n%s", err, output)
}

// Execute runs statements as the administrator, and returns the first cell of the
// last one's answer as text.
func (s *Server) Execute(ctx context.Context, statements string) (string, error) {
	return s.kind.execute(ctx, s, statements)
}

// Stop ends the server as a crash would, and returns what it had printed.
func (s *Server) Stop() string {
	if s.process != nil {
		_ = s.process.Process.Signal(s.kind.kill())
		_ = s.process.Wait()
		s.process = nil
	}
	return s.output.String()
}

// Pause has the server stop answering, without closing connections, until Continue.
func (s *Server) Pause() error { return s.process.Process.Signal(syscall.SIGSTOP) }

// Continue ends a Pause.
func (s *Server) Continue() error { return s.process.Process.Signal(syscall.SIGCONT) }

// Remove stops the server and removes what it has stored.
func (s *Server) Remove() {
	s.Stop()
	_ = os.RemoveAll(s.folder)
}
