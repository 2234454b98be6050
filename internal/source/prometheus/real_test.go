// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// Config is what these tests vary of a source's settings.
type Config struct {
	URL, Username, Password, Token string
	CA                             []byte
}

func connect(config Config) (source.Connection, error) {
	return New(source.Settings{
		Name:           "UsageSource/test/prometheus",
		Prometheus:     &v1alpha1.PrometheusSource{URL: config.URL},
		Credentials:    source.Credentials{Username: config.Username, Password: config.Password, Token: config.Token},
		AllowPlaintext: true,
		TLS:            source.TLS{CA: config.CA},
		Guard:          source.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Now:            time.Now,
	})
}

func theConfig(t *testing.T) Config {
	t.Helper()
	server := theServer(t)
	return Config{URL: server.url, Username: user, Password: password, CA: server.ca}
}

func aClient(t *testing.T, config Config) source.Connection {
	t.Helper()
	client, err := connect(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func ask(t *testing.T, client source.Connection, expr, label string) (source.Answer, *source.Error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return askIn(ctx, t, client, expr, label)
}

func askIn(ctx context.Context, t *testing.T, client source.Connection, expr, label string) (source.Answer, *source.Error) {
	t.Helper()
	question := source.Question{Prometheus: &v1alpha1.PrometheusQuery{Expr: expr}}
	if label != "" {
		question.SegmentBy = &v1alpha1.SegmentBy{Label: label}
	}
	asker, err := client.Asker(question)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := asker.Ask(ctx)
	if err == nil {
		return answer, nil
	}
	var failure *source.Error
	if !errors.As(err, &failure) {
		t.Fatalf("an unclassified error: %v", err)
	}
	if strings.Contains(failure.Message, password) {
		t.Fatalf("the password is told: %s", failure.Message)
	}
	return answer, failure
}

func wantFailure(t *testing.T, failure *source.Error, class source.Class, words ...string) {
	t.Helper()
	if failure == nil || failure.Class != class {
		t.Fatalf("want %s, got %+v", class, failure)
	}
	for _, word := range words {
		if !strings.Contains(failure.Message, word) {
			t.Errorf("the message does not say %q: %s", word, failure.Message)
		}
	}
}

func TestAnExpressionGivesANumberOrOneForEachSegment(t *testing.T) {
	client := aClient(t, theConfig(t))
	for _, test := range []struct {
		expr, label string
		want        []source.Row
	}{
		{`scalar(unlabelled)`, "", []source.Row{{Value: 7}}},
		{`42`, "", []source.Row{{Value: 42}}},
		{`unlabelled`, "", []source.Row{{Value: 7}}},
		{`sum(routes)`, "", []source.Row{{Value: 8}}},
		{`nothing`, "", []source.Row{{Value: 0}}},
		{`debt`, "", []source.Row{{Value: -2}}},
		{`routes`, "team", []source.Row{{Segment: "ads", Value: 0}, {Segment: "cart", Value: 3}, {Segment: "media", Value: 5}}},
		{`sum by (team) (namespaces)`, "team", []source.Row{{Segment: "cart", Value: 10}}},
		{`routes / 3`, "team", []source.Row{{Segment: "ads", Value: 0}, {Segment: "cart", Value: 1}, {Segment: "media", Value: 5.0 / 3}}},
		{`count(absent_metric)`, "", []source.Row{}},
		{`absent_metric`, "team", []source.Row{}},
		{`unlabelled`, "team", []source.Row{{Value: 7}}},
		{`sum by (team) (routes) or vector(0)`, "team", []source.Row{{}, {Segment: "ads"}, {Segment: "cart", Value: 3}, {Segment: "media", Value: 5}}},
		{`sum by (team) (routes) or sum(routes)`, "team", []source.Row{{Value: 8}, {Segment: "ads"}, {Segment: "cart", Value: 3}, {Segment: "media", Value: 5}}},
		{`label_replace(unlabelled, "zone", "a", "", "") or label_replace(debt, "zone", "b", "", "")`, "team", []source.Row{{Value: 5}}},
		{`label_replace(routes{team="cart"}, "team", "  cart\u00a0", "", "")`, "team", []source.Row{{Segment: "cart", Value: 3}}},
	} {
		t.Run(test.expr+" by "+test.label, func(t *testing.T) {
			answer, failure := ask(t, client, test.expr, test.label)
			if failure != nil {
				t.Fatal(failure)
			}
			if !reflect.DeepEqual(answer.Rows, test.want) || answer.Segmented != (test.label != "") {
				t.Fatalf("want %+v, got %+v", test.want, answer)
			}
			if answer.Complete {
				t.Error("a time series database never knows everything")
			}
		})
	}
}

func TestWhatIsNotAUsableNumberIsToldWithTheRemedy(t *testing.T) {
	client := aClient(t, theConfig(t))
	for _, test := range []struct {
		expr, label string
		class       source.Class
		words       string
	}{
		{`routes`, "", source.BadAnswer, "3 series"},
		{`namespaces`, "team", source.BadAnswer, "aggregate by (team)"},
		{`42`, "team", source.BadAnswer, "no label team"},
		{`nothing / nothing`, "", source.BadAnswer, "NaN"},
		{`unlabelled / nothing`, "", source.BadAnswer, "infinite"},
		{`-unlabelled / nothing`, "", source.BadAnswer, "infinite"},
		{`routes[5m]`, "", source.BadAnswer, "range"},
		{`"text"`, "", source.BadAnswer, "string"},
		{`sum(routes`, "", source.InvalidQuery, "1:11"},
		{"sum(\n  routes,,\n)", "", source.InvalidQuery, "2:"},
		{`elephants(routes)`, "", source.InvalidQuery, "there is no such function"},
		{`label_replace(routes, "x", "$1", "team", "(")`, "", source.InvalidQuery, "regular expression"},
		{``, "", source.InvalidQuery, ""},
		{`routes * on() namespaces`, "", source.BadAnswer, "several series where one is matched"},
	} {
		t.Run(test.expr, func(t *testing.T) {
			_, failure := ask(t, client, test.expr, test.label)
			wantFailure(t, failure, test.class, test.words)
		})
	}
}

func TestWrongCredentialsAreToldApartFromNone(t *testing.T) {
	wrong := theConfig(t)
	wrong.Password = "wrong"
	_, failure := ask(t, aClient(t, wrong), "1", "")
	wantFailure(t, failure, source.Unauthorized, "did not accept the credentials", "401")

	_, failure = ask(t, aClient(t, Config{URL: theServer(t).url, CA: theServer(t).ca}), "1", "")
	wantFailure(t, failure, source.Unauthorized, "asks for credentials")
}

func TestSecretsThatEndWithANewlineWork(t *testing.T) {
	config := theConfig(t)
	config.Username += "\n"
	config.Password += "\r\n"
	if _, failure := ask(t, aClient(t, config), "1", ""); failure != nil {
		t.Fatal(failure)
	}
}

func TestWhyAServerCannotBeReachedIsTold(t *testing.T) {
	server := theServer(t)
	host := strings.TrimPrefix(server.url, "https://")
	_, port, _ := strings.Cut(host, ":")
	unused, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	for words, config := range map[string]Config{
		"certificate signed by unknown authority": {URL: server.url},
		"certificate is for another host name":    {URL: "https://localhost:" + port, CA: server.ca},
		"connection refused":                      {URL: fmt.Sprintf("http://127.0.0.1:%d", unused)},
		"no such host":                            {URL: "http://prometheus.invalid:9090"},
	} {
		t.Run(words, func(t *testing.T) {
			config.Username, config.Password = user, password
			_, failure := ask(t, aClient(t, config), "1", "")
			address := strings.TrimPrefix(strings.TrimPrefix(config.URL, "https://"), "http://")
			wantFailure(t, failure, source.Unavailable, words, address)
		})
	}
	t.Run("timed out", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		_, failure := askIn(ctx, t, aClient(t, theConfig(t)), "1", "")
		wantFailure(t, failure, source.Unavailable, "timed out")
	})
}

func TestANumberThatIsNoneTaintsItsSegmentOnly(t *testing.T) {
	answer, failure := ask(t, aClient(t, theConfig(t)), `routes / (routes * 0)`, "team")
	if failure != nil || len(answer.Rows) == 0 {
		t.Fatalf("%+v, %v", answer, failure)
	}
	for _, row := range answer.Rows {
		if row.Unknown == "" || row.Value != 0 {
			t.Errorf("%+v", row)
		}
	}
}

func TestAClientIsSafeForConcurrentUse(t *testing.T) {
	client := aClient(t, theConfig(t))
	var asks sync.WaitGroup
	for i := range 20 {
		asks.Go(func() {
			asker, err := client.Asker(source.Question{Prometheus: &v1alpha1.PrometheusQuery{Expr: fmt.Sprint(i)}})
			if err != nil {
				t.Error(err)
				return
			}
			answer, err := asker.Ask(t.Context())
			if err != nil || answer.Rows[0].Value != float64(i) {
				t.Errorf("asked for %d: %+v, %v", i, answer, err)
			}
		})
	}
	asks.Wait()
}
