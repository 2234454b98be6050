// SPDX-License-Identifier: Apache-2.0

package databasetest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// nobody is who servers run as when the tests run as root, which PostgreSQL refuses
// and MariaDB wants to be told.
func nobody() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// hand gives a file or a folder to whom servers run as.
func hand(path string) error {
	account, err := nobody()
	if err != nil || account == nil {
		return err
	}
	return os.Chown(path, int(account.Uid), int(account.Gid))
}

// program returns a command of a package below root, which brings its libraries
// with it unless it is installed.
func (s *Server) program(root, path string, arguments ...string) *exec.Cmd {
	command := exec.Command(path, arguments...) //nolint:gosec // the program is the one that the tests were told to run
	command.Dir = s.folder
	command.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	if root != "/" {
		command.Env = append(command.Env, "LD_LIBRARY_PATH="+strings.Join(libraries(root), ":"))
	}
	// When it cannot be looked up the program runs as root, and says what it thinks of that.
	account, _ := nobody()
	command.SysProcAttr = &syscall.SysProcAttr{Credential: account, Setpgid: true}
	return command
}

func libraries(root string) []string {
	var found []string
	for _, pattern := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*"} {
		folders, _ := filepath.Glob(filepath.Join(root, pattern))
		found = append(found, folders...)
	}
	return found
}

// reachable returns root, or a copy of it below the server's folder when it lies
// where only root may look.
func (s *Server) reachable(root string) (string, error) {
	if os.Geteuid() != 0 {
		return root, nil
	}
	for at := root; at != "/"; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return "", err
		}
		if info.Mode().Perm()&0o005 != 0o005 {
			if err := os.CopyFS(s.path("programs"), os.DirFS(root)); err != nil {
				return "", fmt.Errorf("copying %s to where it can be reached: %w", root, err)
			}
			return s.path("programs"), nil
		}
	}
	return root, nil
}
