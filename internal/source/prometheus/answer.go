// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"encoding/json"
	"net/http"
	"strings"

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

// hasWarnings leaves out notes: Prometheus 2.47 to 2.53 put what is no more than
// advice about an expression among the warnings.
func (e *envelope) hasWarnings() bool {
	for _, warning := range e.Warnings {
		var text string
		if json.Unmarshal(warning, &text) != nil || !strings.HasPrefix(strings.TrimSpace(text), "PromQL info:") {
			return true
		}
	}
	return false
}

func (c *connection) parse(response *web.Response, expr string) (*data, *source.Error) {
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
		return nil, c.trouble(response.Status, answer, expr)
	case response.Status != http.StatusOK:
		return nil, c.failed(response.Status)
	case answer.Status != "success" || answer.Data == nil:
		return nil, badAnswer("%s answered without a result", host)
	case answer.hasWarnings():
		return nil, badAnswer("%s answered with a warning, so the result may be incomplete: evaluate the expression there to see it", host)
	case answer.IsPartial:
		return nil, badAnswer("%s answered with a part only: some of its storage is away", host)
	}
	return answer.Data, nil
}

// elsewhere says that whoever answered is not a Prometheus at all.
func elsewhere(format string, args ...any) *source.Error {
	return source.Errorf(source.Unavailable, format, args...)
}

// failed is for answers that are not Prometheus' own, such as a proxy's.
func (c *connection) failed(status int) *source.Error {
	host := c.web.Host()
	switch status {
	case http.StatusNotFound:
		return badAnswer("%s has no Prometheus API at this address (status %d): url is the base address, to which /api/v1/query is added; leave out /graph, /query and the like", host, status)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return source.Errorf(source.Unavailable, "%s does not accept the request, and does not say why as Prometheus would: check url, headers and params, and what is in front of it", host)
	}
	return source.Errorf(source.Unavailable, "%s answered with status %d", host, status)
}
