package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// reflector is an endpoint that answers with the fields that it got, one a line.
func reflector(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "secret")
		_ = r.Header.Write(w)
		_, _ = io.WriteString(w, "Host: "+r.Host+"\r\n")
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestPoliciesOfListenerAndRouteActOnWhatPasses(t *testing.T) {
	r := start(t, "[listeners.web]\n"+any0+`policies = "edge"
[[routes]]
match = { path = "/both" }
policies = "own"
upstream = "u"
[[routes]]
match = { path = "/own" }
policies = "own"
without = "edge"
upstream = "u"
[policies.edge.headers]
request = { set = { X-Edge = "1", X-Order = "edge" } }
response = { remove = "Server" }
[policies.own.headers]
request = { set = { X-Own = "1", X-Order = "own" } }
[upstreams.u]
host = "u.internal"
endpoints = "`+reflector(t)+"\"\n")
	for _, c := range []struct {
		path            string
		has, hasNot     []string
		serverIsRemoved bool
	}{
		// The route's edits come behind the listener's, so that the route has the last word.
		{"/both", []string{"X-Edge: 1\r\n", "X-Own: 1\r\n", "X-Order: own\r\n", "Host: u.internal\r\n"}, []string{"X-Order: edge"}, true},
		{"/own", []string{"X-Own: 1\r\n", "X-Order: own\r\n"}, []string{"X-Edge"}, false},
	} {
		res, err := r.client.Get(r.url("web", c.path))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		for _, want := range c.has {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s: the endpoint did not see %q in\n%s", c.path, want, b)
			}
		}
		for _, unwanted := range c.hasNot {
			if strings.Contains(string(b), unwanted) {
				t.Errorf("%s: the endpoint saw %q", c.path, unwanted)
			}
		}
		if removed := res.Header.Get("Server") == ""; removed != c.serverIsRemoved {
			t.Errorf("%s: Server removed: %v, want %v", c.path, removed, c.serverIsRemoved)
		}
	}
}

func TestAListenerWithSeveralAddressesMayLoseOne(t *testing.T) {
	tcp, socket := free(t), filepath.Join(t.TempDir(), "w.sock")
	dial := func() (net.Conn, error) { return net.Dial("unix", socket) }
	viaSocket := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return dial() },
	}}
	both := "[listeners.web]\naddress = [\"" + tcp + "\", \"unix:" + socket + "\"]\n[[routes]]\nrespond = { body = \"both\" }\n"
	r := start(t, both)
	res, err := viaSocket.Get("http://weir/")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	r.says("web", "/", "both")
	r.reload(answers(tcp, "one"))
	if _, err := dial(); err == nil {
		t.Error("the socket still accepts")
	}
	r.says("web", "/", "one") // on the connection that was kept alive
	r.reload(both)
	if c, err := dial(); err != nil {
		t.Error("the socket does not accept again:", err)
	} else {
		_ = c.Close()
	}
}

func TestTheAdminServerAnswersForTheGateway(t *testing.T) {
	at := free(t)
	r := start(t, "shutdown.delay = \"1h\"\n[admin]\naddress = \""+at+"\"\n"+answers("127.0.0.1:0", "x"))
	ask := func(path string) (int, string) {
		res, err := r.client.Get("http://" + at + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	for _, c := range []struct {
		path   string
		status int
		text   string
	}{
		{"/healthz", 200, ""},
		{"/readyz", 200, ""},
		{"/metrics", 200, "weir_config_generation 1"},
		{"/status", 200, `"generation":1`},
		{"/config", 200, `body = "x"`},
	} {
		if status, body := ask(c.path); status != c.status || !strings.Contains(strings.ReplaceAll(body, `": `, `":`), c.text) {
			t.Errorf("%s: %d %s; want %d and %q", c.path, status, body, c.status, c.text)
		}
	}
	r.stop()
	until(t, "it is not ready", func() bool { ok, _ := r.g.Ready(); return !ok })
	if status, body := ask("/readyz"); status != 503 || !strings.Contains(body, "draining") {
		t.Errorf("/readyz while it drains: %d %s", status, body)
	}
	if status, _ := ask("/healthz"); status != 200 {
		t.Errorf("/healthz while it drains: %d", status)
	}
}

func TestReloadsAtOnceRunOneAfterTheOther(t *testing.T) {
	r := start(t, answers("127.0.0.1:0", "x"))
	var all sync.WaitGroup
	seen := make(chan uint64, 8)
	for range 8 {
		all.Go(func() { seen <- r.g.Reload().Generation }) // ends with the reload
	}
	all.Wait()
	close(seen)
	once := map[uint64]bool{}
	for n := range seen {
		once[n] = true
	}
	if len(once) != 8 || r.g.generation() != 9 {
		t.Errorf("8 reloads made the generations %v, and %d serves", once, r.g.generation())
	}
}

func TestCountersAndConnectionsOfAnEndpointSurviveAReload(t *testing.T) {
	config := "[listeners.web]\n" + any0 + "[[routes]]\nname = \"NAME\"\nupstream = \"u\"\n[upstreams.u]\nendpoints = \"" + endpoint(t, "x") + "\"\n"
	r := start(t, strings.ReplaceAll(config, "NAME", "a"))
	says := func() { // the connection comes back a moment after the answer
		r.says("web", "/", "x")
		until(t, "the one connection is idle", func() bool {
			s := r.g.Status().Upstreams[0].Endpoints[0]
			return s.Idle == 1 && s.InFlight == 0
		})
	}
	for range 5 {
		says()
	}
	before := r.g.registry.Endpoints()[0]
	r.reload(strings.ReplaceAll(config, "NAME", "b"))
	says()
	after := r.g.registry.Endpoints()
	if len(after) != 1 || after[0] != before || before.Picked() != 6 || before.Latency() == 0 {
		t.Errorf("%d endpoints; %d picked, want 6; latency %v", len(after), before.Picked(), before.Latency())
	}
	for _, want := range []string{`weir_upstream_attempts_total{upstream="u",outcome="ok"} 6`, `{listener="web",route="b",class="2xx"} 1`} {
		until(t, "the metrics have "+want, func() bool { return strings.Contains(r.metrics(), want) })
	}
}

func TestAnEndpointThatIsGoneClosesItsIdleConnections(t *testing.T) {
	closed := make(chan struct{}, 1)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	r := start(t, "[listeners.web]\n"+any0+"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \""+s.Listener.Addr().String()+"\"\n")
	r.get("web", "/")
	r.reload(answers("127.0.0.1:0", "x"))
	<-closed
	if n := len(r.g.registry.Endpoints()); n != 0 {
		t.Errorf("%d endpoints are left", n)
	}
}

func TestTheLevelOfTheLogIsReloaded(t *testing.T) {
	r := start(t, answers("127.0.0.1:0", "x"))
	r.reload("log.level = \"error\"\n" + answers("127.0.0.1:0", "x"))
	before := r.log.String()
	r.reload("log.level = \"error\"\n" + answers("127.0.0.1:0", "x"))
	if now := r.log.String(); now != before {
		t.Errorf("an information was logged at level error: %s", now[len(before):])
	}
	r.write("nonsense = 1\n")
	if v := r.g.Reload(); v.OK || r.log.String() == before {
		t.Error("a refusal is not logged at level error")
	}
}
