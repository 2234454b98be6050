// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/certificatetest"
	"github.com/uptake-dev/uptake/internal/databasetest"
	"github.com/uptake-dev/uptake/internal/source"
)

func plain(s *source.Settings) { s.SQL.TLSMode, s.AllowPlaintext = v1alpha1.TLSModeDisabled, true }

// encrypted asks a server whether the connection is.
func encrypted(t *testing.T, on server, connection source.Connection) float64 {
	t.Helper()
	answer, failure := ask(t, connection, on.pick(
		"SELECT ssl::int AS value FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
		"SELECT COUNT(*) AS value FROM information_schema.session_status WHERE variable_name = 'Ssl_version' AND variable_value LIKE 'TLSv1%'"))
	if failure != nil {
		t.Fatal(failure)
	}
	return answer.Rows[0].Value
}

func TestTheServerIsVerifiedUnlessTLSIsDisabled(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		other, err := certificatetest.New(time.Now().AddDate(0, 1, 0))
		if err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			change func(*source.Settings)
			words  string
		}{
			"by default":        {func(*source.Settings) {}, ""},
			"VerifyFull":        {func(s *source.Settings) { s.SQL.TLSMode = v1alpha1.TLSModeVerifyFull }, ""},
			"the name set":      {func(s *source.Settings) { s.TLS.ServerName = certificatetest.HostName }, ""},
			"another name set":  {func(s *source.Settings) { s.TLS.ServerName = "other.example.com" }, "certificate is for another host name"},
			"another host name": {func(s *source.Settings) { s.SQL.Host = "localhost" }, "certificate is for another host name"},
			"another authority": {func(s *source.Settings) { s.TLS.CA = other.Authority }, "unknown authority"},
			"the system's":      {func(s *source.Settings) { s.TLS.CA = nil }, "unknown authority"},
			"a certificate of ours": {func(s *source.Settings) {
				as(databasetest.Certified, password)(s)
				s.TLS.Certificate, s.TLS.Key = on.Certificates.Certificate, on.Certificates.Key
			}, ""},
		} {
			t.Run(name, func(t *testing.T) {
				connection := on.connect(t, test.change)
				if test.words == "" {
					if encrypted(t, on, connection) != 1 {
						t.Error("the connection is not encrypted")
					}
					return
				}
				_, failure := ask(t, connection, "SELECT 1 AS value")
				wantFailure(t, failure, source.Unavailable, test.words)
			})
		}
		_, failure := ask(t, on.connect(t, as(databasetest.Certified, password)), "SELECT 1 AS value")
		wantFailure(t, failure, source.Unauthorized)
		_, failure = ask(t, on.connect(t, func(s *source.Settings) {
			s.TLS.Certificate, s.TLS.Key = other.Certificate, other.Key
		}), "SELECT 1 AS value")
		wantFailure(t, failure, source.Unavailable)
		if !strings.Contains(failure.Message, "client certificate") && !strings.Contains(failure.Message, "reset") {
			t.Errorf("the cause is not told: %s", failure.Message) // a server may hang up before its alert is read
		}
		if encrypted(t, on, on.connect(t, plain)) != 0 {
			t.Error("the connection is encrypted although tlsMode is Disabled")
		}
	})
}

func TestAServerWithoutTLSGetsNoPassword(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		on.Stop()
		defer func() {
			on.Stop()
			if err := on.Resume(); err != nil {
				t.Fatal(err)
			}
		}()
		if err := on.Resume(on.pick("--ssl=off", "--skip-ssl")); err != nil {
			t.Fatal(err)
		}
		_, failure := ask(t, on.connect(t), "SELECT 1 AS value")
		wantFailure(t, failure, source.Unavailable, "does not speak TLS", "tlsMode: Disabled")
		if _, failure := ask(t, on.connect(t, plain), "SELECT 1 AS value"); failure != nil {
			t.Error(failure)
		}
	})
}

func TestAnAddressThatNoSourceMayHaveIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		for _, host := range []string{"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "169.254.169.254", "0.0.0.0"} {
			for mode, change := range map[string]func(*source.Settings){"TLS": func(*source.Settings) {}, "plain": plain} {
				t.Run(host+" "+mode, func(t *testing.T) {
					connection := on.connect(t, change, func(s *source.Settings) { s.Guard, s.SQL.Host = source.Guard{}, host })
					_, failure := ask(t, connection, "SELECT 1 AS value")
					wantFailure(t, failure, source.Refused, "which sources may not have")
				})
			}
		}
	})
}

func TestANameThatDoesNotExistIsTold(t *testing.T) {
	onBoth(t, func(t *testing.T, on server) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		connection := on.connect(t, func(s *source.Settings) { s.SQL.Host = "nowhere.invalid" })
		_, failure := askIn(ctx, t, connection, "SELECT 1 AS value")
		wantFailure(t, failure, source.Unavailable, "nowhere.invalid:", "host") // no such host, or no name server
	})
}

