// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"

	"github.com/uptake-dev/uptake/internal/source"
)

// mostBytes bounds what is read of one connection.
const mostBytes = 1 << 20

// errTooMuch ends a connection that has brought mostBytes.
var errTooMuch = errors.New("too much to read")

// wire makes the connections of one poll. It remembers what failed, because
// the drivers do not always pass that on.
type wire struct {
	guard source.Guard

	mutex sync.Mutex
	conn  *countedConn
	err   error
}

// dial connects over TCP whatever network a driver asks for: a socket of this
// machine is not a source.
func (w *wire) dial(ctx context.Context, _, address string) (net.Conn, error) {
	conn, err := w.guard.Dialer().DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	counted := &countedConn{Conn: conn, wire: w}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	// A second one, beside the first, is made to have the statement cancelled on the
	// server, and is not to be cut.
	if w.conn == nil {
		w.conn = counted
	}
	return counted, nil
}

// cut hangs up.
func (w *wire) cut() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.conn != nil {
		_ = w.conn.Conn.Close()
	}
}

func (w *wire) failed(err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// failure is what failed first; nil: nothing did.
func (w *wire) failure() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.err
}

// countedConn is read by one goroutine at a time.
type countedConn struct {
	net.Conn
	wire *wire
	read int
}

// Read implements net.Conn.
func (c *countedConn) Read(into []byte) (int, error) {
	if c.read >= mostBytes {
		c.wire.failed(errTooMuch)
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(into[:min(len(into), mostBytes-c.read)])
	c.read += n
	if err != nil {
		c.wire.failed(err)
	}
	return n, err
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.wire.mutex.Lock()
	if c.wire.conn == c {
		c.wire.conn = nil
	}
	c.wire.mutex.Unlock()
	return c.Conn.Close()
}

// Write implements net.Conn. Whether a connection that the other end has closed is
// found so by reading or by writing is chance.
func (c *countedConn) Write(from []byte) (int, error) {
	n, err := c.Conn.Write(from)
	if errors.Is(err, syscall.EPIPE) {
		err = syscall.ECONNRESET
	}
	if err != nil {
		c.wire.failed(err)
	}
	return n, err
}
