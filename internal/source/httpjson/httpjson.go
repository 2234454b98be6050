// SPDX-License-Identifier: Apache-2.0

// Package httpjson gets JSON from any API over HTTP and makes numbers of it with
// CEL expressions: it follows pages and links to files, and adds up rows.
package httpjson

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/web"
)

// defaultPages bounds the pages of a query that does not say so itself.
const defaultPages = 20

// New returns a connection to one API; it is a source.Driver.
func New(settings source.Settings) (source.Connection, error) {
	at := settings.HTTP
	client, failure := web.New(settings, at.URL, at.AllowedPathPrefix, at.Headers, at.DownloadHosts)
	if failure != nil {
		return nil, failure
	}
	return &connection{name: settings.Name, web: client.Bounded(at.MaxResponseSize), accept: accepted(at.Headers), now: settings.Now, cost: costOfPoll}, nil
}

type connection struct {
	name   string
	web    *web.Client
	accept string
	now    func() time.Time
	// cost bounds the work of one poll.
	cost uint64
}

// Close implements source.Connection.
func (c *connection) Close() { c.web.Close() }

// accepted is the media type that is asked for: that of the source's own header
// Accept if it has one, since some APIs choose their version by it.
func accepted(headers []v1alpha1.Header) string {
	for _, h := range headers {
		if http.CanonicalHeaderKey(h.Name) == "Accept" {
			return h.Value
		}
	}
	return "application/json, application/x-ndjson, */*;q=0.5"
}

// query is a prepared question: nothing in it changes from poll to poll.
type query struct {
	connection *connection
	method     string
	url        *url.URL
	format     v1alpha1.HTTPFormat
	params     map[string]string
	// body is what is posted; nil: nothing.
	body *expression
	// rows, where, segment, value and distinct are nil where the default holds.
	rows, where, segment, value, distinct *expression
	// complete is nil when whatever comes is taken for the whole.
	complete *expression
	// next and cursor are nil when the first page is all; at most one is set.
	next, cursor *expression
	maxPages     int
	// links is nil when the answer itself holds the records.
	links       *expression
	linksFormat v1alpha1.HTTPFormat
}

// Asker compiles a question and resolves its path.
func (c *connection) Asker(question source.Question) (source.Asker, error) {
	asked := question.HTTP
	if asked == nil {
		return nil, source.Mismatch(c.name, "http")
	}
	method := string(cmp.Or(asked.Method, v1alpha1.HTTPMethodGet))
	if asked.Body != "" && method != http.MethodPost {
		return nil, invalid("http.body: a body goes with method: POST")
	}
	if by := question.SegmentBy; by != nil && (by.Label != "" || by.NamespaceLabel != "") {
		return nil, invalid("segmentBy: JSON has no labels: name the segment of a row with http.segment")
	}
	path, failure := bind(asked.Path, question.Parameters)
	if failure != nil {
		return nil, failure
	}
	target, failure := c.web.Resolve(path)
	if failure != nil {
		return nil, failure
	}
	q := &query{
		connection: c, method: method, url: target, params: source.ParameterMap(question.Parameters),
		format: cmp.Or(asked.Format, v1alpha1.HTTPFormatJSON),
	}
	if failure := q.compile(asked); failure != nil {
		return nil, failure
	}
	return q, nil
}

// compile compiles every expression of a question.
func (q *query) compile(asked *v1alpha1.NamedHTTPQuery) *source.Error {
	type member struct {
		into **expression
		text v1alpha1.Expression
		kind *kind
	}
	members := []member{
		{&q.body, asked.Body, kindBody},
		{&q.rows, asked.Rows, kindRows},
		{&q.where, asked.Where, kindWhere},
		{&q.segment, asked.Segment, kindSegment},
		{&q.value, asked.Value, kindValue},
		{&q.distinct, asked.Distinct, kindKey},
		{&q.complete, asked.Complete, kindWhole},
	}
	if asked.Distinct != "" && asked.Value != "" {
		return invalid("http.distinct: it counts keys and http.value adds up numbers: set one of them")
	}
	if pages := asked.Pagination; pages != nil {
		switch {
		case (pages.Next == "") == (pages.Cursor == ""):
			return invalid("http.pagination: say in next, or in cursor for a body, how to get to the next page")
		case pages.Cursor != "" && asked.Body == "":
			return invalid("http.pagination.cursor: it is for a body: set method: POST and body in a named query of the source, or say in next how to get to the next page")
		}
		members = append(members, member{&q.next, pages.Next, kindNext}, member{&q.cursor, pages.Cursor, kindCursor})
		q.maxPages = int(cmp.Or(pages.MaxPages, defaultPages))
	}
	if files := asked.Downloads; files != nil {
		if files.Links == "" {
			return invalid("http.downloads.links: say where in the answer the links are")
		}
		members = append(members, member{&q.links, files.Links, kindLinks})
		q.linksFormat = cmp.Or(files.Format, v1alpha1.HTTPFormatNDJSON)
	}
	for _, m := range members {
		if m.text == "" {
			continue
		}
		compiled, failure := compile(m.kind, string(m.text))
		if failure != nil {
			return failure
		}
		*m.into = compiled
	}
	return nil
}

func invalid(format string, args ...any) *source.Error {
	return source.Errorf(source.InvalidQuery, format, args...)
}

func badAnswer(format string, args ...any) *source.Error {
	return source.Errorf(source.BadAnswer, format, args...)
}
