// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

const (
	// deepest is how far lists and objects may be nested.
	deepest = 100
	// longestText bounds a string, because functions on strings cannot be interrupted.
	longestText = 256 << 10
)

// Why an answer is not taken, in words that complete "host answered with ...".
var (
	errNotJSON    = errors.New("something that is not JSON: check url and path")
	errNotNDJSON  = errors.New("lines that are not all JSON: check url, path and format, and whether the answer was cut off")
	errEmpty      = errors.New("nothing")
	errNotUTF8    = errors.New("text that is not UTF-8")
	errTwice      = errors.New("an object that has the same key twice")
	errTooDeep    = errors.New("lists or objects nested more than 100 deep")
	errTooLong    = errors.New("a string of more than 256 KiB: ask for less")
	errTooLarge   = errors.New("a number that is too large")
	byteOrderMark = []byte("\xef\xbb\xbf")
)

// decode reads an answer. It is stricter than the standard library, which lets
// the last of two keys win and replaces what is not UTF-8.
func decode(text []byte, format v1alpha1.HTTPFormat) (any, error) {
	text = bytes.TrimPrefix(text, byteOrderMark)
	if !utf8.Valid(text) {
		return nil, errNotUTF8
	}
	d := &decoder{}
	if format == v1alpha1.HTTPFormatNDJSON {
		return d.lines(text)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errEmpty
	}
	return d.value(text, errNotJSON)
}

type decoder struct {
	tokens *json.Decoder
}

func (d *decoder) lines(text []byte) (any, error) {
	list := []any{}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		value, err := d.value(line, errNotNDJSON)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

// value decodes one value and nothing after it; other is the error when it is none.
func (d *decoder) value(text []byte, other error) (any, error) {
	// Valid knows the grammar to the end: what is left to see to is the content.
	if !json.Valid(text) {
		return nil, other
	}
	d.tokens = json.NewDecoder(bytes.NewReader(text))
	d.tokens.UseNumber()
	value, err := d.next(0)
	if errors.Is(err, io.EOF) {
		return nil, other
	}
	return value, err
}

func (d *decoder) next(depth int) (any, error) {
	token, err := d.tokens.Token()
	if err != nil {
		return nil, errNotJSON
	}
	switch token := token.(type) {
	case json.Delim:
		if depth == deepest {
			return nil, errTooDeep
		}
		if token == '[' {
			return d.list(depth + 1)
		}
		return d.object(depth + 1)
	case json.Number:
		number, err := strconv.ParseFloat(string(token), 64)
		if err != nil {
			return nil, errTooLarge
		}
		return number, nil
	case string:
		if len(token) > longestText {
			return nil, errTooLong
		}
	}
	return token, nil
}

func (d *decoder) list(depth int) (any, error) {
	list := []any{}
	for d.tokens.More() {
		value, err := d.next(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, d.end()
}

func (d *decoder) object(depth int) (any, error) {
	object := map[string]any{}
	for d.tokens.More() {
		token, err := d.tokens.Token()
		key, isKey := token.(string)
		if err != nil || !isKey {
			return nil, errNotJSON
		}
		if len(key) > longestText {
			return nil, errTooLong
		}
		if _, twice := object[key]; twice {
			return nil, errTwice
		}
		if object[key], err = d.next(depth); err != nil {
			return nil, err
		}
	}
	return object, d.end()
}

// end takes the closing bracket.
func (d *decoder) end() error {
	if _, err := d.tokens.Token(); err != nil {
		return errNotJSON
	}
	return nil
}
