package gateway

import (
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"weir/internal/admin"
)

// around is a cache among everything else that a route may have.
func around(o *origin) string {
	return `
[listeners.web]
` + any0 + `policies = ["edge", "stored"]
[[routes]]
name = "pages"
upstream = "u"
rewrite = { prefix = "/pages" }
error_pages = { "404" = "ERROR" }
[[routes]]
name = "own"
match.path = "/own"
respond = { body = "own" }
[policies.edge]
compress = { min_bytes = "0B", algorithms = "gzip" }
request_id = {}
cors = { origins = ["https://a.example", "https://b.example"] }
headers.request = { set = { X-Edge = "weir" } }
headers.response = { set = { X-Asked = "{header.X-Who}", X-Id = "{request_id}" } }
[policies.stored.cache]
[upstreams.u]
endpoints = "` + o.addr + `"
sticky = { cookie = "at", key = "the secret of a test", secure = false }
`
}

// dressed is an answer with its body, unpacked.
type dressed struct {
	*http.Response
	text string
}

func (r *rig) dressed(path string, fields ...string) dressed {
	r.t.Helper()
	q, err := http.NewRequest("GET", r.url("web", path), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(fields); i += 2 {
		q.Header.Set(fields[i], fields[i+1])
	}
	res, err := r.client.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	var body io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(res.Body); err != nil {
			r.t.Fatal(err)
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		r.t.Fatal(err)
	}
	return dressed{res, string(text)}
}

func TestWhatIsStoredIsTheEndpointsAndEachClientGetsItHisWay(t *testing.T) {
	o := newOrigin(t)
	r := start(t, strings.Replace(around(o), "error_pages = { \"404\" = \"ERROR\" }\n", "", 1))
	first := r.dressed("/a", "X-Who", "one", "Origin", "https://a.example")
	if first.text != "page /pages/a" || first.Header.Get("Cache-Status") != "weir; fwd=uri-miss; stored" {
		t.Fatalf("%q, %v", first.text, first.Header)
	}
	packed := r.dressed("/a", "X-Who", "two", "Accept-Encoding", "gzip", "Origin", "https://b.example")
	plain := r.dressed("/a")
	for _, c := range []struct {
		what      string
		got       dressed
		who, page string // X-Asked, and the origin that may read it
		coding    string
	}{
		{"the first", first, "one", "https://a.example", ""},
		{"a packed one", packed, "two", "https://b.example", "gzip"},
		{"one of nobody", plain, "", "", ""},
	} {
		h := c.got.Header
		if c.got.text != "page /pages/a" || h.Get("X-Asked") != c.who || h.Get("Access-Control-Allow-Origin") != c.page || h.Get("Content-Encoding") != c.coding {
			t.Errorf("%s: %q, %v", c.what, c.got.text, h)
		}
		if c.what != "the first" && !strings.HasPrefix(h.Get("Cache-Status"), "weir; hit; ttl=") {
			t.Errorf("%s: Cache-Status %q", c.what, h.Get("Cache-Status"))
		}
		if id := h.Get("X-Id"); len(id) != 36 || c.what != "the first" && id == first.Header.Get("X-Id") {
			t.Errorf("%s: the id is %q", c.what, id)
		}
		if cookies := h.Values("Set-Cookie"); c.what != "the first" && len(cookies) > 0 {
			t.Errorf("%s: it was given %q", c.what, cookies)
		}
	}
	if n := o.times("/pages/a"); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}
	if own := r.dressed("/own"); own.text != "own" || own.Header.Get("Cache-Status") != "" {
		t.Errorf("what Weir answers by itself has %v", own.Header)
	}
}

func TestAStoredErrorIsDressedForEachClient(t *testing.T) {
	o := newOrigin(t)
	o.other = http.NotFoundHandler()
	page := t.TempDir() + "/sorry.html"
	if err := os.WriteFile(page, []byte("<h1>{status}</h1>"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, strings.NewReplacer("ERROR", page, "[policies.stored.cache]\n", "[policies.stored.cache]\nnegative_ttl = \"1m\"\n").Replace(around(o)))
	for _, want := range []string{"weir; fwd=uri-miss; stored", "weir; hit; ttl="} {
		got := r.dressed("/none", "Accept", "text/html")
		if got.StatusCode != 404 || got.text != "<h1>404</h1>" || !strings.HasPrefix(got.Header.Get("Cache-Status"), want) {
			t.Errorf("want %s: %d %q %v", want, got.StatusCode, got.text, got.Header)
		}
	}
}

func TestACacheThatWasMadeForAnotherSizeSaysWhatItDoesNotTake(t *testing.T) {
	const warning = "takes no object as large as a policy's max_object before a restart"
	o := newOrigin(t)
	r := start(t, "[cache]\nsize = \"1GiB\"\n"+stored(o, "max_object = \"8MiB\""))
	r.reload("[cache]\nsize = \"512MiB\"\n" + stored(o, "max_object = \"8MiB\""))
	if strings.Contains(r.log.String(), warning) {
		t.Errorf("it warns without a reason: %s", r.log)
	}
	r.reload("[cache]\nsize = \"64MiB\"\n" + stored(o, "max_object = \"8MiB\""))
	if got := r.log.String(); !strings.Contains(got, warning) || !strings.Contains(got, `"policy":"stored","max_object":"8MiB"`) {
		t.Errorf("it does not warn: %s", got)
	}
	r.asks(o, "/a", 1)
	r.asks(o, "/a", 1)
}

func TestTagsDontReachClients(t *testing.T) {
	o := newOrigin(t)
	r := start(t, stored(o, ""))
	for _, what := range []string{"a miss", "a hit", "another method"} {
		method := "GET"
		if what == "another method" {
			method = "DELETE"
		}
		q, err := http.NewRequest(method, r.url("web", "/a"), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := res.Header.Values("Surrogate-Key"); len(got) > 0 || res.Header.Get("Cache-Status") == "" {
			t.Errorf("%s: tags %q, Cache-Status %q", what, got, res.Header.Get("Cache-Status"))
		}
	}
}

func TestWhichLifetimesAllowStaleAnswers(t *testing.T) {
	const stale = "detail=stale-while-revalidate"
	for _, c := range []struct{ control, cdn, want string }{
		{"max-age=60, stale-while-revalidate=600", "", stale},
		{"s-maxage=60, stale-while-revalidate=600", "", "fwd=stale"}, // RFC 9111 §5.2.2.10
		{"max-age=60, must-revalidate, stale-while-revalidate=600", "", "fwd=stale"},
		{"max-age=60, proxy-revalidate, stale-while-revalidate=600", "", "fwd=stale"},
		{"s-maxage=60", "max-age=60, stale-while-revalidate=600", stale},
		{"max-age=5, must-revalidate", "max-age=60, stale-while-revalidate=600", stale},
	} {
		o := newOrigin(t)
		o.other = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", c.control)
			if c.cdn != "" {
				w.Header().Set("CDN-Cache-Control", c.cdn)
			}
			w.Header().Set("ETag", `"v1"`)
			_, _ = io.WriteString(w, "page")
		})
		r := start(t, stored(o, ""))
		r.dressed("/a")
		r.purge(admin.Purge{All: true, Soft: true})
		if got := r.dressed("/a").Header.Get("Cache-Status"); !strings.Contains(got, c.want) {
			t.Errorf("%s and %q: %s, want %s", c.control, c.cdn, got, c.want)
		}
	}
}
