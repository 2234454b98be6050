// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/web"
)

// answer is a page, or a file that one links to.
type answer struct {
	body     ref.Val
	response *web.Response
	page     int
	// file counts from 1; 0: this is the page itself.
	file int
	// last says that no page follows.
	last bool
}

// String names it for messages.
func (a *answer) String() string {
	if a.file > 0 {
		return fmt.Sprintf("file %d", a.file)
	}
	return fmt.Sprintf("page %d", a.page)
}

// evalOn evaluates an expression that looks at one answer.
func (p *poll) evalOn(ctx context.Context, e *expression, this *answer) (ref.Val, *source.Error) {
	links := map[string]string{}
	if e.words["link"] {
		parsed, ok := parseLinks(this.response.Header.Values("Link"))
		if !ok {
			return nil, badAnswer("%s answered with a header Link that cannot be read", this.response.URL.Host)
		}
		links = parsed
	}
	return p.eval(ctx, e, map[string]any{
		"body": this.body, "link": links, "page": this.page, "file": this.file, "status": this.response.Status,
		"headers": headersOf(this.response.Header), "count": p.tally.count, "last": this.last,
	})
}

// headersOf returns headers by their names in lower case.
func headersOf(header http.Header) map[string]string {
	byName := make(map[string]string, len(header))
	for name, values := range header {
		byName[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return byName
}

// looksAhead reports whether complete has to wait until rows are counted and it is
// known whether a page follows.
func (q *query) looksAhead() bool { return q.complete.words["count"] || q.complete.words["last"] }

// early judges an answer before anything is made of it, so that a part is told as
// such and not as rows that are amiss.
func (p *poll) early(ctx context.Context, this *answer) *source.Error {
	switch {
	case p.query.complete == nil:
		return graphQLErrors(this)
	case p.query.looksAhead():
		return nil
	}
	return p.judge(ctx, this)
}

// late judges an answer once its rows have been counted.
func (p *poll) late(ctx context.Context, this *answer) *source.Error {
	if p.query.complete == nil || !p.query.looksAhead() {
		return nil
	}
	return p.judge(ctx, this)
}

func (p *poll) judge(ctx context.Context, this *answer) *source.Error {
	complete := p.query.complete
	value, failure := p.evalOn(ctx, complete, this)
	switch {
	case failure != nil && failure.Class == source.BadAnswer:
		failure.Message = fmt.Sprintf("whether %s is whole cannot be told: %s", this, failure.Message)
		return failure
	case failure != nil:
		return failure
	case value == types.True:
		return nil
	case value == types.False:
		return badAnswer("http.complete is not true of %s: the answer is only a part; ask for less at once, or have the API mended if that stays so", this)
	}
	failure = complete.misfit(value)
	failure.Message = fmt.Sprintf("whether %s is whole cannot be told: %s", this, failure.Message)
	return failure
}

// graphQLErrors looks for what GraphQL says beside data when it could not get all of
// it. Whoever says in http.complete what is whole decides that, too.
func graphQLErrors(this *answer) *source.Error {
	object, isObject := this.body.Value().(map[string]any)
	if !isObject {
		return nil
	}
	errors, isList := object["errors"].([]any)
	if _, hasData := object["data"]; !hasData || !isList || len(errors) == 0 {
		return nil
	}
	return badAnswer("%s has errors beside data, as GraphQL answers in part: run the query there to see them, or say in http.complete when an answer is whole", this)
}
