// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/uptake-dev/uptake/internal/source/conformance"
)

// way is what a proxy does with a connection.
type way int

const (
	// pass passes everything on.
	pass way = iota
	// hold accepts, and passes nothing on.
	hold
	// cut hangs up once the server has named the column of the answer.
	cut
	// redirect answers as an HTTP server would.
	redirect
)

// proxy is in front of a server that speaks over TCP.
type proxy struct {
	listener net.Listener
	server   string
	running  sync.WaitGroup

	mu    sync.Mutex
	way   way
	count int
	open  map[net.Conn]bool
}

// openProxy opens one that is closed when the test ends.
func openProxy(t *testing.T, server string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, server: server, open: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.hangUp()
		p.running.Wait()
	})
	return p
}

func (p *proxy) host() string { return "127.0.0.1" }

func (p *proxy) port() int32 { return int32(p.listener.Addr().(*net.TCPAddr).Port) }

// set has connections handled in another way, and hangs up those that there are.
func (p *proxy) set(way way) {
	p.mu.Lock()
	p.way = way
	p.mu.Unlock()
	p.hangUp()
}

func (p *proxy) accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

func (p *proxy) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for connection := range p.open {
		_ = connection.Close()
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.count++
		p.open[client] = true
		way := p.way
		p.mu.Unlock()
		p.running.Go(func() {
			p.handle(client, way)
			_ = client.Close()
			p.mu.Lock()
			delete(p.open, client)
			p.mu.Unlock()
		})
	}
}

func (p *proxy) handle(client net.Conn, way way) {
	switch way {
	case hold:
		_, _ = io.Copy(io.Discard, client)
		return
	case redirect:
		location := "http://" + p.listener.Addr().String() + "/" + conformance.Marker
		_, _ = io.WriteString(client, "HTTP/1.1 307 Temporary Redirect\r\nLocation: "+location+"\r\nContent-Length: 0\r\n\r\n")
		return
	case pass, cut:
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	p.running.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	var to io.Writer = client
	if way == cut {
		to = &cutting{to: client}
	}
	_, _ = io.Copy(to, server)
}

// cutting passes on what comes until the name of the column, and no further.
type cutting struct {
	to   io.Writer
	seen []byte
}

// Write implements io.Writer.
func (c *cutting) Write(text []byte) (int, error) {
	c.seen = append(c.seen, text...)
	const name = "value"
	if at := bytes.Index(c.seen, []byte(name)); at >= 0 {
		passed := len(c.seen) - len(text)
		_, _ = c.to.Write(c.seen[passed:max(passed, at+len(name))])
		return 0, io.ErrClosedPipe
	}
	return c.to.Write(text)
}
