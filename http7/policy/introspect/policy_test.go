package introspect

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/testkit"
)

// head is a request with the given fields, each with its line end.
func head(fields string) string { return "GET /a?b=1 HTTP/1.1\nHost: h\n" + fields + "\n" }

func TestAnActiveTokenEstablishesWhoSendsIt(t *testing.T) {
	for _, auth := range []string{"basic", "post"} {
		a := newAuthority(t)
		a.knows(t, "t-1/+~=", map[string]any{"groups": []string{"staff", "x"}, "plan": "gold"})
		w := worldOf(t, a, func(c *Config) { c.Auth = auth })
		x := asked("t-1/+~=")
		if v := w.steps[0].Request.Request(x); v.Act != http7.Go {
			t.Fatal(v.Fault)
		}
		if x.Consumer != "alice" || x.Scheme != "introspect" || !slices.Equal(x.Groups, []string{"staff", "x"}) || !slices.Equal(x.Scopes, []string{"read", "write"}) {
			t.Errorf("%s: got %q by %q, groups %q, scopes %q", auth, x.Consumer, x.Scheme, x.Groups, x.Scopes)
		}
		if plan, _ := x.Claim("plan"); string(plan) != "gold" {
			t.Errorf("%s: got claims %v", auth, x.Claims)
		}
	}
}

