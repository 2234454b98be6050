// SPDX-License-Identifier: Apache-2.0

// Package prometheus evaluates PromQL expressions as instant queries over the
// HTTP API that Prometheus, Thanos, Mimir and VictoriaMetrics share.
package prometheus

import (
	"context"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/web"
)

// New returns a connection to one Prometheus; it is a source.Driver.
func New(settings source.Settings) (source.Connection, error) {
	client, failure := web.New(settings, settings.Prometheus.URL, "", settings.Prometheus.Headers, nil)
	if failure != nil {
		return nil, failure
	}
	client = client.WithParameters(settings.Prometheus.Params).Bounded(settings.Prometheus.MaxResponseSize)
	endpoint, failure := client.Resolve("/api/v1/query")
	if failure != nil {
		return nil, failure
	}
	return &connection{name: settings.Name, web: client, endpoint: endpoint}, nil
}

type connection struct {
	name     string
	web      *web.Client
	endpoint *url.URL
	// gets says that GET worked where POST was refused.
	gets atomic.Bool
}

// Close implements source.Connection.
func (c *connection) Close() { c.web.Close() }

// Asker prepares an expression. With a label to segment by each series is a
// segment, named by that label; without one the answer must be a single number.
func (c *connection) Asker(question source.Question) (source.Asker, error) {
	if question.Prometheus == nil {
		return nil, source.Mismatch(c.name, "prometheus")
	}
	expr, failure := bind(question.Prometheus.Expr, question.Parameters)
	if failure != nil {
		return nil, failure
	}
	q := &query{connection: c, expr: expr}
	if by := question.SegmentBy; by != nil {
		if by.NamespaceLabel != "" {
			return nil, invalid("segmentBy.namespaceLabel: only objects know namespaces: group by a label in the expression and set segmentBy.label")
		}
		q.segmentLabel = by.Label
	}
	return q, nil
}

type query struct {
	connection   *connection
	expr         string
	segmentLabel string
}

// Ask implements source.Asker.
func (q *query) Ask(ctx context.Context) (source.Answer, error) {
	response, failure := q.connection.evaluate(ctx, q.expr)
	if failure != nil {
		return source.Answer{}, failure
	}
	release, failure := response.Reserve(ctx)
	if failure != nil {
		return source.Answer{}, failure
	}
	defer release()
	data, failure := q.connection.parse(response, q.expr)
	if failure != nil {
		return source.Answer{}, failure
	}
	rows, failure := data.rows(q.segmentLabel)
	if failure != nil {
		return source.Answer{}, failure
	}
	return source.Answer{Rows: rows, Segmented: q.segmentLabel != ""}, nil
}

// evaluate has an expression evaluated now. It is posted, since an address may be too
// short for it; but there are proxies that let nothing through but GET, so that is tried
// where POST is refused, and remembered if it works.
func (c *connection) evaluate(ctx context.Context, expr string) (*web.Response, *source.Error) {
	if c.gets.Load() {
		response, failure := c.get(ctx, expr)
		if failure == nil || !refusesMethod(failure) {
			return response, failure
		}
		c.gets.Store(false)
	}
	response, failure := c.post(ctx, expr)
	if failure != nil && refusesMethod(failure) {
		got, second := c.get(ctx, expr)
		if second == nil {
			c.gets.Store(true)
			return got, nil
		}
	}
	return response, failure
}

func (c *connection) post(ctx context.Context, expr string) (*web.Response, *source.Error) {
	response, failure := c.web.Do(ctx, web.Request{
		Method: http.MethodPost, URL: c.endpoint, Accept: "application/json",
		Body: []byte(url.Values{"query": {expr}}.Encode()), ContentType: "application/x-www-form-urlencoded",
		Reads: saysMore,
	})
	return response, failure.OfTheServer()
}

func (c *connection) get(ctx context.Context, expr string) (*web.Response, *source.Error) {
	target, failure := c.web.Next(c.endpoint, "?"+url.Values{"query": {expr}}.Encode())
	if failure != nil {
		return nil, failure
	}
	response, failure := c.web.Do(ctx, web.Request{Method: http.MethodGet, URL: target, Accept: "application/json", Reads: saysMore})
	return response, failure.OfTheServer()
}

// refusesMethod reports whether another method may be let through.
func refusesMethod(failure *source.Error) bool {
	switch failure.Status {
	case http.StatusForbidden:
		return failure.Class == source.Unauthorized
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// saysMore says of which statuses the body tells what is wrong.
func saysMore(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnprocessableEntity || status == http.StatusNotFound ||
		status == http.StatusServiceUnavailable || status == http.StatusInternalServerError
}

func invalid(format string, args ...any) *source.Error {
	return source.Errorf(source.InvalidQuery, format, args...)
}

func badAnswer(format string, args ...any) *source.Error {
	return source.Errorf(source.BadAnswer, format, args...)
}
