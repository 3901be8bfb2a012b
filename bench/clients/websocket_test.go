package clients

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"weir/bench"
)

// wsOrigin speaks WebSocket by the same library, by path: /echo; /once closes behind one message when bye says so, /coalesced at once, /hang never
// answers, /other answers something else, /bye closes instead of answering, /half sends half a message and cuts.
// Another path is a 404, and /page a 200.
type wsOrigin struct {
	asked    chan struct{}
	bye      chan struct{} // lets /once close
	accepted atomic.Int64
	said     atomic.Value // the handshake's host, target and X-A
	kind     atomic.Int64 // of the last message
	serving  sync.WaitGroup
}

func wsServer(t testing.TB, secure bool) (*wsOrigin, Config) {
	t.Helper()
	o := &wsOrigin{asked: make(chan struct{}, 1), bye: make(chan struct{})}
	s := httptest.NewUnstartedServer(o)
	s.Config.ErrorLog = quiet
	cfg := Config{}
	if secure {
		s.StartTLS()
		cfg.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
	} else {
		s.Start()
	}
	t.Cleanup(func() {
		s.Close()
		o.serving.Wait()
	})
	cfg.Target = "ws" + strings.TrimPrefix(s.URL, "http")
	return o, cfg
}

func (o *wsOrigin) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	switch q.URL.Path {
	case "/page":
		io.WriteString(w, "a page")
		return
	case "/echo", "/once", "/hang", "/other", "/bye", "/half", "/coalesced", "/garbage":
	default:
		http.NotFound(w, q)
		return
	}
	o.serving.Add(1)
	defer o.serving.Done()
	o.accepted.Add(1)
	o.said.Store(q.Host + " " + q.RequestURI + " " + strings.Join(q.Header["X-A"], ",") + " " + q.UserAgent())
	switch q.URL.Path {
	case "/garbage", "/half", "/coalesced":
		o.raw(w, q)
		return
	}
	c, err := websocket.Accept(w, q, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for o.message(c, q) == nil {
	}
}

// raw shakes hands by Accept and then writes frames of its own.
func (o *wsOrigin) raw(w http.ResponseWriter, q *http.Request) {
	hijacking := &hijacker{ResponseWriter: w}
	if _, err := websocket.Accept(hijacking, q, nil); err != nil {
		return
	}
	defer hijacking.conn.Close()
	hijacking.conn.Read(make([]byte, 4096))
	text := strings.Repeat("\xff", 20)
	switch q.URL.Path {
	case "/half":
		text = "\x81\x40half" // a text frame of 64 bytes, of which four come
	case "/coalesced":
		text = "\x81\x01x\x88\x02\x03\xe8" // the echo, and a close frame with code 1000
	}
	io.WriteString(hijacking.conn, text)
	if q.URL.Path == "/coalesced" {
		io.Copy(io.Discard, hijacking.conn) // until the client has gone
	}
}

// hijacker keeps the connection that Accept takes over.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, buffered, err
}

// message reads one message and answers it as the path says.
func (o *wsOrigin) message(c *websocket.Conn, q *http.Request) error {
	kind, text, err := c.Read(context.Background())
	if err != nil {
		return err
	}
	o.kind.Store(int64(kind))
	switch q.URL.Path {
	case "/hang":
		select {
		case o.asked <- struct{}{}:
		default:
		}
		_, _, err = c.Read(context.Background())
		return err
	case "/other":
		text = []byte("something else")
	case "/bye":
		return c.Close(websocket.StatusGoingAway, "tired")
	}
	if err := c.Write(context.Background(), kind, text); err != nil {
		return err
	}
	if q.URL.Path == "/once" {
		<-o.bye
		return c.Close(websocket.StatusNormalClosure, "")
	}
	return nil
}

func TestAWebSocketMessageComesBack(t *testing.T) {
	for _, secure := range []bool{false, true} {
		o, cfg := wsServer(t, secure)
		c := must(t)(WebSocket(cfg))
		for i, d := range []struct {
			name string
			body string
			want int
			kind websocket.MessageType
		}{
			{"nothing: 64 bytes", "", 64, websocket.MessageText},
			{"text", "grüße", 7, websocket.MessageText},
			{"bytes", "\xff\xfe", 2, websocket.MessageBinary},
			{"a long message", strings.Repeat("x", 3<<20), 3 << 20, websocket.MessageText},
		} {
			a := mustAsk(t, c, post("/echo", d.body))
			if a.Status != 0 || a.In != int64(d.want) || a.Out != int64(d.want) || len(a.Body) != min(d.want, bench.MaxExpectedBody) {
				t.Errorf("%s: status %d, %d in, %d out, kept %d; want %d", d.name, a.Status, a.In, a.Out, len(a.Body), d.want)
			}
			if got := websocket.MessageType(o.kind.Load()); got != d.kind || a.Opened != (i == 0) || a.Reopened {
				t.Errorf("%s: %v, opened %v, reopened %v; want %v on one connection", d.name, got, a.Opened, a.Reopened, d.kind)
			}
		}
	}
}

func TestAWebSocketHandshakeCarriesWhatTheRequestNames(t *testing.T) {
	o, cfg := wsServer(t, false)
	c := must(t)(WebSocket(cfg))
	r := post("/echo?room=1", "x")
	r.Host = "other.example"
	r.Header = []bench.Field{{Name: "x-a", Value: "1"}, {Name: "X-A", Value: "2"}, {Name: "Connection", Value: "close"}, {Name: "Sec-WebSocket-Key", Value: "mine"}}
	mustAsk(t, c, r)
	if got := o.said.Load(); got != "other.example /echo?room=1 1,2 " {
		t.Errorf("the server saw %q", got)
	}
}

