// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy carries TCP connections to an address, slowly or not at all.
type proxy struct {
	to       string
	listener net.Listener
	// delay is how long what is sent is on its way.
	delay atomic.Int64
	// opened are the connections so far; those up to lost are lost: what is sent on them
	// is swallowed, and nobody is told.
	opened, lost atomic.Int64

	mu   sync.Mutex
	hole chan struct{} // closed: nothing is held up
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{to: to, listener: listener, hole: make(chan struct{})}
	close(p.hole)
	t.Cleanup(func() {
		_ = listener.Close()
		p.heal()
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go p.carry(conn, p.opened.Add(1))
		}
	}()
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// swallow lets nothing through until heal is called: then all of it comes.
func (p *proxy) swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hole = make(chan struct{})
}

func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.hole:
	default:
		close(p.hole)
	}
}

// lose loses the connections that are open.
func (p *proxy) lose() { p.lost.Store(p.opened.Load()) }

func (p *proxy) passable() chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hole
}

func (p *proxy) carry(from net.Conn, number int64) {
	<-p.passable()
	to, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = from.Close()
		return
	}
	go p.pass(to, from, number, true)
	p.pass(from, to, number, false)
}

// parcel is what was read at once, and when it arrives.
type parcel struct {
	bytes []byte
	at    time.Time
}

// pass carries one direction until it ends.
func (p *proxy) pass(to io.WriteCloser, from io.ReadCloser, number int64, slowly bool) {
	parcels := make(chan parcel, 10_000)
	go func() {
		defer close(parcels)
		for {
			buffer := make([]byte, 64<<10)
			n, err := from.Read(buffer)
			if n > 0 {
				at := time.Now()
				if slowly {
					at = at.Add(time.Duration(p.delay.Load()))
				}
				parcels <- parcel{buffer[:n], at}
			}
			if err != nil {
				return
			}
		}
	}()
	defer func() {
		_ = to.Close()
		_ = from.Close()
		for range parcels { // so that the reader ends
		}
	}()
	for next := range parcels {
		time.Sleep(time.Until(next.at))
		<-p.passable()
		if number <= p.lost.Load() {
			continue
		}
		if _, err := to.Write(next.bytes); err != nil {
			return
		}
	}
}
