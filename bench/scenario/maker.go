package scenario

import (
	"net/http"
	"strconv"

	"weir/bench"
)

// Maker implements [bench.Source].
func (s *Scenario) Maker(form bench.Form, authority string, seed uint64) bench.Maker {
	m := maker{scenario: s, turn: turn{seed: seed, ms: s.now}}
	if form == bench.Wire {
		w := &wireMaker{maker: m}
		for i := range s.requests {
			w.messages = append(w.messages, newMessage(&s.requests[i], authority))
		}
		return w
	}
	return &partsMaker{maker: m}
}

// maker is what both forms share. It belongs to one goroutine at a time.
type maker struct {
	scenario *Scenario
	turn     turn
	block    []byte // the message, or the path
	body     []byte
}

// begin takes up slot n and returns its request's number.
func (m *maker) begin(n int64, r *bench.Request) int {
	m.turn.n = n
	i := m.scenario.choose(&m.turn)
	k := &m.scenario.requests[i]
	r.Class, r.Method, r.Host, r.Expect = i, k.method, k.host, k.expect
	return i
}

// message is a request as an HTTP/1.1 message.
type message struct {
	head   []piece // with the body, where that is fixed
	body   []piece // a body whose length is known only when it is made
	framed bool    // Content-Length is written for no body too
	fixed  []byte  // the whole message, where every turn has the same
}

// newMessage lays out a request the way that [bench.AppendRequest] does.
func newMessage(k *request, authority string) message {
	if k.host != "" {
		authority = k.host
	}
	m := message{framed: k.method == http.MethodPost || k.method == http.MethodPut || k.method == http.MethodPatch}
	m.put(k.method + " ")
	m.putAll(k.path)
	m.put(" HTTP/1.1\r\nHost: " + authority + "\r\n")
	for _, h := range k.headers {
		m.put(h.name + ": ")
		m.putAll(h.value)
		m.put("\r\n")
	}
	if !fixed(k.body) {
		m.body = k.body
		return m
	}
	text := textOf(k.body)
	if len(text) > 0 || m.framed {
		m.put("Content-Length: " + strconv.Itoa(len(text)) + "\r\n")
	}
	m.put("\r\n" + text)
	if fixed(m.head) {
		m.fixed = []byte(textOf(m.head))
	}
	return m
}

// put appends literal text, to the literal before it if there is one.
func (m *message) put(text string) {
	if n := len(m.head); n > 0 && m.head[n-1].kind == literal {
		m.head[n-1].text += text
		return
	}
	m.head = append(m.head, piece{kind: literal, text: text})
}

func (m *message) putAll(pieces []piece) {
	for _, p := range pieces {
		if p.kind == literal {
			m.put(p.text)
		} else {
			m.head = append(m.head, p)
		}
	}
}

// wireMaker writes whole messages into a block that is used again.
type wireMaker struct {
	maker
	messages []message
}

// Fill implements [bench.Maker]. Once its block has grown to the longest request it does not allocate.
func (m *wireMaker) Fill(n int64, r *bench.Request) {
	k := &m.messages[m.begin(n, r)]
	if k.fixed != nil {
		r.Wire = k.fixed
		return
	}
	b := m.turn.appendPieces(m.block[:0], k.head)
	if k.body != nil {
		m.body = m.turn.appendPieces(m.body[:0], k.body)
		if len(m.body) > 0 || k.framed {
			b = append(b, "Content-Length: "...)
			b = append(strconv.AppendInt(b, int64(len(m.body)), 10), "\r\n"...)
		}
		b = append(append(b, "\r\n"...), m.body...)
	}
	m.block, r.Wire = b, b
}

// partsMaker fills in the parts, for protocols that a library writes.
type partsMaker struct {
	maker
	value []byte
}

// Fill implements [bench.Maker]. It allocates a text for each header value that is not fixed.
func (m *partsMaker) Fill(n int64, r *bench.Request) {
	k := &m.scenario.requests[m.begin(n, r)]
	m.block = m.turn.appendPieces(m.block[:0], k.path)
	m.body = m.turn.appendPieces(m.body[:0], k.body)
	r.Path, r.Body, r.Wire, r.Header = m.block, m.body, nil, r.Header[:0]
	for i := range k.headers {
		h := &k.headers[i]
		value := textOf(h.value)
		if !fixed(h.value) {
			m.value = m.turn.appendPieces(m.value[:0], h.value)
			value = string(m.value)
		}
		r.Header = append(r.Header, bench.Field{Name: h.name, Value: value})
	}
}