func TestWhatTheServerSaysDecides(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		what    string
		members map[string]any
		raw     string
		want    string
	}{
		{"active", nil, "", "alice"},
		{"not active", map[string]any{"active": false}, "", "introspect_inactive"},
		{"not active, with members that say otherwise", nil, `{"active":false,"sub":"alice","status":"active"}`, "introspect_inactive"},
		{"an active that is a text", nil, `{"active":"true","sub":"alice"}`, "introspect_inactive"},
		{"an active that is a number", nil, `{"active":1,"sub":"alice"}`, "introspect_inactive"},
		{"an active that is a list", nil, `{"active":[true],"sub":"alice"}`, "introspect_inactive"},
		{"two actives", nil, `{"active":false,"active":true,"sub":"alice"}`, "introspect_unavailable"},
		{"no active", nil, `{"sub":"alice"}`, "introspect_unavailable"},
		{"no object", nil, `[true]`, "introspect_unavailable"},
		{"half an answer", nil, `{"active":true,"sub":"al`, "introspect_unavailable"},
		{"no JSON", nil, `<html>active: true`, "introspect_unavailable"},
		{"deep", nil, `{"active":true,"sub":"alice","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "introspect_unavailable"},
		{"too long", nil, `{"active":true,"sub":"alice","x":"` + strings.Repeat("x", maxAnswer) + `"}`, "introspect_unavailable"},
		{"expired", map[string]any{"exp": now.Add(-time.Minute).Unix()}, "", "introspect_inactive"},
		{"to expire", map[string]any{"exp": now.Add(time.Minute).Unix()}, "", "alice"},
		{"an exp that is none", map[string]any{"exp": "soon"}, "", "introspect_claims"},
		{"no sub", map[string]any{"sub": nil}, "", "app"},
		{"no sub and no client_id", map[string]any{"sub": nil, "client_id": nil, "username": "al"}, "", "al"},
		{"a client_id that is empty", map[string]any{"sub": nil, "client_id": "", "username": "al"}, "", "introspect_claims"},
		{"a username that is a number", map[string]any{"sub": nil, "client_id": nil, "username": 5}, "", "introspect_claims"},
		{"not to be used yet", map[string]any{"nbf": now.Add(time.Minute).Unix()}, "", "introspect_inactive"},
		{"not to be used yet by a clock that is ahead", map[string]any{"nbf": now.Add(10 * time.Second).Unix()}, "", "alice"},
		{"an nbf that is none", map[string]any{"nbf": "soon"}, "", "introspect_claims"},
		{"a sub that is a number", map[string]any{"sub": 5}, "", "introspect_claims"},
		{"a sub that can't stand in a field", map[string]any{"sub": "a\r\nb"}, "", "introspect_claims"},
		{"another issuer", map[string]any{"iss": "other"}, "", "introspect_issuer"},
		{"another audience", map[string]any{"aud": []string{"other"}}, "", "introspect_audience"},
	} {
		a := newAuthority(t)
		members := map[string]any{"iss": "https://id.example.com", "aud": "api"}
		for name, value := range c.members {
			members[name] = value
		}
		a.knows(t, "token", members)
		if c.raw != "" {
			a.say("token", c.raw)
		}
		w := worldOf(t, a, func(cfg *Config) {
			cfg.Forward = map[string]string{"X-User": "sub"}
			if strings.HasPrefix(c.want, "introspect_issuer") || strings.HasPrefix(c.want, "introspect_audience") || c.what == "active" {
				cfg.Issuer, cfg.Audience = "https://id.example.com", []string{"api"}
			}
		})
		for range 2 { // asked, and remembered or asked again
			if got := w.says("token"); got != c.want {
				t.Errorf("%s: got %s, want %s", c.what, got, c.want)
			}
		}
	}
}

// All members but active may be absent (RFC 7662 §2.2): the server says that the token is good, and so it is.
func TestATokenOfNobodyInParticularIsGood(t *testing.T) {
	a := newAuthority(t)
	a.say("token", `{"active":true,"scope":"orders.read"}`)
	w := worldOf(t, a, nil)
	x := asked("token")
	if v := w.steps[0].Request.Request(x); v.Fault != nil || !x.Identified() || x.Consumer != "" || !slices.Equal(x.Scopes, []string{"orders.read"}) {
		t.Errorf("got %+v, identified %t, consumer %q, scopes %q", v.Fault, x.Identified(), x.Consumer, x.Scopes)
	}
}

func TestWithoutATokenNobodyIsAsked(t *testing.T) {
	a := newAuthority(t)
	w := worldOf(t, a, nil)
	for _, fields := range []string{"", "Authorization: Basic YTpi\n"} {
		if r := testkit.Policy(t, w.steps, head(fields), ""); r.Status != 0 || r.Consumer != "" || r.Request != "Host: h\n"+fields {
			t.Errorf("%q: got %+v", fields, r)
		}
	}
	for fields, want := range map[string]string{
		"Authorization: Bearer \n":                                         "introspect_malformed",
		"Authorization: Bearer a b\n":                                      "introspect_malformed",
		"Authorization: Bearer é\n":                                        "introspect_malformed",
		"Authorization: Bearer ===\n":                                      "introspect_malformed",
		"Authorization: Bearer " + strings.Repeat("a", 4<<10+1) + "\n":     "introspect_malformed",
		"Authorization: Bearer a\nAuthorization: Bearer b\n":               "introspect_ambiguous",
		"Authorization: Bearer token&active=true&client_id=someone#x'\"\n": "introspect_malformed",
	} {
		if r := testkit.Policy(t, w.steps, head(fields), ""); !strings.Contains(r.Body, `"fault":"`+want+`"`) || r.Status != 401 && r.Status != 400 {
			t.Errorf("%.60q: got %d %s", fields, r.Status, r.Body)
		}
	}
	if n := a.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestARefusalNamesNoSecretAndNoToken(t *testing.T) {
	a := newAuthority(t)
	w := worldOf(t, a, nil)
	r := testkit.Policy(t, w.steps, head("Authorization: Bearer t0ken\n"), "")
	if r.Status != 401 || !strings.Contains(r.Answer, `WWW-Authenticate: Bearer realm="api", error="invalid_token", error_description="The token is not active."`) {
		t.Errorf("got %d %s", r.Status, r.Answer)
	}
	a.fails(500, "s3cret t0ken")
	x := asked("another-t0ken")
	v := w.steps[0].Request.Request(x)
	if v.Fault == nil || v.Fault.Status != 503 || x.Cause == nil || !strings.Contains(v.Fault.Extra, "Retry-After") {
		t.Fatalf("got %+v, %v", v.Fault, x.Cause)
	}
	for _, text := range []string{r.Answer, r.Body, x.Cause.Error(), w.Log.String()} {
		if strings.Contains(text, "s3cret") || strings.Contains(text, "t0ken") {
			t.Errorf("%q tells a secret", text)
		}
	}
}

func TestAFailingServerRefusesOrIsPassedOverAsConfigured(t *testing.T) {
	for _, c := range []struct{ how, want string }{{"closed", "introspect_unavailable"}, {"open", "edge.introspect:could not be judged"}} {
		a := newAuthority(t)
		a.knows(t, "good", nil)
		w := worldOf(t, a, func(cfg *Config) { cfg.OnFailure = c.how })
		if got := w.says("good"); got != "alice" {
			t.Fatal(got)
		}
		for _, status := range []int{500, 401, 302, 204, 404} {
			a.fails(status, "")
			if got := w.says("other"); got != c.want {
				t.Errorf("%s, status %d: got %q, want %q", c.how, status, got, c.want)
			}
		}
		if got := w.says("good"); got != "alice" {
			t.Errorf("%s: a token that was judged before: got %q", c.how, got)
		}
		if n := w.checker.server.failed.Load(); n < 4 || strings.Count(w.Log.String(), "can't be judged") != 1 {
			t.Errorf("%s: %d failures, log %s", c.how, n, w.Log.String())
		}
		a.fails(200, "")
		if got := w.says("other"); got != "introspect_inactive" || !strings.Contains(w.Log.String(), "can be judged again") {
			t.Errorf("%s: later got %q, log %s", c.how, got, w.Log.String())
		}
	}
}

func TestAnswersAreRemembered(t *testing.T) {
	for _, c := range []struct {
		what       string
		change     func(*Config)
		good, bad  int32 // calls for 3 requests each
		goodsSize  int
		nothingBad bool
	}{
		{"both", nil, 1, 1, 1, false},
		{"good ones alone", func(c *Config) { c.NegativeCache = conf.OffDuration }, 1, 3, 1, true},
		{"bad ones alone", func(c *Config) { c.Cache = conf.OffDuration }, 3, 1, 0, false},
	} {
		a := newAuthority(t)
		a.knows(t, "good", nil)
		w := worldOf(t, a, c.change)
		for range 3 {
			if got := w.says("good"); got != "alice" {
				t.Errorf("%s: got %q", c.what, got)
			}
		}
		good := a.calls.Swap(0)
		for range 3 {
			if got := w.says("bad"); got != "introspect_inactive" {
				t.Errorf("%s: got %q", c.what, got)
			}
		}
		if bad := a.calls.Load(); good != c.good || bad != c.bad {
			t.Errorf("%s: %d and %d calls, want %d and %d", c.what, good, bad, c.good, c.bad)
		}
	}
}

// until is when what is remembered of a token ends: a search over time, since tables tell no more.
func (s *server) until(token string, from time.Time) time.Duration {
	for d := time.Duration(0); d < 2*time.Hour; d += time.Second {
		if s.remembered([]byte(token), from.Add(d)) == nil {
			return d
		}
	}
	return 2 * time.Hour
}

func TestAnswersEndWithTheirTimeAndWithTheToken(t *testing.T) {
	a, now := newAuthority(t), time.Now()
	a.knows(t, "long", map[string]any{"exp": now.Add(time.Hour).Unix()})
	a.knows(t, "short", map[string]any{"exp": now.Add(12 * time.Second).Unix()})
	a.knows(t, "endless", nil)
	w := worldOf(t, a, nil)
	for token, want := range map[string]time.Duration{"long": 30 * time.Second, "short": 12 * time.Second, "endless": 30 * time.Second, "bad": 10 * time.Second} {
		w.says(token)
		if got := w.checker.server.until(token, now); got < want-time.Second || got > want+5*time.Second {
			t.Errorf("%s: remembered for %v, want %v", token, got, want)
		}
	}
}

func TestRequestsWithTheSameTokenShareACall(t *testing.T) {
	a := newAuthority(t)
	a.knows(t, "good", nil)
	a.hold, a.begun = make(chan struct{}), make(chan struct{}, 100)
	w := worldOf(t, a, func(c *Config) { c.Cache = conf.OffDuration })
	const crowd = 20
	said, inside := make(chan string, crowd), make(chan struct{}, crowd)
	for range crowd {
		go func() { // ends with its answer
			x := asked("good")
			x.Blocking = func(most time.Duration) (context.Context, func()) {
				inside <- struct{}{}
				return context.WithTimeout(context.Background(), most)
			}
			said <- verdict(x, w.steps[0].Request.Request(x))
		}()
	}
	for range crowd {
		<-inside
	}
	<-a.begun
	close(a.hold)
	for range crowd {
		if got := <-said; got != "alice" {
			t.Errorf("got %q", got)
		}
	}
	// Those that were between Block and the call when it ended have asked again.
	if n := a.calls.Load(); n > 3 {
		t.Errorf("%d calls for %d requests", n, crowd)
	}
}

func TestACallGoesOnForTheOthersWhenItsFirstClientLeaves(t *testing.T) {
	a := newAuthority(t)
	a.knows(t, "good", nil)
	a.hold, a.begun = make(chan struct{}), make(chan struct{}, 1)
	w := worldOf(t, a, nil)
	ctx, leave := context.WithCancel(context.Background())
	first := make(chan string)
	go func() { // ends with its answer
		x := asked("good")
		x.Blocking = func(time.Duration) (context.Context, func()) { return ctx, func() {} }
		first <- verdict(x, w.steps[0].Request.Request(x))
	}()
	<-a.begun
	second := make(chan string)
	go func() { second <- w.says("good") }() // ends with its answer
	leave()
	if got := <-first; got != "introspect_unavailable" {
		t.Errorf("the one that left: got %q", got)
	}
	close(a.hold)
	if got := <-second; got != "alice" {
		t.Errorf("the other: got %q", got)
	}
	if n := a.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestACallEndsInTime(t *testing.T) {
	a := newAuthority(t)
	a.hold = make(chan struct{})
	defer close(a.hold)
	w := worldOf(t, a, func(c *Config) { c.Timeout = conf.Dur(10 * time.Millisecond) })
	if got := w.says("slow"); got != "introspect_unavailable" {
		t.Errorf("got %q", got)
	}
}

func TestCallsThatPileUpAreBounded(t *testing.T) {
	a := newAuthority(t)
	a.knows(t, "good", nil)
	w := worldOf(t, a, nil)
	w.checker.server.under.Store(maxUnder)
	if got := w.says("good"); got != "introspect_unavailable" || a.calls.Load() != 0 {
		t.Errorf("got %q after %d calls", got, a.calls.Load())
	}
	w.checker.server.under.Add(-1)
	if got := w.says("good"); got != "alice" || w.checker.server.under.Load() != maxUnder-1 {
		t.Errorf("with room: got %q", got)
	}
}

// Made-up tokens are many: they must not drive out what is known of real ones.
func TestMadeUpTokensDriveNobodyOut(t *testing.T) {
	a := newAuthority(t)
	a.knows(t, "good", nil)
	w := worldOf(t, a, func(c *Config) { c.CacheSize = conf.Bytes(256 << 10) })
	w.says("good")
	before := a.calls.Load()
	s := w.checker.server
	now := time.Now()
	for n := range 20000 {
		s.remember([]byte("made-up-"+strings.Repeat("x", n%40)+time.Duration(n).String()), &answer{fault: notActive}, now)
	}
	if got := w.says("good"); got != "alice" || a.calls.Load() != before {
		t.Errorf("got %q after %d calls", got, a.calls.Load()-before)
	}
	if _, size := s.bad.Size(); size > 256<<10 {
		t.Errorf("bad tokens have %d bytes", size)
	}
}

func TestEndpointsAreToldAndDoNotGetTheToken(t *testing.T) {
	a := newAuthority(t)
	a.knows(t, "good", map[string]any{"username": "Alice A"})
	fields := "Authorization: Bearer good\nX-User: root\n"
	for _, c := range []struct {
		what   string
		change func(*Config)
		want   string
	}{
		{"nothing told", nil, "Host: h\nX-User: root\n"},
		{"told", func(c *Config) { c.Forward = map[string]string{"X-User": "username", "X-None": "none"} }, "Host: h\nX-User: Alice A\n"},
		{"passed", func(c *Config) { c.Pass = true }, "Host: h\n" + fields},
		{"observed", func(c *Config) { c.Mode, c.Forward = conf.Observe, map[string]string{"X-User": "username"} }, "Host: h\n" + fields},
	} {
		w := worldOf(t, a, c.change)
		if r := testkit.Policy(t, w.steps, head(fields), ""); r.Request != c.want || r.Consumer != "alice" {
			t.Errorf("%s: got %q, %q, want %q", c.what, r.Consumer, r.Request, c.want)
		}
	}
}

func TestADryRunAsksNobody(t *testing.T) {
	a := newAuthority(t)
	a.knows(t, "good", nil)
	w := worldOf(t, a, nil)
	dry := func() string {
		x := asked("good")
		x.Dry = true
		return verdict(x, w.steps[0].Request.Request(x))
	}
	if got, want := dry(), "edge.introspect:unknown: would ask "+fetch.HostOf(a.url); got != want || a.calls.Load() != 0 {
		t.Errorf("got %q, want %q", got, want)
	}
	w.says("good")
	if got := dry(); got != "alice" {
		t.Errorf("from memory: got %q", got)
	}
}

func TestAReloadKeepsAnswersUnlessTheWordsChange(t *testing.T) {
	a := newAuthority(t)
	a.knows(t, "good", nil)
	w := worldOf(t, a, nil)
	w.says("good")
	w.use(t, a, nil)
	if got := w.says("good"); got != "alice" || a.calls.Load() != 1 {
		t.Errorf("got %q after %d calls", got, a.calls.Load())
	}
	w.use(t, a, func(c *Config) { c.Audience = []string{"api"} })
	if got := w.says("good"); got != "introspect_audience" || a.calls.Load() != 2 {
		t.Errorf("got %q after %d calls", got, a.calls.Load())
	}
}

// A server may close an idle connection just when a call is sent on it: the call is made again on another.
func TestAConnectionThatTheServerHasGivenUpIsNotAFailure(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener: each connection answers one call, and is closed when the next has come
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				in := bufio.NewReader(c)
				for n := range 2 {
					r, err := http.ReadRequest(in)
					if err != nil || n > 0 {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 31\r\n\r\n{\"active\":true, \"sub\": \"alice\"}")
				}
			}()
		}
	}()
	w := worldOf(t, &authority{url: "http://" + l.Addr().String() + "/introspect"}, nil)
	for _, token := range []string{"a", "b", "c"} {
		if got := w.says(token); got != "alice" {
			t.Errorf("token %s: got %q", token, got)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	a := newAuthority(t)
	for _, token := range []string{"a", "b", "c"} {
		a.knows(t, token, map[string]any{"sub": token})
	}
	w := worldOf(t, a, func(c *Config) { c.Connections = 2 })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				for _, token := range []string{"a", "b", "c"} {
					if got := w.says(token); got != token {
						t.Errorf("got %q for %q", got, token)
					}
				}
			}
		})
	}
	all.Wait()
}

// A token in the query stood in the access log where the policy looks for it elsewhere.
func TestLogsHideTheUsualParameter(t *testing.T) {
	w := worldOf(t, newAuthority(t), nil)
	if got := w.steps[0].Hides; !slices.Equal(got, []string{"access_token"}) {
		t.Errorf("hides %q", got)
	}
}
