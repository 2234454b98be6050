// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/web"
)

const (
	// mostBytes bounds all pages and files of a poll together.
	mostBytes = 32 << 20
	// mostFiles bounds the links that are followed.
	mostFiles = 50
)

// poll is one evaluation of a query.
type poll struct {
	query *query
	// now is the same for all rows.
	now   time.Time
	tally *tally
	// asked are digests of the requests so far.
	asked map[[sha256.Size]byte]bool
	// withRows are digests of the pages so far that had rows, with their numbers.
	withRows map[uint64]int
	// bytes and cost are what has been used up.
	bytes int
	cost  uint64
	// bodies is how many were records as they are, and ofLists whether they were lists.
	bodies  int
	ofLists bool
	// files is how many have been got.
	files int
	// followed are the links to files.
	followed map[string]bool
}

// Ask implements source.Asker.
func (q *query) Ask(ctx context.Context) (source.Answer, error) {
	p := &poll{query: q, now: q.connection.now(), tally: newTally(q.segment != nil), asked: map[[sha256.Size]byte]bool{}, withRows: map[uint64]int{}, followed: map[string]bool{}}
	if failure := p.pages(ctx); failure != nil {
		return source.Answer{}, failure
	}
	rows, failure := p.tally.rows()
	if failure != nil {
		return source.Answer{}, failure
	}
	return source.Answer{Rows: rows, Segmented: q.segment != nil}, nil
}

// pages asks for page after page, with the same method and headers.
func (p *poll) pages(ctx context.Context) *source.Error {
	q := p.query
	request := web.Request{Method: q.method, URL: q.url, Accept: q.connection.accept}
	var cursor ref.Val = types.NullValue
	for page := 1; ; page++ {
		content, failure := p.content(ctx, page, cursor)
		if failure != nil {
			return failure
		}
		if request.Body = content; content != nil {
			request.ContentType = "application/json"
		}
		if p.hasAsked(request) {
			return badAnswer("%s leads to a page that has been read already: it goes in circles", q.turning().field)
		}
		response, failure := q.connection.web.Do(ctx, request)
		if failure != nil {
			return onPageOf(failure.OfTheServer(), page)
		}
		next, failure := p.page(ctx, response, page)
		switch {
		case failure != nil:
			return onPageOf(failure, page)
		case next == nil:
			return nil
		case page >= q.maxPages:
			return badAnswer("there are more than %d pages: raise http.pagination.maxPages, or ask for more in each page", q.maxPages)
		}
		request.URL, cursor = next.url, next.cursor
	}
}

// onPageOf says on which page time ran out.
func onPageOf(failure *source.Error, page int) *source.Error {
	if failure.TimedOut && page > 1 {
		failure.Message += fmt.Sprintf(" on page %d", page)
	}
	return failure
}

// hasAsked reports whether the same has been asked before, and takes note of it.
func (p *poll) hasAsked(request web.Request) bool {
	key := sha256.Sum256(append([]byte(request.URL.String()+"\n"), request.Body...))
	asked := p.asked[key]
	p.asked[key] = true
	return asked
}

// page takes an answer in, and returns what is asked for after it, or nil. The files that
// it links to are got when it is not held any more: others wait for what it takes.
func (p *poll) page(ctx context.Context, response *web.Response, page int) (*following, *source.Error) {
	digest := maphash.Bytes(p.tally.seed, response.Body)
	if before := p.withRows[digest]; before > 0 {
		return nil, badAnswer("page %d is the same as page %d: the server repeats itself instead of going on; check %s", page, before, p.query.turning().field)
	}
	count := p.tally.count
	next, links, failure := p.takeIn(ctx, response, page)
	if failure != nil {
		return nil, failure
	}
	for _, link := range links {
		p.files++
		if failure := p.file(ctx, page, link); failure != nil {
			if failure.TimedOut {
				failure.Message += fmt.Sprintf(" on file %d", p.files)
			}
			return nil, failure
		}
	}
	if p.tally.count > count {
		p.withRows[digest] = page
	}
	return next, nil
}

// takeIn decodes an answer, counts its rows where it has them itself, and gives up what
// it takes in memory.
func (p *poll) takeIn(ctx context.Context, response *web.Response, page int) (next *following, links []link, failure *source.Error) {
	release, failure := response.Reserve(ctx)
	if failure != nil {
		return nil, nil, failure
	}
	defer release()
	body, failure := p.read(response, p.query.format)
	if failure != nil {
		return nil, nil, failure
	}
	this := &answer{body: body, response: response, page: page}
	if failure := p.early(ctx, this); failure != nil {
		return nil, nil, failure
	}
	if p.query.links != nil {
		links, failure = p.links(ctx, body)
	} else {
		failure = p.count(ctx, body)
	}
	if failure != nil {
		return nil, nil, failure
	}
	if next, failure = p.next(ctx, this); failure != nil {
		return nil, nil, failure
	}
	this.last = next == nil
	return next, links, p.late(ctx, this)
}

