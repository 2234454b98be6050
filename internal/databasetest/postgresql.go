// SPDX-License-Identifier: Apache-2.0

package databasetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgreSQL implements kind.
type postgreSQL struct {
	// root is below which programs and libraries lie; folder is that of the programs,
	// relative to it.
	root, folder string
}

// StartPostgreSQL starts a server and returns when it answers.
func StartPostgreSQL() (*Server, error) {
	folder := os.Getenv(PostgreSQLVariable)
	if folder == "" {
		return nil, errors.New(PostgreSQLVariable + " is not set: run `make test`, which finds or fetches a PostgreSQL")
	}
	kind := &postgreSQL{root: "/", folder: folder}
	// An unpacked package is five folders above its programs.
	const inPackage = "/usr/lib/postgresql/"
	if before, after, unpacked := strings.Cut(folder, inPackage); unpacked && before != "" {
		kind.root, kind.folder = before, inPackage+after
	}
	return start(kind, "PostgreSQL")
}

func (p *postgreSQL) program(s *Server, name string, arguments ...string) *exec.Cmd {
	return s.program(p.root, filepath.Join(p.root, p.folder, name), arguments...)
}

func (p *postgreSQL) initialise(s *Server) error {
	root, err := s.reachable(p.root)
	if err != nil {
		return err
	}
	p.root = root
	output, err := p.program(s, "initdb", "--pgdata="+s.path("data"), "--username=admin", "--pwfile="+s.path("password"),
		"--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	settings := fmt.Sprintf("listen_addresses = '%s'\nport = %d\nunix_socket_directories = ''\nssl = on\n"+
		"ssl_cert_file = '%s'\nssl_key_file = '%s'\nssl_ca_file = '%s'\nfsync = off\nmax_connections = 30\nshared_buffers = 16MB\njit = off\ndynamic_shared_memory_type = mmap\n",
		s.Host, s.Port, s.path("tls.crt"), s.path("tls.key"), s.path("ca.crt"))
	if err := s.write("data/postgresql.conf", []byte(settings)); err != nil {
		return err
	}
	access := fmt.Sprintf("hostssl all %s all scram-sha-256 clientcert=verify-ca\nhost all all all scram-sha-256\n", Certified)
	if err := s.write("data/pg_hba.conf", []byte(access)); err != nil {
		return err
	}
	if err := s.Resume(); err != nil {
		return err
	}
	defer s.Stop()
	_, err = s.Execute(context.Background(), "CREATE DATABASE "+Database)
	return err
}

func (p *postgreSQL) command(s *Server, options []string) *exec.Cmd {
	return p.program(s, "postgres", append([]string{"-D", s.path("data")}, options...)...)
}

// kill has every process of the server end at once.
func (p *postgreSQL) kill() syscall.Signal { return syscall.SIGQUIT }

func (p *postgreSQL) execute(ctx context.Context, s *Server, statements string) (string, error) {
	database := Database
	if strings.HasPrefix(statements, "CREATE DATABASE") || statements == "SELECT 1" {
		database = "postgres"
	}
	conn, err := pgconn.Connect(ctx, fmt.Sprintf("host=%s port=%d user=admin password='%s' dbname=%s sslmode=disable",
		s.Host, s.Port, adminPassword, database))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.Exec(ctx, statements).ReadAll()
	if err != nil || len(results) == 0 {
		return "", err
	}
	rows := results[len(results)-1].Rows
	if len(rows) == 0 || len(rows[0]) == 0 {
		return "", nil
	}
	return string(rows[0][0]), nil
}
