// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/web"
)

// envelope is what surrounds every answer of the API.
type envelope struct {
	Status    string            `json:"status"`
	Data      *data             `json:"data"`
	ErrorType string            `json:"errorType"`
	Error     string            `json:"error"`
	Warnings  []json.RawMessage `json:"warnings"`
	// IsPartial is how VictoriaMetrics says that some of its storage did not answer.
	IsPartial bool `json:"isPartial"`
}

func (c *connection) parse(response *web.Response) (*data, *source.Error) {
	host := c.web.Host()
	var answer envelope
	if err := json.Unmarshal(response.Body, &answer); err != nil || answer.Status == "" {
		if response.Status != http.StatusOK {
			return nil, c.failed(response.Status)
		}
		if response.IsPage() {
			return nil, elsewhere("%s answered with a web page, not with the Prometheus API: check the url, and that no log-in page is in front of it", host)
		}
		return nil, elsewhere("%s answered with something that is not the Prometheus API: check the url", host)
	}
	switch {
	case answer.Status == "error":
		return nil, c.notEvaluated(response.Status, answer)
	case response.Status != http.StatusOK:
		return nil, c.failed(response.Status)
	case answer.Status != "success" || answer.Data == nil:
		return nil, badAnswer("%s answered without a result", host)
	case len(answer.Warnings) > 0:
		return nil, badAnswer("%s answered with a warning, so the result may be incomplete: evaluate the expression there to see it", host)
	case answer.IsPartial:
		return nil, badAnswer("%s answered with a part only: some of its storage is away", host)
	}
	return answer.Data, nil
}

// position is where an expression does not parse: all of an error's text that is
// ever repeated, since the rest may hold anything.
var position = regexp.MustCompile(`^invalid parameter "query": ([0-9]{1,4}:[0-9]{1,4}): parse error: `)

func (c *connection) notEvaluated(status int, answer envelope) *source.Error {
	host := c.web.Host()
	switch answer.ErrorType {
	case "bad_data":
		if at := position.FindStringSubmatch(answer.Error); at != nil {
			return invalid("%s cannot parse the expression: look at %s (line:column)", host, at[1])
		}
		return invalid("%s does not accept the expression: evaluate it there to see why", host)
	case "execution":
		return invalid("%s cannot execute the expression: evaluate it there to see why", host)
	case "timeout", "canceled":
		return source.Errorf(source.Unavailable, "%s gave up on the expression because it took too long", host)
	}
	return c.failed(status)
}

// elsewhere says that whoever answered is not a Prometheus at all.
func elsewhere(format string, args ...any) *source.Error {
	return source.Errorf(source.Unavailable, format, args...)
}

// failed is for answers that are not Prometheus' own, such as a proxy's.
func (c *connection) failed(status int) *source.Error {
	return source.Errorf(source.Unavailable, "%s answered with status %d", c.web.Host(), status)
}
