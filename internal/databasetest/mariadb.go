// SPDX-License-Identifier: Apache-2.0

package databasetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// mariaDB implements kind.
type mariaDB struct {
	// root is below which the package is unpacked; / for an installed one.
	root string
}

// StartMariaDB starts a server and returns when it answers.
func StartMariaDB() (*Server, error) {
	root := os.Getenv(MariaDBVariable)
	if root == "" {
		return nil, errors.New(MariaDBVariable + " is not set: run `make test`, which finds or fetches a MariaDB")
	}
	return start(&mariaDB{root: root}, "MariaDB")
}

func (m *mariaDB) program(s *Server, arguments ...string) *exec.Cmd {
	return s.program(m.root, filepath.Join(m.root, "usr/sbin/mariadbd"), append([]string{
		"--no-defaults", "--basedir=" + filepath.Join(m.root, "usr"), "--datadir=" + s.path("data"), "--tmpdir=" + s.folder,
		"--plugin-dir=" + s.folder, // no plugins
		"--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M",
	}, arguments...)...)
}

// initialise does what mariadb-install-db does, which wants programs of other
// packages for it.
func (m *mariaDB) initialise(s *Server) error {
	root, err := s.reachable(m.root)
	if err != nil {
		return err
	}
	m.root = root
	if err := os.Mkdir(s.path("data"), 0o700); err != nil {
		return err
	}
	if err := hand(s.path("data")); err != nil {
		return err
	}
	script := bytes.NewBufferString("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n")
	// Newer versions have the files in other folders, by other names.
	for _, name := range []string{"system_tables", "performance_tables", "system_tables_data"} {
		files, _ := filepath.Glob(filepath.Join(m.root, "usr/share/m*/m*_"+name+".sql"))
		if len(files) == 0 {
			return fmt.Errorf("there is no SQL script of the %s below %s", name, m.root)
		}
		content, err := os.ReadFile(files[0])
		if err != nil {
			return err
		}
		script.Write(content)
		script.WriteByte('\n')
	}
	fmt.Fprintf(script, "FLUSH PRIVILEGES;\nCREATE USER admin@'127.0.0.1' IDENTIFIED BY '%s';\n"+
		"GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION;\nCREATE DATABASE `%s`;\n", adminPassword, Database)
	bootstrap := m.program(s, "--bootstrap", "--enforce-storage-engine=")
	bootstrap.Stdin = script
	if output, err := bootstrap.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadbd --bootstrap: %w\n%s", err, output)
	}
	return nil
}

func (m *mariaDB) command(s *Server, options []string) *exec.Cmd {
	arguments := []string{
		"--bind-address=" + s.Host, "--port=" + strconv.Itoa(int(s.Port)), "--socket=" + s.path("socket"), "--skip-name-resolve",
		"--ssl-cert=" + s.path("tls.crt"), "--ssl-key=" + s.path("tls.key"), "--ssl-ca=" + s.path("ca.crt"),
		"--max-allowed-packet=64M",
	}
	return m.program(s, append(arguments, options...)...)
}

func (m *mariaDB) kill() syscall.Signal { return syscall.SIGKILL }

func (m *mariaDB) execute(ctx context.Context, s *Server, statements string) (string, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port)))
	config.User, config.Passwd, config.DBName = "admin", adminPassword, Database
	config.MultiStatements = true
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return "", err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, statements)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	var cell sql.NullString
	for more := true; more; more = rows.NextResultSet() {
		cell = sql.NullString{}
		if columns, err := rows.Columns(); err != nil || len(columns) != 1 {
			continue
		}
		for first := true; rows.Next(); first = false {
			if !first {
				continue
			}
			if err := rows.Scan(&cell); err != nil {
				return "", err
			}
		}
	}
	return cell.String, rows.Err()
}
