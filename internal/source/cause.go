// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
)

// Cause says in fixed words why a connection failed, for the message of an
// Unavailable. The text of the error itself stays behind: it may hold addresses
// with credentials, or what a server wrote.
func Cause(err error) string {
	if refused, is := errors.AsType[*RefusedAddressError](err); is {
		return refused.Error()
	}
	for _, known := range causes {
		if known.is(err) {
			return known.words
		}
	}
	return "the connection failed"
}

// Unreachable classifies a connection that failed. Whom it was with is told first.
func Unreachable(whom string, err error) *Error {
	class := Unavailable
	if _, is := errors.AsType[*RefusedAddressError](err); is {
		class = Refused
	}
	failure := Errorf(class, "%s: %s%s", whom, Cause(err), remedy(err))
	failure.TimedOut = timedOut(err)
	return failure
}

// remedy says what to do about the causes that people can mend in the source.
func remedy(err error) string {
	for _, known := range remedies {
		switch {
		case known.is(err) && known.words != "":
			return ": " + known.words
		case known.is(err):
			return ""
		}
	}
	return ""
}

// remedies are tried in order. A server that wants TLS hangs up on plain HTTP in
// either of the last two ways.
var remedies = []cause{
	{timedOut, ""},
	{as[x509.UnknownAuthorityError], "put the certificate of the authority that signed it into a Secret, and name it in spec.tls.ca.secretKeyRef of the source"},
	{outOfDate, "have it renewed there"},
	{as[x509.HostnameError], "write the name that is in it, or set tls.serverName"},
	{is(http.ErrSchemeMismatch), "begin the address with http://, or set TLS up there"},
	{as[tls.RecordHeaderError], "check host and port"},
	{noSuchHost, "check the address"},
	{is(syscall.ECONNREFUSED), "check host and port, and that the server runs"},
	{is(syscall.ECONNRESET), "where the server wants TLS, use https"},
	{is(io.ErrUnexpectedEOF), ""},
	{is(io.EOF), "where the server wants TLS, use https"},
}

type cause struct {
	is    func(error) bool
	words string
}

// causes are tried in order: an expired deadline comes wrapped in others.
var causes = []cause{
	{timedOut, "timed out"},
	{is(context.Canceled), "cancelled"},
	{as[x509.UnknownAuthorityError], "certificate signed by unknown authority"},
	{outOfDate, "certificate has expired or is not yet valid"},
	{as[x509.HostnameError], "certificate is for another host name"},
	{as[*tls.CertificateVerificationError], "certificate cannot be verified"},
	{is(http.ErrSchemeMismatch), "the server speaks http, not https"},
	{as[tls.RecordHeaderError], "the server does not speak TLS"},
	{alerted, "the server refused the TLS handshake, such as for want of a client certificate"},
	{noSuchHost, "no such host"},
	{as[*net.DNSError], "host name could not be looked up"},
	{is(syscall.ECONNREFUSED), "connection refused"},
	{is(syscall.ECONNRESET), "connection reset"},
	{is(syscall.EPIPE), "connection reset"},
	{is(syscall.EHOSTUNREACH), "no route to host"},
	{is(syscall.ENETUNREACH), "network is unreachable"},
	{is(io.ErrUnexpectedEOF), "connection closed in the middle of an answer"},
	{is(io.EOF), "connection closed without an answer"},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[E error](err error) bool {
	_, is := errors.AsType[E](err)
	return is
}

func timedOut(err error) bool {
	network, is := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || (is && network.Timeout())
}

func outOfDate(err error) bool {
	invalid, is := errors.AsType[x509.CertificateInvalidError](err)
	return is && invalid.Reason == x509.Expired
}

// alerted reports whether the server ended the handshake; over TCP the alert itself has
// no type that can be named.
func alerted(err error) bool {
	operation, is := errors.AsType[*net.OpError](err)
	return is && operation.Op == "remote error"
}

func noSuchHost(err error) bool {
	lookup, is := errors.AsType[*net.DNSError](err)
	return is && lookup.IsNotFound
}
