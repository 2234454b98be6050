// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAnErrorIsToldOnlyWhenItWasWrittenForPeople(t *testing.T) {
	written := &Error{Class: Throttled, Message: "later", RetryAfter: time.Minute}
	if got := AsError(fmt.Errorf("asking: %w", written)); got != written {
		t.Errorf("a wrapped failure becomes %+v", got)
	}
	if got := AsError(errors.New("password hunter2")); got.Class != Unavailable || strings.Contains(got.Message, "hunter2") {
		t.Errorf("any other error becomes %+v", got)
	}
}

func TestTheCauseOfAFailedConnectionIsToldInFixedWords(t *testing.T) {
	dial := func(err error) error {
		return &url.Error{Op: "Post", URL: "http://user:hunter2@host", Err: &net.OpError{Op: "dial", Err: err}}
	}
	for want, err := range map[string]error{
		"timed out": dial(context.DeadlineExceeded),
		"certificate signed by unknown authority":     dial(x509.UnknownAuthorityError{}),
		"certificate has expired or is not yet valid": dial(x509.CertificateInvalidError{Reason: x509.Expired}),
		"certificate is for another host name":        dial(x509.HostnameError{Certificate: &x509.Certificate{}}),
		"no such host":                                dial(&net.DNSError{IsNotFound: true, Name: "hunter2"}),
		"host name could not be looked up":            dial(&net.DNSError{Name: "hunter2"}),
		"connection refused":                          dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
		"connection reset":                            dial(syscall.ECONNRESET),
		"connection closed without an answer":         dial(io.EOF),
		"the connection failed":                       dial(errors.New("hunter2")),
	} {
		if got := Cause(err); got != want {
			t.Errorf("%v: want %q, got %q", err, want, got)
		}
	}
	if got := Cause(dial(&net.DNSError{IsTimeout: true})); got != "timed out" {
		t.Errorf("a name server that does not answer: %q", got)
	}
}