// read decodes what came.
func (p *poll) read(response *web.Response, format v1alpha1.HTTPFormat) (ref.Val, *source.Error) {
	if p.bytes += len(response.Body); p.bytes > mostBytes {
		return nil, badAnswer("the pages and files have more than 32 MiB together: ask for less")
	}
	if response.IsPage() {
		// Somebody else answers: unlike other answers this does not say that the source is there.
		return nil, source.Errorf(source.Unavailable, "%s answered with a web page, not with JSON: check url and path, and that no log-in page is in front of it", response.URL.Host)
	}
	value, err := decode(response.Body, format)
	if err != nil {
		return nil, badAnswer("%s answered with %v", response.URL.Host, err)
	}
	if !response.Framed && (format == v1alpha1.HTTPFormatNDJSON || !hasOwnEnd(value)) {
		return nil, badAnswer("%s answered without saying where the answer ends, so it may be a part: it has to send Content-Length or chunks", response.URL.Host)
	}
	return types.DefaultTypeAdapter.NativeToValue(value), nil
}

// hasOwnEnd reports whether no part of a value would be one as well, as 4 is of 42.
func hasOwnEnd(value any) bool {
	switch value.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// file counts the rows of a file.
func (p *poll) file(ctx context.Context, page int, of link) *source.Error {
	isMadeUp := false
	isSaid := func() bool {
		isMadeUp = !of.isSaid
		return of.isSaid
	}
	response, failure := p.query.connection.web.Download(ctx, of.address, isSaid)
	switch {
	case failure != nil && (isMadeUp || !p.query.links.dependsOnAnswer()):
		return failure
	case failure != nil:
		return failure.OfTheAnswer()
	}
	if len(response.Body) == 0 {
		// Nobody links to a file of nothing: it is still being written.
		return badAnswer("%s has an empty file behind a link: it may not be written yet", response.URL.Host)
	}
	release, failure := response.ReserveFile(ctx)
	if failure != nil {
		return failure
	}
	defer release()
	body, failure := p.read(response, p.query.linksFormat)
	if failure != nil {
		return failure
	}
	this := &answer{body: body, response: response, page: page, file: p.files}
	if failure := p.early(ctx, this); failure != nil {
		return failure
	}
	if failure := p.count(ctx, body); failure != nil {
		return failure
	}
	return p.late(ctx, this)
}

// holds reports whether a string is somewhere in an answer, as a whole.
func holds(value any, text string) bool {
	switch value := value.(type) {
	case string:
		return value == text
	case []any:
		return slices.ContainsFunc(value, func(v any) bool { return holds(v, text) })
	case map[string]any:
		for _, v := range value {
			if holds(v, text) {
				return true
			}
		}
	}
	return false
}

// link is a file that an answer links to.
type link struct {
	address string
	// isSaid reports whether the answer holds the address as a whole: an expression may
	// make up others.
	isSaid bool
}

// links returns those that have not been followed yet.
func (p *poll) links(ctx context.Context, body ref.Val) ([]link, *source.Error) {
	value, failure := p.eval(ctx, p.query.links, map[string]any{"body": body})
	if failure != nil {
		return nil, failure
	}
	list, isList := value.(traits.Lister)
	if !isList {
		return nil, p.query.links.misfit(value)
	}
	var links []link
	for i := list.Iterator(); i.HasNext() == types.True; {
		address, isString := i.Next().(types.String)
		if !isString {
			return nil, badAnswer("%s gives a list that has something else than strings", p.query.links.field)
		}
		if p.followed[string(address)] {
			continue
		}
		p.followed[string(address)] = true
		if len(p.followed) > mostFiles {
			return nil, badAnswer("%s gives more than %d links: ask for less", p.query.links.field, mostFiles)
		}
		links = append(links, link{string(address), holds(body.Value(), string(address))})
	}
	return links, nil
}

// following is what is asked for next: an address, with a body that knows a cursor.
type following struct {
	url    *url.URL
	cursor ref.Val
}

// turning is the expression that turns pages; nil: there is one page.
func (q *query) turning() *expression { return cmp.Or(q.next, q.cursor) }

// next returns what is asked for after an answer, or nil.
func (p *poll) next(ctx context.Context, this *answer) (*following, *source.Error) {
	turning := p.query.turning()
	if turning == nil {
		return nil, nil
	}
	value, failure := p.evalOn(ctx, turning, this)
	if failure != nil {
		return nil, failure
	}
	if optional, is := value.(*types.Optional); is {
		if !optional.HasValue() {
			return nil, nil
		}
		value = optional.GetValue()
	}
	if value == types.NullValue || value == types.String("") {
		return nil, nil
	}
	if turning == p.query.cursor {
		return &following{this.response.URL, value}, nil
	}
	reference, isString := value.(types.String)
	if !isString {
		return nil, turning.misfit(value)
	}
	next, failure := p.follow(this.response.URL, string(reference))
	switch {
	case failure != nil && turning.dependsOnAnswer():
		return nil, failure.OfTheAnswer()
	case failure != nil:
		return nil, failure
	}
	return &following{next, types.NullValue}, nil
}

// follow resolves a reference. In "?cursor=" + body.next the value is as the server
// gave it: a plus sign is one, not a space, and a hash sign begins no fragment.
func (p *poll) follow(present *url.URL, reference string) (*url.URL, *source.Error) {
	if query, is := strings.CutPrefix(reference, "?"); is {
		query = strings.NewReplacer("+", "%2B", "#", "%23", ";", "%3B", " ", "%20").Replace(query)
		if _, err := url.ParseQuery(query); err != nil {
			return nil, badAnswer("http.pagination.next gives a query that cannot be read: a %% has to be followed by two hexadecimal digits")
		}
		reference = "?" + query
	}
	return p.query.connection.web.Next(present, reference)
}