func TestWebSocketWorkersHaveTheirOwnConnections(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		o, cfg := wsServer(t, false)
		cfg.Fresh = fresh
		p, err := WebSocket(cfg)
		if err != nil {
			t.Fatal(err)
		}
		least, most := int64(1), int64(4)
		if fresh {
			least, most = 200, 200
		}
		r := run(t, p, bench.Config{Target: cfg.Target + "/echo", Connections: 4, Requests: 200, Fresh: fresh})
		if r.OK != 200 || r.Opened < least || r.Opened > most || r.Redials != 0 || o.accepted.Load() != r.Opened || r.BytesIn != 200*64 {
			t.Errorf("fresh %v: ok %d, %v, opened %d, redials %d, accepted %d, %d in; want 200 on %d to %d", fresh, r.OK, r.FirstFailures, r.Opened, r.Redials, o.accepted.Load(), r.BytesIn, least, most)
		}
		if r.Settings.Protocol != "WebSocket" {
			t.Errorf("protocol %q", r.Settings.Protocol)
		}
	}
	checkNoGoroutines(t, "weir/bench/clients.(*webSocket)", "coder/websocket.(*Conn)")
}

func TestAGoodbyeBetweenMessagesIsARedialAndNoFailure(t *testing.T) {
	// The server's close frame waits when the next message is due: unread in the kernel, or read ahead with the last
	// echo into a library's buffer.
	for _, path := range []string{"/once", "/coalesced"} {
		for _, secure := range []bool{false, true} {
			o, cfg := wsServer(t, secure)
			c := must(t)(WebSocket(cfg))
			for i := range 3 {
				if a := mustAsk(t, c, post(path, "x")); !a.Opened || a.Reopened != (i > 0) {
					t.Errorf("%s, message %d, secure %v: %+v; want a connection each", path, i, secure, a)
				}
				if path == "/coalesced" {
					continue
				}
				o.bye <- struct{}{}
				w := c.(*webSocket)
				until(t, "the goodbye is here", func() bool { ended, pending := idle(w.raw); return ended || pending })
			}
		}
	}
}

func TestEveryWayToFailInWebSocketIsToldApart(t *testing.T) {
	to := func(cfg Config) func(*testing.T) bench.Client {
		return func(t *testing.T) bench.Client { return must(t)(WebSocket(cfg)) }
	}
	_, plain := wsServer(t, false)
	_, secure := wsServer(t, true)
	closing := func(c net.Conn) { c.Read(make([]byte, 4096)) }
	const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: made up\r\n\r\n"
	checkFailures(t, []failure{
		{name: "nobody listens", client: to(Config{Target: "ws://" + refusing(t)}), request: get("/"), kind: bench.Connect, says: "refused"},
		{name: "an unknown certificate", client: to(Config{Target: secure.Target}), request: get("/echo"), kind: bench.TLS, says: "certificate"},
		{name: "a page", client: to(plain), request: get("/page"), kind: bench.Malformed, says: "but got 200"},
		{name: "a made-up key", client: to(Config{Target: "ws://" + listen(t, saying(switching))}), request: get("/"), kind: bench.Malformed, says: "Sec-WebSocket-Accept"},
		{name: "garbage", client: to(Config{Target: "ws://" + listen(t, saying("what do you want of me?\n"))}), request: get("/"), kind: bench.Malformed, says: "not a WebSocket"},
		{name: "a close instead of a handshake", client: to(Config{Target: "ws://" + listen(t, closing)}), request: get("/"), kind: bench.Reset, says: "EOF"},
		{name: "another message", client: to(plain), request: post("/other", "x"), kind: bench.Malformed, says: "the echo differs"},
		{name: "frames that are none", client: to(plain), request: post("/garbage", "x"), kind: bench.Malformed, says: "malformed"},
		{name: "a goodbye instead of an answer", client: to(plain), request: post("/bye", "x"), kind: bench.Reset, says: "tired"},
		{name: "half a message", client: to(plain), request: post("/half", "x"), kind: bench.ShortBody, says: "cut short"},
		{name: "a timeout", client: to(plain), request: post("/hang", "x"), within: 50 * time.Millisecond, kind: bench.Timeout, says: "deadline"},
		{name: "a handshake that hangs", client: to(Config{Target: "ws://" + listen(t, hang(nil))}), request: get("/"), within: 30 * time.Millisecond, kind: bench.Timeout, says: "deadline"},
		{name: "a path that is none", client: to(plain), request: get("no-slash"), kind: bench.Reset, says: "path"},
	})
}

func TestAStatusInsteadOfAHandshakeIsAnAnswer(t *testing.T) {
	_, cfg := wsServer(t, false)
	p, err := WebSocket(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: cfg.Target + "/nowhere", Requests: 5})
	if r.Failures[bench.Status] != 5 || r.Statuses[404] != 5 {
		t.Errorf("failures %v %v, statuses %v; want 5 of status 404", r.Failures, r.FirstFailures, r.Statuses)
	}
}

func TestWebSocketGivesUpWhenTheRunEnds(t *testing.T) {
	o, cfg := wsServer(t, false)
	checkGivesUp(t, must(t)(WebSocket(cfg)), post("/hang", "x"), o.asked)
}
