// SPDX-License-Identifier: Apache-2.0

// Package processtest is for tests that look at programs in processes of their own.
package processtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Output is what a process prints. It can be read while the process runs.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(text)
}

// String implements fmt.Stringer.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Child is a process that this one has started.
type Child struct {
	PID       int
	Arguments []string
}

// TheChild finds a program that this process has started and that a test means. It
// fails where there is none.
func TheChild(t *testing.T, program string, isMeant func(arguments []string) bool) Child {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		line, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		arguments := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		if err != nil || filepath.Base(arguments[0]) != program || !isMeant(arguments) {
			continue
		}
		status, err := os.ReadFile(filepath.Join(folder, "status"))
		if err != nil || !bytes.Contains(status, fmt.Appendf(nil, "\nPPid:\t%d\n", os.Getpid())) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			t.Fatal(err)
		}
		return Child{PID: pid, Arguments: arguments}
	}
	t.Fatalf("no %s is running", program)
	return Child{}
}