func TestTheEnvironmentHasNoInfluence(t *testing.T) {
	nowhere := t.TempDir()
	for name, value := range map[string]string{
		"PGHOST": "203.0.113.1", "PGPORT": "1", "PGUSER": planted, "PGPASSWORD": "wrong", "PGDATABASE": "other",
		"PGSSLMODE": "disable", "PGSSLROOTCERT": nowhere + "/ca", "PGSSLCERT": nowhere + "/crt", "PGSSLKEY": nowhere + "/key",
		"PGOPTIONS": "-c statement_timeout=1", "PGAPPNAME": planted, "PGTARGETSESSIONATTRS": "standby", "PGCONNECT_TIMEOUT": "1",
		"PGPASSFILE": nowhere, "PGSERVICEFILE": nowhere, "PGREQUIREAUTH": "none", "PGCHANNELBINDING": "require", "PGTZ": "Asia/Tokyo",
		"PGSSLNEGOTIATION": "direct", "PGMINPROTOCOLVERSION": "9", "PGMAXPROTOCOLVERSION": "9", "PGSSLCERTMODE": "require",
		"HOME": nowhere, "MYSQL_HOST": "203.0.113.1", "MYSQL_PWD": "wrong",
	} {
		t.Setenv(name, value)
	}
	onBoth(t, func(t *testing.T, on server) {
		connection := on.connect(t)
		if encrypted(t, on, connection) != 1 {
			t.Error("the connection is not encrypted")
		}
		if on.pick("PostgreSQL", "") != "" {
			answer, failure := ask(t, connection, "SELECT application_name AS segment, (current_setting('TimeZone') <> 'Asia/Tokyo')::int AS value FROM pg_stat_activity WHERE pid = pg_backend_pid()")
			wantRows(t, answer, failure, source.Row{Segment: "uptake", Value: 1})
		}
		_, failure := ask(t, on.connect(t, as(user, "")), "SELECT 1 AS value")
		wantFailure(t, failure, source.Unauthorized)
	})
	t.Run("a service closes the door rather than open another", func(t *testing.T) {
		t.Setenv("PGSERVICE", "other")
		on, err := postgres()
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(on.settings())
		wantFailure(t, classified(t, err), source.InvalidQuery, "PGSERVICE")
	})
}

func TestSettingsThatCannotWorkAreRefusedBeforeAnythingIsSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	for name, test := range map[string]struct {
		change func(*source.Settings)
		words  string
	}{
		"no sql":                  {func(s *source.Settings) { s.SQL = nil }, "sql is not set"},
		"an unknown engine":       {func(s *source.Settings) { s.SQL.Engine = "Oracle" }, "PostgreSQL or MySQL"},
		"an unknown mode":         {func(s *source.Settings) { s.SQL.TLSMode = "Prefer" }, "VerifyFull or Disabled"},
		"a password in the clear": {func(s *source.Settings) { s.SQL.TLSMode = v1alpha1.TLSModeDisabled }, "allowPlaintext: true"},
		"a socket":                {func(s *source.Settings) { s.SQL.Host = "/var/run/postgresql" }, "host is not"},
		"a socket, Windows":       {func(s *source.Settings) { s.SQL.Host = `C:\pg` }, "host is not"},
		"an abstract socket":      {func(s *source.Settings) { s.SQL.Host = "@pg" }, "host is not"},
		"a port in the host":      {func(s *source.Settings) { s.SQL.Host = "db.example.com:5432" }, "host is not"},
		"several hosts":           {func(s *source.Settings) { s.SQL.Host = "a,b" }, "host is not"},
		"no host":                 {func(s *source.Settings) { s.SQL.Host = "" }, "host is not"},
		"no database":             {func(s *source.Settings) { s.SQL.Database = "" }, "database is empty"},
		"a port":                  {func(s *source.Settings) { s.SQL.Port = 70000 }, "port"},
		"a negative port":         {func(s *source.Settings) { s.SQL.Port = -1 }, "port"},
		"no user":                 {as("", password), "auth.basic"},
		"a NUL in the user":       {as("a\x00b", password), "NUL"},
		"a CA without one":        {func(s *source.Settings) { s.TLS.CA = []byte(planted) }, "the CA holds no certificate in PEM"},
		"half a key":              {func(s *source.Settings) { s.TLS.Key = []byte(planted) }, "tls.certificate"},
		"a key that is other":     {func(s *source.Settings) { s.TLS.Certificate, s.TLS.Key = []byte(planted), []byte(planted) }, "tls.certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, engine := range []v1alpha1.SQLEngine{v1alpha1.SQLEnginePostgreSQL, v1alpha1.SQLEngineMySQL} {
				settings := source.Settings{
					Name:        "test",
					SQL:         &v1alpha1.SQLSource{Engine: engine, Host: "db.example.com", Database: "usage"},
					Credentials: source.Credentials{Username: user, Password: password},
				}
				if _, err := New(settings); err != nil {
					t.Fatal(err)
				}
				test.change(&settings)
				_, err := New(settings)
				if err == nil {
					t.Fatal("they are accepted")
				}
				wantFailure(t, classified(t, err), source.InvalidQuery, test.words)
			}
		})
	}
}
