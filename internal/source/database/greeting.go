// SPDX-License-Identifier: Apache-2.0

package database

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
)

// errNotMySQL says that a server does not begin as MySQL does.
var errNotMySQL = errors.New("not a greeting of MySQL")

// longestGreeting bounds a server's first packet, which names its version.
const longestGreeting = 4096

// dialMySQL connects and looks at what the server says first. The driver trusts it,
// and would panic on a short one without ending what it has begun.
func (w *wire) dialMySQL(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	packet := make([]byte, 4)
	if _, err = io.ReadFull(conn, packet); err == nil {
		size := int(packet[0]) | int(packet[1])<<8 | int(packet[2])<<16
		packet = append(packet, make([]byte, min(size, longestGreeting))...)
		if _, err = io.ReadFull(conn, packet[4:]); err == nil && (size > longestGreeting || !greets(packet[4:])) {
			err = errNotMySQL
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &greetedConn{Conn: conn, greeting: packet}, nil
}

// greets reports whether a packet is a greeting of protocol version 10, or an error.
func greets(packet []byte) bool {
	if len(packet) > 0 && packet[0] == 0xff {
		return len(packet) >= 9 || (len(packet) >= 4 && packet[3] != '#')
	}
	// Connection number (4), salt (8+1), capabilities (2), character set and status (3),
	// more capabilities (2), length of the salt (1), unused (10), more salt (13).
	version, rest, ends := bytes.Cut(packet, []byte{0})
	return ends && len(version) > 1 && version[0] == 10 && len(rest) >= 44
}

// greetedConn has the greeting read once more.
type greetedConn struct {
	net.Conn
	greeting []byte
}

// Read implements net.Conn.
func (c *greetedConn) Read(into []byte) (int, error) {
	if len(c.greeting) > 0 {
		n := copy(into, c.greeting)
		c.greeting = c.greeting[n:]
		return n, nil
	}
	return c.Conn.Read(into)
}
