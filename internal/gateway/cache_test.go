package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"weir/internal/admin"
	"weir/internal/explain"
	colours "weir/internal/term"
)

// origin is an endpoint that counts what it is asked, and lets answers be stored for an hour.
type origin struct {
	addr  string
	other http.Handler // answers in its place; nil: it does

	mu   sync.Mutex
	seen map[string]int // by host and target
}

func newOrigin(t testing.TB) *origin {
	t.Helper()
	o := &origin{seen: map[string]int{}}
	s := httptest.NewServer(o)
	t.Cleanup(s.Close)
	o.addr = s.Listener.Addr().String()
	return o
}

// ServeHTTP implements [http.Handler].
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.seen[r.RequestURI]++
	o.mu.Unlock()
	if o.other != nil {
		o.other.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Header().Set("Surrogate-Key", "all page"+strings.ReplaceAll(r.URL.Path, "/", "-"))
	w.Header().Set("ETag", `"v1"`)
	if r.Header.Get("If-None-Match") == `"v1"` {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = io.WriteString(w, "page "+r.RequestURI)
}

// times is how often a target has been asked for.
func (o *origin) times(target string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[target]
}

// stored is a config with a cache in front of an origin.
func stored(o *origin, keys string) string {
	return "[listeners.web]\n" + any0 + "[[routes]]\nname = \"pages\"\nupstream = \"u\"\npolicies = \"stored\"\n" +
		"[policies.stored.cache]\n" + keys + "\n[upstreams.u]\nendpoints = \"" + o.addr + "\"\n"
}

// asks expects a body and how often the origin has been asked for it then.
func (r *rig) asks(o *origin, path string, times int) {
	r.t.Helper()
	r.says("web", path, "page "+path)
	if n := o.times(path); n != times {
		r.t.Errorf("the origin was asked %d times for %s, want %d", n, path, times)
	}
}

func (r *rig) purge(p admin.Purge) admin.Purged {
	r.t.Helper()
	done, err := r.g.Purge(p)
	if err != nil {
		r.t.Fatalf("%+v: %v", p, err)
	}
	return done
}

func TestAnAnswerIsStoredAndServedAcrossReloads(t *testing.T) {
	o := newOrigin(t)
	r := start(t, stored(o, ""))
	r.asks(o, "/a", 1)
	r.asks(o, "/a", 1)
	r.reload("[cache]\nsize = \"8MiB\"\n" + stored(o, "max_object = \"1KiB\""))
	r.asks(o, "/a", 1)
	if m := r.metrics(); !strings.Contains(m, "\nweir_cache_limit_bytes 8388608\n") {
		t.Error("the store has not the new size")
	}
	r.write("[listeners.web]\naddress = \":x\"\n")
	if v := r.g.Reload(); v.OK {
		t.Fatal("a wrong config was taken")
	}
	r.asks(o, "/a", 1)
}

func TestAConfigWithoutACacheForgetsWhatWasStored(t *testing.T) {
	o := newOrigin(t)
	r := start(t, stored(o, ""))
	r.asks(o, "/a", 1)
	r.reload(strings.Replace(stored(o, ""), "policies = \"stored\"\n", "", 1)) // nobody uses it, yet it is there
	r.asks(o, "/a", 2)
	r.reload(stored(o, ""))
	r.asks(o, "/a", 2)
	r.reload(stored(o, "mode = \"off\""))
	r.asks(o, "/a", 3)
	if strings.Contains(r.metrics(), "weir_cache_bytes") {
		t.Error("there is a store in the metrics although nobody stores")
	}
	if s := r.g.Status(); s.Cache != nil {
		t.Errorf("status has %+v", s.Cache)
	}
	r.reload(stored(o, ""))
	r.asks(o, "/a", 4)
	r.asks(o, "/a", 4)
}

func TestWhatAPurgeNamesIsAskedForAgain(t *testing.T) {
	o := newOrigin(t)
	r := start(t, stored(o, "key = [\"path\", \"query:page\"]"))
	all := []string{"/a/1", "/a/2", "/b", "/b?page=2"}
	times := map[string]int{}
	for _, c := range []struct {
		purge admin.Purge
		what  string
		gone  []string
	}{
		{admin.Purge{Key: "http://any.example/b?page=2"}, "http://any.example/b?page=2", []string{"/b?page=2"}},
		{admin.Purge{Key: "HTTP://Any.example/%61/1?utm=x"}, "http://any.example/a/1?utm=x", []string{"/a/1"}},
		{admin.Purge{Key: "https://any.example/b"}, "https://any.example/b", nil},
		{admin.Purge{Key: "https://Bücher.example:8443/ü b?ü"}, "https://xn--bcher-kva.example:8443/%C3%BC%20b?ü", nil},
		{admin.Purge{Prefix: "http://any.example/a/"}, "http://any.example/a/", []string{"/a/1", "/a/2"}},
		{admin.Purge{Prefix: "http://any.example"}, "http://any.example/", all},
		{admin.Purge{Tag: admin.Tags{"page-b", "page-a-2", "page-b"}}, "page-b,page-a-2", []string{"/b", "/b?page=2", "/a/2"}},
		{admin.Purge{Tag: admin.Tags{"none"}}, "none", nil},
		{admin.Purge{All: true}, "", all},
	} {
		for _, path := range all {
			r.says("web", path, "page "+path)
			times[path] = o.times(path)
		}
		done := r.purge(c.purge)
		if got := strings.Join(done.What, ","); got != c.what || done.Kind != c.purge.Kind() {
			t.Errorf("%+v: said %+v", c.purge, done)
		}
		for _, path := range c.gone {
			times[path]++
		}
		for _, path := range all {
			r.asks(o, path, times[path])
		}
	}
	m := r.metrics()
	for _, line := range []string{`weir_cache_purges_total{kind="key"} 4`, `weir_cache_purges_total{kind="prefix"} 2`, `weir_cache_purges_total{kind="tag"} 3`, `weir_cache_purges_total{kind="all"} 1`} {
		if !strings.Contains(m, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func TestAPurgeOfWhatWasNeverFetchedSaysSo(t *testing.T) {
	o := newOrigin(t)
	r := start(t, stored(o, "key = [\"path\", \"query:page\"]"))
	r.asks(o, "/a", 1)
	for _, c := range []struct {
		purge  admin.Purge
		unseen bool
	}{
		{admin.Purge{Key: "http://any.example/b"}, true},
		{admin.Purge{Key: "https://any.example/a"}, true},
		{admin.Purge{Key: "http://any.example/a/"}, true},
		{admin.Purge{Key: "http://any.example/a?page=2", Soft: true}, true},
		{admin.Purge{Key: "http://any.example/%61?utm=x"}, false},
		{admin.Purge{Key: "http://any.example/a"}, false}, // it was fetched
		{admin.Purge{Prefix: "http://any.example/b"}, false},
		{admin.Purge{Tag: admin.Tags{"none"}}, false},
		{admin.Purge{All: true}, false},
	} {
		if done := r.purge(c.purge); done.Unseen != c.unseen {
			t.Errorf("%+v: %+v", c.purge, done)
		}
	}
}

func TestASoftPurgeLetsTheOriginSayThatItStillHolds(t *testing.T) {
	o := newOrigin(t)
	r := start(t, stored(o, ""))
	r.asks(o, "/a", 1)
	r.purge(admin.Purge{Tag: admin.Tags{"all"}, Soft: true})
	r.asks(o, "/a", 2) // by If-None-Match: the body is the stored one
	r.asks(o, "/a", 2)
	if m := r.metrics(); !strings.Contains(m, `weir_cache_requests_total{listener="web",route="pages",result="revalidated"} 1`+"\n") {
		t.Error("no request is counted as revalidated")
	}
}

func TestAPurgeThatCantBeIsAnError(t *testing.T) {
	o := newOrigin(t)
	r := start(t, stored(o, ""))
	for _, c := range []struct {
		purge admin.Purge
		want  string
	}{
		{admin.Purge{}, "name what to purge"},
		{admin.Purge{All: true, Key: "http://a/"}, "name what to purge"},
		{admin.Purge{Key: "http://a/%2e%2e/b"}, "ambiguous"},
		{admin.Purge{Prefix: "http://bü_cher..example/"}, "is not an international host name"},
	} {
		if _, err := r.g.Purge(c.purge); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.purge, err, c.want)
		}
	}
	r.reload(stored(o, "mode = \"off\""))
	if _, err := r.g.Purge(admin.Purge{All: true}); err == nil || !strings.Contains(err.Error(), "there is no cache") {
		t.Errorf("without a cache: %v", err)
	}
}

func TestStatusAndMetricsTellWhatTheCacheDoes(t *testing.T) {
	o := newOrigin(t)
	r := start(t, stored(o, ""))
	for range 4 {
		r.says("web", "/a", "page /a")
	}
	hits := `weir_cache_requests_total{listener="web",route="pages",result="hit"} 3` + "\n"
	until(t, "the last hit is counted, which is behind its answer", func() bool { return strings.Contains(r.metrics(), hits) })
	m := r.metrics()
	for _, line := range []string{
		`weir_cache_requests_total{listener="web",route="pages",result="miss"} 1`, `weir_cache_requests_total{listener="web",route="pages",result="hit"} 3`,
		"weir_cache_objects 1", "weir_cache_limit_bytes 268435456", `weir_cache_fills_total{result="stored"} 1`, "weir_cache_fill_duration_seconds_count 1",
	} {
		if !strings.Contains(m, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
	s := r.g.Status().Cache
	if s == nil || s.Objects != 1 || s.Limit != 256<<20 || s.Bytes <= 0 || s.Results["hit"] != 3 || s.HitRatio != 0.75 {
		t.Errorf("status has %+v", s)
	}
}

func TestAPurgeComesByTheAdminServer(t *testing.T) {
	o := newOrigin(t)
	r := start(t, "[admin]\naddress = \"127.0.0.1:0\"\n"+stored(o, ""))
	r.asks(o, "/a", 1)
	res, err := r.client.Post("http://"+r.g.AdminAddr().String()+"/purge", "application/json", strings.NewReader(`{"tag": "page-a", "soft": false}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var done admin.Purged
	if err := json.NewDecoder(res.Body).Decode(&done); err != nil || res.StatusCode != 200 || done.Kind != "tag" {
		t.Errorf("%d %+v, %v", res.StatusCode, done, err)
	}
	r.asks(o, "/a", 2)
}

func TestStepsOfACacheAreWhereEndpointsAnswer(t *testing.T) {
	c, report := compile(t, web+`policies = ["stored", "edge"]
[[routes]]
match.path = "/a"
upstream = "u"
rewrite.prefix = "/x"
[[routes]]
match.path = "/b"
respond = {}
[[routes]]
match.path = "/c"
split = [{ upstream = "u" }]
[[routes]]
match.path = "/d"
upstream = "u"
without = "stored"
[upstreams.u]
endpoints = "127.0.0.1:1"
[policies.stored.cache]
[policies.edge]
headers.request = { set = { X-Edge = "1" } }
headers.response = { remove = "Server" }
`)
	if c == nil {
		t.Fatal(report)
	}
	for id, want := range []string{
		"edge.headers.response stored.cache edge.headers.request rewrite",
		"edge.headers.response edge.headers.request",
		"edge.headers.response stored.cache edge.headers.request",
		"edge.headers.response edge.headers.request",
	} {
		if got := names(c.sites["web"].Plans[id].Route.Steps); got != want {
			t.Errorf("the steps of route %d are %q, want %q", id, got, want)
		}
	}
	if got := names(c.sites["web"].Late); got != "edge.headers.response edge.headers.request" {
		t.Errorf("without a route the steps are %q", got)
	}
}

func TestExplainTellsTheKeyAndWhatTheCacheWouldDo(t *testing.T) {
	o := newOrigin(t)
	config := stored(o, "key = [\"host\", \"path\", \"query:page\", \"header:X-Tenant\"]")
	q := explain.Question{URL: "http://shop.example/a?x=1&page=2", Header: []explain.Field{{Name: "X-Tenant", Value: "acme"}}}
	report := ask(t, offline(t, config), q)
	said := func(r *explain.Report) string {
		for i := range r.Policies {
			if p := &r.Policies[i]; p.Name == "stored.cache" && p.Stage == "cache" {
				return p.Why
			}
		}
		return ""
	}
	const key = "http://shop.example/a?page=2 pages X-Tenant=acme"
	if got := said(report); !strings.Contains(strings.ToLower(got), strings.ToLower(key)) {
		t.Errorf("offline it says %q", got)
	}
	r := start(t, config)
	live, err := r.g.Explain(q)
	if err != nil {
		t.Fatal(err)
	}
	if got := said(live); !strings.Contains(strings.ToLower(got), strings.ToLower(key)) || !strings.Contains(got, "miss") {
		t.Errorf("before anything is stored it says %q", got)
	}
	if n := o.times("/a?x=1&page=2"); n != 0 || r.g.Status().Cache.Objects != 0 {
		t.Errorf("explaining has asked the origin %d times", n)
	}
	r.asks(o, "/a", 1)
	for _, c := range []struct {
		before func()
		want   string
	}{
		{func() {}, "would hit"},
		{func() { r.purge(admin.Purge{All: true, Soft: true}) }, "would revalidate"},
		{func() { r.purge(admin.Purge{All: true}) }, "would miss"},
	} {
		c.before()
		live, err := r.g.Explain(explain.Question{URL: r.url("web", "/a")})
		if err != nil {
			t.Fatal(err)
		}
		if got := said(live); !strings.HasSuffix(got, c.want) {
			t.Errorf("it says %q, want %q", got, c.want)
		}
	}
}

func TestWhatIsStoredIsExplainedAsAnswered(t *testing.T) {
	o := newOrigin(t)
	edge := "[policies.edge]\nheaders.response = { set = { X-Edge = \"weir\" } }\ncompress = { min_bytes = \"0B\" }\n"
	r := start(t, strings.Replace(stored(o, ""), "policies = \"stored\"", "policies = [\"edge\", \"stored\"]", 1)+edge)
	asked := 0
	asks := func(times int) { // and waits until what it counts is counted, which is behind the answer
		t.Helper()
		r.asks(o, "/a", times)
		asked++
		want := []string{fmt.Sprintf(`weir_http_requests_total{listener="web",route="pages",class="2xx"} %d`+"\n", asked), fmt.Sprintf(`weir_upstream_attempts_total{upstream="u",outcome="ok"} %d`+"\n", times)}
		until(t, "requests and attempts are counted", func() bool {
			m := r.metrics()
			return strings.Contains(m, want[0]) && strings.Contains(m, want[1])
		})
	}
	explained := func(q explain.Question) (*explain.Report, string) {
		t.Helper()
		q.URL = r.url("web", "/a")
		before := counters(r.metrics())
		e, err := r.g.Explain(q)
		if err != nil {
			t.Fatal(err)
		}
		if after := counters(r.metrics()); after != before {
			t.Errorf("explaining moved a counter: before\n%s\nand after\n%s", before, after)
		}
		_, text, _ := strings.Cut(e.Text(colours.Paint{}), "\n")
		return e, text
	}
	if e, text := explained(explain.Question{}); e.Action != explain.Forwarded || !strings.HasPrefix(text, "→ forwarded to upstream u, route pages\n") {
		t.Errorf("before anything is stored: %s", text)
	}
	asks(1)
	for _, c := range []struct {
		q      explain.Question
		status int
		want   string
	}{
		{explain.Question{}, 200, "\n  Cache-Status: weir; hit; ttl="},
		{explain.Question{Method: "HEAD"}, 200, "\n  Etag: \"v1\"\n"},
		{explain.Question{Header: []explain.Field{{Name: "Accept-Encoding", Value: "gzip"}}}, 200, "\n  X-Edge: weir\n"},
		{explain.Question{Header: []explain.Field{{Name: "If-None-Match", Value: `"v1"`}}}, 304, "\n  Age: "},
		{explain.Question{Header: []explain.Field{{Name: "Range", Value: "bytes=0-1"}}}, 206, "\n  Content-Range: bytes 0-1/7\n"},
		{explain.Question{Header: []explain.Field{{Name: "Range", Value: "bytes=0-1,3-4"}}}, 206, "\n  Content-Range: bytes 0-4/7\n"},
	} {
		e, text := explained(c.q)
		if e.Action != explain.Answered || e.Answer == nil || e.Answer.Status != c.status || e.Answer.By != "stored.cache" || len(e.Upstreams) > 0 {
			t.Errorf("%+v: %+v, %+v", c.q, e, e.Answer)
		}
		if !strings.HasPrefix(text, "→ answered from the cache, route pages\n") || !strings.Contains(text, c.want) || strings.Contains(text, "UPSTREAM") {
			t.Errorf("%+v: want %q in\n%s", c.q, c.want, text)
		}
	}
	if _, text := explained(explain.Question{Method: "POST"}); !strings.HasPrefix(text, "→ forwarded to upstream u") ||
		!strings.Contains(text, "would bypass: method; if it succeeds, would purge "+r.url("web", "/a")) {
		t.Errorf("POST: %s", text)
	}
	if _, text := explained(explain.Question{Header: []explain.Field{{Name: "Cache-Control", Value: "no-cache"}}}); !strings.HasPrefix(text, "→ forwarded to upstream u") {
		t.Errorf("with no-cache: %s", text)
	}
	asks(1)
	r.reload(stored(o, "mode = \"observe\""))
	asks(2)
	if _, text := explained(explain.Question{}); !strings.HasPrefix(text, "→ forwarded to upstream u") || !strings.Contains(text, "would hit") {
		t.Errorf("in mode observe: %s", text)
	}
}

func TestAStaleAnswerIsExplainedWithoutBeingFetchedAgain(t *testing.T) {
	o := newOrigin(t)
	r := start(t, stored(o, "stale_while_revalidate = \"1h\""))
	r.asks(o, "/a", 1)
	r.purge(admin.Purge{All: true, Soft: true})
	for range 3 {
		e, err := r.g.Explain(explain.Question{URL: r.url("web", "/a")})
		if err != nil {
			t.Fatal(err)
		}
		if e.Action != explain.Answered || !strings.Contains(e.Text(colours.Paint{}), "detail=stale-while-revalidate") {
			t.Errorf("%+v", e)
		}
	}
	if n := o.times("/a"); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}
}

func TestReloadsAndPurgesBesideTrafficHarmNobody(t *testing.T) {
	o := newOrigin(t)
	r := start(t, stored(o, ""))
	over := make(chan struct{})
	var clients sync.WaitGroup
	for n := range 4 {
		clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
				}
				path := fmt.Sprintf("/%d", (i+n)%10)
				res, err := r.client.Get(r.url("web", path))
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != 200 || string(body) != "page "+path {
					t.Errorf("%s: %d %q, %v", path, res.StatusCode, body, err)
					return
				}
			}
		})
	}
	for i := range 20 {
		r.reload(fmt.Sprintf("[cache]\nsize = \"%dMiB\"\n", 2+i%3) + stored(o, []string{"", "ttl = \"1m\"", "mode = \"observe\"", "mode = \"off\"", "key = [\"path\"]"}[i%5]))
		if r.g.Status().Cache == nil {
			continue // nobody stores
		}
		r.purge([]admin.Purge{{All: true}, {Tag: admin.Tags{"page-3"}}, {Prefix: "http://any.example/"}, {Tag: admin.Tags{"all"}, Soft: true}}[i%4])
	}
	close(over)
	clients.Wait()
}

func TestTheAccessLogSaysWhatTheCacheDid(t *testing.T) {
	o := newOrigin(t)
	r := start(t, "access_log.path = \"-\"\naccess_log.sample = \"100%\"\n"+stored(o, ""))
	r.asks(o, "/a", 1)
	r.asks(o, "/a", 1)
	res, err := r.client.Post(r.url("web", "/a"), "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	for _, c := range []struct{ method, cache, attempts string }{{"GET", "miss", "1"}, {"GET", "hit", "0"}, {"POST", "bypass", "1"}} {
		until(t, "a line says "+c.cache, func() bool {
			for text := range strings.Lines(r.access.String()) {
				if strings.Contains(text, `"method":"`+c.method+`"`) && strings.Contains(text, `"cache":"`+c.cache+`"`) && strings.Contains(text, `"attempts":`+c.attempts+`,`) {
					return true
				}
			}
			return false
		})
	}
}
