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

// page takes an answer in, and returns what is asked for after it, or nil.
func (p *poll) page(ctx context.Context, response *web.Response, page int) (*following, *source.Error) {
	release, failure := response.Reserve(ctx)
	if failure != nil {
		return nil, failure
	}
	defer release()
	body, failure := p.read(response, p.query.format)
	if failure != nil {
		return nil, failure
	}
	this := &answer{body: body, response: response, page: page}
	if failure := p.early(ctx, this); failure != nil {
		return nil, failure
	}
	if failure := p.takeOnce(ctx, this); failure != nil {
		return nil, failure
	}
	next, failure := p.next(ctx, this)
	if failure != nil {
		return nil, failure
	}
	this.last = next == nil
	return next, p.late(ctx, this)
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

// takeOnce takes a page, unless it is one again that had rows: a server that does not
// know the parameter by which pages are turned answers the first one for ever, and its
// rows would count as often.
func (p *poll) takeOnce(ctx context.Context, this *answer) *source.Error {
	digest := maphash.Bytes(p.tally.seed, this.response.Body)
	if before := p.withRows[digest]; before > 0 {
		return badAnswer("page %d is the same as page %d: the server repeats itself instead of going on; check %s", this.page, before, p.query.turning().field)
	}
	count := p.tally.count
	if failure := p.take(ctx, this); failure != nil {
		return failure
	}
	if p.tally.count > count {
		p.withRows[digest] = this.page
	}
	return nil
}

// take counts the rows of an answer, or of the files that it links to.
func (p *poll) take(ctx context.Context, this *answer) *source.Error {
	if p.query.links == nil {
		return p.count(ctx, this.body)
	}
	links, failure := p.links(ctx, this.body)
	if failure != nil {
		return failure
	}
	for _, link := range links {
		p.files++
		if failure := p.file(ctx, this, link); failure != nil {
			if failure.TimedOut {
				failure.Message += fmt.Sprintf(" on file %d", p.files)
			}
			return failure
		}
	}
	return nil
}

// file counts the rows of a file.
func (p *poll) file(ctx context.Context, of *answer, link string) *source.Error {
	isMadeUp := false
	isSaid := func() bool {
		isMadeUp = !holds(of.body.Value(), link)
		return !isMadeUp
	}
	response, failure := p.query.connection.web.Download(ctx, link, isSaid)
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
	this := &answer{body: body, response: response, page: of.page, file: p.files}
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

// links returns those that have not been followed yet.
func (p *poll) links(ctx context.Context, body ref.Val) ([]string, *source.Error) {
	value, failure := p.eval(ctx, p.query.links, map[string]any{"body": body})
	if failure != nil {
		return nil, failure
	}
	list, isList := value.(traits.Lister)
	if !isList {
		return nil, p.query.links.misfit(value)
	}
	var links []string
	for i := list.Iterator(); i.HasNext() == types.True; {
		link, isString := i.Next().(types.String)
		if !isString {
			return nil, badAnswer("%s gives a list that has something else than strings", p.query.links.field)
		}
		if p.followed[string(link)] {
			continue
		}
		p.followed[string(link)] = true
		if len(p.followed) > mostFiles {
			return nil, badAnswer("%s gives more than %d links: ask for less", p.query.links.field, mostFiles)
		}
		links = append(links, string(link))
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
