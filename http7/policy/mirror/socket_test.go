package mirror_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/mirror"
	"weir/internal/conf"
)

func echo(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, b)
}

func TestTheMirrorIsAskedWhatTheEndpointIs(t *testing.T) {
	live, next := serving(t, echo), serving(t, echo)
	c := mirroring()
	c.Compare = true
	r := newRig(t, &c, live.addr(), next.addr())
	requests := []struct{ method, target, body string }{
		{"GET", "/a?b=1", ""}, {"POST", "/orders", "hello"}, {"PUT", "/large", strings.Repeat("x", 60<<10)}, {"DELETE", "/x", ""}, {"HEAD", "/h", ""}, {"GET", "/%C3%A9?", ""},
	}
	for i, q := range requests {
		if status, body := r.do(q.method, q.target, q.body, "Authorization: Bearer t", "Cookie: a=b", "X-Forwarded-For: 6.6.6.6"); status != 200 || q.method != "HEAD" && body != q.method+" "+q.target+" "+q.body {
			t.Fatalf("%s %s: %d %.50q", q.method, q.target, status, body)
		}
		r.figures(q.method, func(s mirror.Stats) bool { return s.Equal == uint64(i+1) })
	}
	wantAsked, wantHeads := live.seen()
	asked, heads := next.seen()
	if !reflect.DeepEqual(asked, wantAsked) {
		t.Errorf("the mirror was asked %.200q, the endpoint %.200q", asked, wantAsked)
	}
	for i := range heads {
		heads[i].Del("X-Timeout-Ms") // what is left of the mirror's own timeout
		if !reflect.DeepEqual(heads[i], wantHeads[i]) {
			t.Errorf("%s: the mirror got %v, the endpoint %v", requests[i].target, heads[i], wantHeads[i])
		}
	}
	if strings.Contains(fmt.Sprint(heads), "6.6.6.6") {
		t.Error("a client that is not trusted was believed")
	}
	if r.pool.Differences("site") != nil || r.log.String() != "" {
		t.Errorf("%+v, log %q", r.pool.Differences("site"), r.log)
	}
}

