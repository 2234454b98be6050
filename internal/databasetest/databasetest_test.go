// SPDX-License-Identifier: Apache-2.0

package databasetest

import "testing"

func TestAServerKeepsWhatItHasWhenItIsStoppedAndResumed(t *testing.T) {
	for name, start := range map[string]func() (*Server, error){"PostgreSQL": StartPostgreSQL, "MariaDB": StartMariaDB} {
		t.Run(name, func(t *testing.T) {
			server, err := start()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Remove()
			if _, err := server.Execute(t.Context(), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)"); err != nil {
				t.Fatal(err)
			}
			server.Stop()
			if err := server.Resume(); err != nil {
				t.Fatal(err)
			}
			if cell, err := server.Execute(t.Context(), "SELECT n FROM kept"); err != nil || cell != "7" {
				t.Fatalf("%q, %v", cell, err)
			}
		})
	}
}
