// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"fmt"
	"time"
)

// Class says whose business a failure is and whether trying again may help.
type Class string

const (
	// InvalidQuery: the question cannot work as it is written.
	InvalidQuery Class = "InvalidQuery"
	// NotServed: the kind, ConfigMap or key that is asked for is not there.
	NotServed Class = "NotServed"
	// Unauthorized: the source did not accept the credentials.
	Unauthorized Class = "Unauthorized"
	// NotSetUp: the operator has not connected to the source yet, which says nothing
	// about it.
	NotSetUp Class = "NotSetUp"
	// Unavailable: the source could not be reached or did not answer in time.
	Unavailable Class = "Unavailable"
	// Throttled: the source asked for fewer requests.
	Throttled Class = "Throttled"
	// NotAllowed: the question asks for something that the source's administrator
	// does not allow.
	NotAllowed Class = "NotAllowed"
	// Refused: the source is at an address that no source may have.
	Refused Class = "Refused"
	// BadAnswer: the source answered with something that is not a usable number.
	BadAnswer Class = "BadAnswer"
)

// Error is a classified failure. Its message is for people: what is wrong and
// what to do, without credentials and without anything from a response body.
type Error struct {
	Class   Class
	Message string
	// RetryAfter is what the source asked for; zero: nothing.
	RetryAfter time.Duration
	// Status of an HTTP answer that was refused; 0: there was none.
	Status int
	// TimedOut says that time ran out. Which limit that was, the scheduler knows.
	TimedOut bool
}

// Errorf makes a failure without a wait.
func Errorf(class Class, format string, args ...any) *Error {
	return &Error{Class: class, Message: fmt.Sprintf(format, args...)}
}

// OfTheAnswer makes what is not allowed the trouble of an answer that led there: a
// link comes and goes with the data, and is no mistake of who asks.
func (e *Error) OfTheAnswer() *Error {
	if e != nil && e.Class == NotAllowed {
		e.Class = BadAnswer
	}
	return e
}

// OfTheServer makes what is not allowed the trouble of a server that redirected there,
// as one does that wants a log-in.
func (e *Error) OfTheServer() *Error {
	if e != nil && e.Class == NotAllowed {
		e.Class = Unavailable
	}
	return e
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// AsError returns err as a classified failure; an unclassified one is
// Unavailable with a fixed message, because its text might hold secrets.
func AsError(err error) *Error {
	if classified, is := errors.AsType[*Error](err); is {
		return classified
	}
	return &Error{Class: Unavailable, Message: "the source could not be asked"}
}