func TestDifferencesOfServersAreFoundAndOthersNot(t *testing.T) {
	doc := func(price string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"at": %d, "path": %q, "price": %s}`, time.Now().UnixNano(), r.URL.Path, price)
		}
	}
	live := serving(t, doc("1.50"))
	next := serving(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/status"):
			w.WriteHeader(500)
		case strings.HasPrefix(r.URL.Path, "/price"):
			doc("1.51")(w, r)
		default:
			doc("15e-1")(w, r)
		}
	})
	c := mirroring()
	c.Compare, c.Ignore = true, []string{"at"}
	r := newRig(t, &c, live.addr(), next.addr())
	const each = 25
	for i := range each {
		for _, path := range []string{"/same", "/status", "/price"} {
			r.do("GET", fmt.Sprint(path, i), "")
		}
	}
	st := r.figures("all compared", func(s mirror.Stats) bool { return s.Equal+s.Different+s.Unequalled == 3*each })
	if st.Equal != each || st.Different != 2*each {
		t.Errorf("%+v", st)
	}
	for _, d := range r.pool.Differences("site") {
		want := "body price 1.50 1.51"
		if strings.HasPrefix(d.Target, "/status") {
			want = "status 200 500"
		}
		if got := d.Where + " " + d.Live + " " + d.Mirror; got != want {
			t.Errorf("%s: %q, want %q", d.Target, got, want)
		}
	}
}

// What comes behind the mirror on the way to the client, such as compression, is not compared.
func TestAnswersAreComparedBeforeOtherFilters(t *testing.T) {
	live, next := serving(t, echo), serving(t, echo)
	c := mirroring()
	c.Compare = true
	r := newRig(t, &c, live.addr(), next.addr(), http7.Step{Name: "upper", Stage: http7.Present, Response: shouting{}})
	if _, body := r.do("GET", "/quiet", ""); body != "GET /QUIET " {
		t.Errorf("the client got %q", body)
	}
	st := r.figures("compared", func(s mirror.Stats) bool { return s.Equal+s.Different+s.Unequalled == 1 })
	if st.Equal != 1 {
		t.Errorf("%+v, %+v", st, r.pool.Differences("site"))
	}
}

// shouting is a policy that changes answers.
type shouting struct{}

func (shouting) Response(x *http7.Exchange) http7.Verdict {
	x.Answer.Header.AddRaw([]byte("X-Loud"), []byte("1"))
	x.Answer.Header.Set(http7.Known(http7.ContentType), []byte("text/loud"))
	x.Answer.Filters = append(x.Answer.Filters, upper{})
	return http7.Continue
}

type upper struct{}

func (upper) Write(dst, chunk []byte, _ http7.How) ([]byte, int, bool, *http7.Fault) {
	n := min(len(chunk), cap(dst)-len(dst))
	return append(dst, strings.ToUpper(string(chunk[:n]))...), n, true, nil
}

func (upper) Changes() bool { return true }

func TestEndpointsMayCompressEachInTheirWay(t *testing.T) {
	zipped := func(level int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z, _ := gzip.NewWriterLevel(w, level)
			_, _ = io.WriteString(z, strings.Repeat("some text ", 500))
			_ = z.Close()
		}
	}
	live, next := serving(t, zipped(1)), serving(t, zipped(9))
	c := mirroring()
	c.Compare = true
	r := newRig(t, &c, live.addr(), next.addr())
	r.do("GET", "/", "", "Accept-Encoding: gzip")
	r.figures("compared", func(s mirror.Stats) bool { return s.Equal == 1 })
}

func TestClientsAreServedWhateverTheMirrorDoes(t *testing.T) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refusing.Close()
	hold := make(chan struct{})
	silent := serving(t, func(http.ResponseWriter, *http.Request) { <-hold })
	t.Cleanup(func() { close(hold) })
	garbage := speaking(t, "oh no\r\n\r\n")
	cutting := speaking(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
	live := serving(t, echo)
	for _, k := range []struct{ what, addr string }{
		{"refuses", refusing.Addr().String()}, {"is silent", silent.addr()}, {"speaks garbage", garbage}, {"cuts", cutting},
	} {
		c := mirroring()
		c.Compare, c.Timeout = true, conf.Dur(200*time.Millisecond)
		r := newRig(t, &c, live.addr(), k.addr)
		for range 30 {
			begin := time.Now()
			if status, body := r.do("POST", "/a", "hello"); status != 200 || body != "POST /a hello" {
				t.Errorf("a mirror that %s: %d %q", k.what, status, body)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("a mirror that %s: the client waited for %v", k.what, took)
			}
		}
		st := r.figures("a mirror that "+k.what, func(s mirror.Stats) bool { return s.Failed == s.Sent && s.Sent+s.Down == 30 })
		if st.Failed < 5 || st.Equal+st.Different != 0 {
			t.Errorf("a mirror that %s: %+v", k.what, st)
		}
	}
}

// speaking is an endpoint that says the same to every connection's first bytes, and ends it.
func speaking(t *testing.T, text string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 4096)
			_, _ = c.Read(b)
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func TestAClientThatLeaves(t *testing.T) {
	live := serving(t, func(w http.ResponseWriter, r *http.Request) { // says something now and then
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := io.WriteString(w, "x"); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	})
	next := serving(t, echo)
	c := mirroring()
	c.Compare = true
	r := newRig(t, &c, live.addr(), next.addr())

	conn := r.dial("POST /in-the-body HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nshort")
	_ = conn.Close()
	r.figures("in the body", func(s mirror.Stats) bool { return s.Incomplete == 1 && s.Sent == 0 })

	conn = r.dial("GET /in-the-answer HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
	r.figures("in the answer", func(s mirror.Stats) bool { return s.Sent == 1 && s.Unequalled == 1 })
	if asked, _ := next.seen(); len(asked) != 1 || asked[0] != "GET h/in-the-answer " {
		t.Errorf("the mirror was asked %q", asked)
	}
}

func (r *rig) dial(text string) net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		r.t.Fatal(err)
	}
	return conn
}

func TestLargeBodiesPassAndAreNotMirrored(t *testing.T) {
	live, next := serving(t, echo), serving(t, echo)
	c := mirroring()
	c.Compare, c.MaxBody = true, conf.Bytes(10<<10)
	r := newRig(t, &c, live.addr(), next.addr())
	large := strings.Repeat("0123456789", 50<<10)
	if _, body := r.do("POST", "/declared", large); body != "POST /declared "+large {
		t.Error("a large body did not come through")
	}
	r.figures("declared", func(s mirror.Stats) bool { return s.TooLarge == 1 })
	req, err := http.NewRequest("POST", r.url+"/chunked", io.MultiReader(strings.NewReader(large)))
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "POST /chunked "+large {
		t.Errorf("a large chunked body did not come through: %v", err)
	}
	r.figures("chunked", func(s mirror.Stats) bool { return s.TooLarge == 2 && s.Sent == 0 })
	if asked, _ := next.seen(); len(asked) != 0 {
		t.Errorf("the mirror was asked %d times", len(asked))
	}
}

func TestAReloadKeepsFiguresAndEndsMirrors(t *testing.T) {
	live, next := serving(t, echo), serving(t, echo)
	c := mirroring()
	r := newRig(t, &c, live.addr(), next.addr())
	r.do("GET", "/1", "")
	r.figures("before", func(s mirror.Stats) bool { return s.Sent == 1 })
	c.Compare = true
	r.publish(&c)
	r.pool.Keep(func(string, string) bool { return true })
	r.do("GET", "/2", "")
	r.figures("after", func(s mirror.Stats) bool { return s.Sent == 2 && s.Equal == 1 })
	r.publish(nil)
	r.pool.Keep(func(string, string) bool { return false })
	r.do("GET", "/3", "")
	if n := len(r.pool.Stats()); n != 0 {
		t.Errorf("%d mirrors have figures", n)
	}
	if asked, _ := next.seen(); len(asked) != 2 {
		t.Errorf("the mirror was asked %q", asked)
	}
}

// The connection to the mirror is kept as those to endpoints are.
func TestCopiesShareAConnection(t *testing.T) {
	live, next := serving(t, echo), serving(t, echo)
	c := mirroring()
	r := newRig(t, &c, live.addr(), next.addr())
	for i := range 20 {
		r.do("GET", "/", "")
		r.figures("one by one", func(s mirror.Stats) bool { return s.Sent == uint64(i+1) && s.InFlight == 0 })
	}
	if n := next.opened.Load(); n > 2 {
		t.Errorf("%d connections for one copy after the other", n)
	}
}
