package mirror

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
)

// stand is a mirror whose copies go to a function. It is used inside synctest.Test.
type stand struct {
	t    *testing.T
	pool *Pool
	step http7.Step
	log  *bytes.Buffer

	mu   sync.Mutex
	sent []string
	// reply answers copies; nil answers all with 200 and nothing.
	reply func(d *http7.Detached) (*http7.Answer, *http7.Fault)
	ready bool
}

// config is a mirror of everything.
func config() Config {
	c := Default()
	c.Upstream = "next"
	return c
}

func newStand(t *testing.T, c Config) *stand {
	t.Helper()
	s := &stand{t: t, log: new(bytes.Buffer), ready: true}
	s.pool = New(slog.New(slog.NewTextHandler(s.log, nil)))
	s.step = s.compile(c)
	t.Cleanup(func() { // every worker has an end
		ctx, stop := context.WithCancel(context.Background())
		stop()
		s.pool.Run(ctx)
	})
	return s
}

func (s *stand) compile(c Config) http7.Step {
	s.t.Helper()
	step, err := Compile(&c, Needs{
		Route: "site", Sender: s, Pool: s.pool, Ready: func() bool { return s.ready }, ForwardedX: true,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return step
}

// Send implements [http7.Sender].
func (s *stand) Send(d *http7.Detached) (*http7.Answer, *http7.Fault) {
	s.mu.Lock()
	s.sent = append(s.sent, describe(d))
	s.mu.Unlock()
	if s.reply == nil {
		return answerOf(200, "", ""), nil
	}
	return s.reply(d)
}

// describe writes a copy as one line: what it is, its fields, its body.
func describe(d *http7.Detached) string {
	var b strings.Builder
	b.WriteString(d.Upstream + ": " + string(d.Method) + " " + string(d.Target))
	for name, value := range d.Header.All() {
		b.WriteString(" | " + string(name) + ": " + string(value))
	}
	return b.String() + " | " + string(d.Body)
}

// settle waits until what has gathered was looked at, and nothing moves any more. The time is the bubble's.
func settle() {
	<-time.After(gather)
	synctest.Wait()
}

// all returns what was sent so far.
func (s *stand) all() []string {
	settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.sent...)
}

// stats returns the figures of the only mirror.
func (s *stand) stats() Stats {
	s.t.Helper()
	settle()
	list := s.pool.Stats()
	if len(list) != 1 {
		s.t.Fatalf("%d mirrors have figures, want 1", len(list))
	}
	return list[0]
}

// fields writes "Name: value" lines into a header.
func fields(h *http7.Header, lines string) {
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h.AddRaw([]byte(name), []byte(value))
		}
	}
}

// answerOf returns an answer of an endpoint.
func answerOf(status int, lines, body string) *http7.Answer {
	a := &http7.Answer{Status: status, Length: int64(len(body)), Source: http7.NewBytes([]byte(body))}
	fields(&a.Header, lines)
	return a
}

// visit is one request on its way past a step.
type visit struct {
	method, target, header, body string
	chunked                      bool
	// cut ends the request's body early: the client has left.
	cut bool
	// answer is what the endpoint said; nil is a fault of Weir's.
	answer *http7.Answer
}

var someConn = &http7.Conn{Listener: "web", Peer: netip.MustParseAddrPort("192.0.2.7:4000")}

// exchange returns x as the hall has it when the step is its turn.
func (v visit) exchange() *http7.Exchange {
	if v.method == "" {
		v.method = "GET"
	}
	if v.target == "" {
		v.target = "/"
	}
	x := &http7.Exchange{Conn: someConn, Method: []byte(v.method), Target: []byte(v.target), Authority: []byte("h")}
	path, query, has := strings.Cut(v.target, "?")
	x.Path = []byte(path)
	if has {
		x.Query = []byte(query)
	}
	fields(&x.Request, "Host: h\n"+v.header)
	if x.Upgrade = x.Request.Get(http7.Upgrade); x.Upgrade != nil { // as the hall has it
		x.Request.DelID(http7.Upgrade)
		x.Request.DelID(http7.Connection)
	}
	x.Body.Length, x.Body.Whole = int64(len(v.body)), v.body == ""
	if v.chunked {
		x.Body.Length = -1
	}
	return x
}

// pass takes a request past the step, as the hall and its engine do.
func (v visit) pass(step http7.Step) {
	x := v.exchange()
	step.Request.Request(x)
	if x.Body.Present() {
		run(x.Body.Filters, v.body, !v.cut)
	}
	if v.cut {
		x.Fault = http7.ClientLeft
	}
	switch {
	case v.answer != nil:
		x.Answer = v.answer
	case x.Fault == nil:
		http7.FaultAnswer(x, http7.NoEndpoints)
	}
	if step.Response != nil && x.Answer != nil {
		step.Response.Response(x)
	}
	if x.Answer != nil && x.Answer.Source != nil {
		b, _ := io.ReadAll(reader{x.Answer.Source})
		run(x.Answer.Filters, string(b), true)
	}
	step.End.End(x, x.Word)
}

// run takes a body through filters, in pieces.
func run(filters []http7.Filter, body string, whole bool) {
	for _, f := range filters {
		for i := 0; i < len(body); i += 1000 {
			f.Write(nil, []byte(body[i:min(i+1000, len(body))]), http7.More)
			f.Write(nil, nil, http7.Flush)
		}
		if whole {
			f.Write(nil, nil, http7.Last)
		}
	}
}

// reader reads a Source of bytes in memory.
type reader struct{ http7.Source }

func (r reader) Read(b []byte) (int, error) {
	chunk, s, _ := r.Next()
	if s == http7.End {
		return 0, io.EOF
	}
	return copy(b, chunk), nil
}
