package jwt

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/internal/fetch"
)

// issuer is a server of keys.
type issuer struct {
	url   string
	calls atomic.Int32

	mu     sync.Mutex
	status int
	body   []byte
	hold   chan struct{} // calls wait until it is closed, if it is not nil
}

func newIssuer(t testing.TB, body []byte) *issuer {
	t.Helper()
	i := &issuer{status: 200, body: body}
	s := httptest.NewServer(http.HandlerFunc(i.answer))
	t.Cleanup(s.Close)
	i.url = s.URL + "/keys"
	return i
}

func (i *issuer) answer(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	status, body, hold := i.status, i.body, i.hold
	i.mu.Unlock()
	i.calls.Add(1)
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have left
}

func (i *issuer) now(status int, body []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status, i.body = status, body
}

// asking is a source of that URL, started, with the log that it writes. It is asked for unknown keys as often as it likes.
func asking(t testing.TB, url string, change func(*source)) (*source, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	s := &source{
		name: "edge.jwt", log: slog.New(slog.NewTextHandler(log, nil)), url: url, refresh: time.Hour, pause: time.Hour,
		refreshed: new(atomic.Uint64), failed: new(atomic.Uint64), ignored: new(atomic.Uint64),
		client: fetch.New(fetch.Config{Timeout: 5 * time.Second, Conns: 1, MaxBody: maxSet}),
	}
	if change != nil {
		change(s)
	}
	s.start()
	t.Cleanup(s.Close)
	return s, log
}

// settle waits until no call is under way or due.
func (s *source) settle() {
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// by is a world whose keys come from s.
func by(t testing.TB, s *source, change func(*Config)) *world {
	w := worldOf(t, change, es256()) // whose own keys are not asked
	w.checker.source = s
	return w
}

func goodToken(t testing.TB, k *signer) string { return k.sign(t, claims(time.Now(), nil), nil) }

func TestKeysAreAskedForAtOnceAndTheFirstRequestsWait(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	i.hold = make(chan struct{})
	s, _ := asking(t, i.url, nil)
	w := by(t, s, nil)
	said := make(chan string)
	for range 3 {
		go func() { said <- w.says(goodToken(t, es256())) }() // ends with what is read below
	}
	close(i.hold)
	for range 3 {
		if got := <-said; got != "alice" {
			t.Errorf("got %s", got)
		}
	}
	if n := i.calls.Load(); n != 1 || s.refreshed.Load() != 1 {
		t.Errorf("%d calls, counted %d", n, s.refreshed.Load())
	}
}

func TestWithoutKeysTokensAreRefusedUntilTheSourceIsUp(t *testing.T) {
	i := newIssuer(t, nil)
	i.now(500, []byte("down"))
	s, log := asking(t, i.url, func(s *source) { s.apart = time.Hour })
	s.settle()
	w := by(t, s, nil)
	x := asked(goodToken(t, es256()))
	if v := w.steps[0].Request.Request(x); v.Fault == nil || v.Fault.Status != 503 || !strings.Contains(v.Fault.Extra, "Retry-After") {
		t.Errorf("got %+v", v.Fault)
	}
	if got := w.says(""); got != "" {
		t.Errorf("without a token: got %s", got)
	}
	if text := log.String(); !strings.Contains(text, "no keys can be had") || !strings.Contains(text, "status 500") || s.failed.Load() != 2 {
		t.Errorf("failed %d times: %s", s.failed.Load(), text)
	}
	i.now(200, jwks(t, es256()))
	s.apart = 0
	if got := w.says(goodToken(t, es256())); got != "alice" {
		t.Errorf("once it is up: got %s", got)
	}
	if text := log.String(); !strings.Contains(text, "keys can be had again") {
		t.Errorf("got %s", text)
	}
}

func TestAFailureIsRepeatedSoonerThanARefresh(t *testing.T) {
	i := newIssuer(t, nil)
	i.now(500, nil)
	s, _ := asking(t, i.url, func(s *source) { s.pause = time.Millisecond })
	for s.settle(); i.calls.Load() < 3; s.settle() {
	}
	i.now(200, jwks(t, es256()))
	for s.settle(); s.refreshed.Load() == 0; s.settle() {
	}
}

func TestGoodKeysStayWhileTheirSourceHoldsGarbage(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	s, log := asking(t, i.url, nil)
	s.settle()
	w := by(t, s, nil)
	private, err := fresh(t, "p").private.(interface{ Bytes() ([]byte, error) }).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		status int
		body   string
	}{
		"an error":           {502, "<html>bad gateway"},
		"a redirect":         {302, ""},
		"no JSON":            {200, "<html>hello"},
		"half of it":         {200, string(jwks(t, es256())[:40])},
		"no set":             {200, `["keys"]`},
		"an empty set":       {200, `{"keys":[]}`},
		"another object":     {200, `{"error":"x"}`},
		"keys of other uses": {200, `{"keys":[{"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"}]}`},
		"a secret":           {200, `{"keys":[{"kty":"oct","k":"` + b64(strings.Repeat("s", 64)) + `"}]}`},
		"private keys":       {200, `{"keys":[{"kty":"EC","crv":"P-256","d":"` + b64(string(private)) + `"}]}`},
		"too long":           {200, strings.Repeat(" ", maxSet) + string(jwks(t, es256()))},
		"nothing":            {200, ""},
	} {
		i.now(c.status, []byte(c.body))
		failed := s.failed.Load()
		s.mu.Lock()
		s.apart, s.asked = 0, time.Time{}
		s.mu.Unlock()
		if ended := s.ask(); ended == nil {
			t.Fatal("it is not asked")
		} else {
			<-ended
		}
		if got := w.says(goodToken(t, es256())); got != "alice" || s.failed.Load() != failed+1 {
			t.Errorf("%s: got %s, %d failures", what, got, s.failed.Load()-failed)
		}
	}
	if text := log.String(); !strings.Contains(text, "those that were good stay") {
		t.Errorf("got %s", text)
	}
}

func TestARotationIsFollowedWhenATokenNamesTheNewKey(t *testing.T) {
	old, next := es256(), fresh(t, "next")
	i := newIssuer(t, jwks(t, old))
	s, _ := asking(t, i.url, nil)
	s.settle()
	w := by(t, s, nil)
	before := goodToken(t, old)
	if got := w.says(before); got != "alice" {
		t.Fatal(got)
	}
	i.now(200, jwks(t, old, next))
	if got := w.says(goodToken(t, next)); got != "alice" {
		t.Errorf("the new key: got %s", got)
	}
	if got := w.says(before); got != "alice" {
		t.Errorf("the old key, which is there still: got %s", got)
	}
	i.now(200, jwks(t, next))
	<-s.ask()
	if got := w.says(before); got != "jwt_key" {
		t.Errorf("a token that was verified by a key that is gone: got %s", got)
	}
}

func TestUnknownKeysAskNoOftenerThanAllowed(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	s, _ := asking(t, i.url, func(s *source) { s.apart = time.Hour })
	s.settle()
	w := by(t, s, nil)
	for range 50 {
		if got := w.says(goodToken(t, fresh(t, "made-up"))); got != "jwt_key" {
			t.Fatal(got)
		}
	}
	if n := i.calls.Load(); n != 2 {
		t.Errorf("%d calls within the time, want the first and that of one token", n)
	}
	s.mu.Lock()
	s.asked = time.Now().Add(-2 * time.Hour)
	s.mu.Unlock()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { w.says(goodToken(t, fresh(t, "made-up"))) })
	}
	all.Wait()
	if n := i.calls.Load(); n != 3 {
		t.Errorf("%d calls after the time, want one more", n)
	}
}

// A call that was due anyway counted as one that a token had caused: whoever rotated right behind it had good tokens
// refused for as long as unknown_key.
func TestARotationRightBehindACallThatWasDueIsFollowedAtOnce(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	s, _ := asking(t, i.url, func(s *source) { s.apart = time.Hour })
	s.settle()
	w := by(t, s, nil)
	next := fresh(t, "next")
	i.now(200, jwks(t, next))
	if got := w.says(goodToken(t, next)); got != "alice" {
		t.Errorf("the new key: got %s", got)
	}
	i.now(200, jwks(t, fresh(t, "third")))
	if got := w.says(goodToken(t, fresh(t, "third"))); got != "jwt_key" || i.calls.Load() != 2 {
		t.Errorf("a second one within the time: got %s, %d calls", got, i.calls.Load())
	}
}

func TestTheClockGoingBackAsksAgain(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	s, _ := asking(t, i.url, func(s *source) { s.apart = time.Hour })
	s.settle()
	s.mu.Lock()
	s.asked = time.Now().Add(48 * time.Hour)
	s.mu.Unlock()
	if ended := s.ask(); ended == nil {
		t.Error("it waits for a time that may never come")
	} else {
		<-ended
	}
}

// Requests of a config that was retired may still be under way.
func TestASourceThatIsClosedIsNotWaitedFor(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	i.hold = make(chan struct{})
	defer close(i.hold)
	s, _ := asking(t, i.url, nil)
	w := by(t, s, nil)
	said := make(chan string)
	go func() { said <- w.says(goodToken(t, es256())) }() // ends with its answer
	s.Close()
	if got := <-said; got != "jwt_no_keys" {
		t.Errorf("one that waited: got %s", got)
	}
	if s.ask() != nil {
		t.Error("a later one waits")
	}
	s.stop = nil // it is closed once
}

func TestARequestWaitsForKeysNoLongerThanTheTimeout(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	i.hold = make(chan struct{})
	defer close(i.hold)
	s, _ := asking(t, i.url, nil)
	w := by(t, s, func(c *Config) { c.Timeout = conf.Dur(5 * time.Millisecond) })
	if got := w.says(goodToken(t, es256())); got != "jwt_no_keys" {
		t.Errorf("got %s", got)
	}
}

func TestADryRunAsksNobodyAndRemembersNothing(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	i.hold = make(chan struct{})
	s, _ := asking(t, i.url, nil)
	w := by(t, s, nil)
	w.checker.unknown = "edge.jwt:unknown: would ask " + fetch.HostOf(i.url)
	dry := func(token string) string {
		x := asked(token)
		x.Dry = true
		x.Blocking = nil
		return verdict(x, w.steps[0].Request.Request(x))
	}
	if got, want := dry(goodToken(t, es256())), "edge.jwt:unknown: would ask "+strings.TrimSuffix(strings.TrimPrefix(i.url, "http://"), "/keys"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	close(i.hold)
	s.settle()
	if got := dry(goodToken(t, es256())); got != "alice" {
		t.Errorf("with keys: got %s", got)
	}
	if n, _ := w.checker.known.Size(); n != 0 {
		t.Errorf("%d tokens are remembered", n)
	}
	if got := dry("a.b.c"); got != "jwt_malformed" {
		t.Errorf("no token: got %s", got)
	}
}

func TestAFileOfKeysIsFollowed(t *testing.T) {
	old, next := es256(), fresh(t, "next")
	path := file(t, "keys.json", jwks(t, old))
	w := newWorld()
	w.use(t, func(c *Config) { c.JWKS = path })
	defer w.turn.End()
	token := goodToken(t, old)
	if got := w.says(token); got != "alice" {
		t.Fatal(got)
	}
	for _, c := range []struct {
		doc       []byte
		old, next string
	}{
		{jwks(t, old, next), "alice", "alice"},
		{[]byte("garbage"), "alice", "alice"},
		{jwks(t, next), "jwt_key", "alice"},
	} {
		if err := os.WriteFile(path, c.doc, 0o600); err != nil {
			t.Fatal(err)
		}
		w.Settle()
		if a, b := w.says(token), w.says(goodToken(t, next)); a != c.old || b != c.next {
			t.Errorf("%.20s: got %s and %s, want %s and %s", c.doc, a, b, c.old, c.next)
		}
	}
	if w.checker.source.ask() != nil {
		t.Error("a file is asked for like a URL")
	}
}

func TestAReloadKeepsKeysAndTokens(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	at := func(c *Config) { c.JWKS = i.url }
	w := newWorld()
	w.use(t, at)
	token := goodToken(t, es256())
	if got := w.says(token); got != "alice" {
		t.Fatal(got)
	}
	first := w.checker
	w.use(t, at)
	if w.checker == first || w.checker.source != first.source || w.checker.known != first.known || i.calls.Load() != 1 {
		t.Error("the keys or the tokens are others")
	}
	w.use(t, func(c *Config) { at(c); c.Audience = []string{"other"} })
	if w.checker.source != first.source || w.checker.known == first.known {
		t.Error("with another audience, the keys must be the same and the tokens others")
	}
	if got := w.says(token); got != "jwt_audience" {
		t.Errorf("got %s", got)
	}
	w.turn.End()
	select {
	case <-first.source.stopped:
	default:
		t.Error("the source is still asking after the last config has ended")
	}
}

// A slow issuer is where operators change how long it is waited for: that must not lose the keys that are there.
func TestAReloadThatAsksInAnotherWayKeepsTheGoodKeys(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	at := func(c *Config) { c.JWKS = i.url }
	w := newWorld()
	w.use(t, at)
	token := goodToken(t, es256())
	if got := w.says(token); got != "alice" {
		t.Fatal(got)
	}
	i.now(500, nil)
	for what, change := range map[string]func(*Config){
		"timeout":     func(c *Config) { at(c); c.Timeout = conf.Dur(3 * time.Second) },
		"refresh":     func(c *Config) { at(c); c.Refresh = conf.Dur(time.Hour) },
		"unknown_key": func(c *Config) { at(c); c.UnknownKey = conf.Dur(time.Minute) },
	} {
		w.use(t, change)
		if got := w.says(token); got != "alice" {
			t.Errorf("with another %s: got %s", what, got)
		}
	}
	other := newIssuer(t, nil)
	other.now(500, nil)
	w.use(t, func(c *Config) { c.JWKS = other.url })
	if got := w.says(token); got != "jwt_no_keys" {
		t.Errorf("of another issuer: got %s", got)
	}
	w.turn.End()
}

func TestACheckAsksNobody(t *testing.T) {
	i := newIssuer(t, jwks(t, es256()))
	c := Default()
	c.JWKS = i.url
	steps, err := Compile(&c, "edge", nil)
	if err != nil || len(steps) != 2 || !steps[0].Blocks || i.calls.Load() != 0 {
		t.Errorf("%d steps, %v, %d calls", len(steps), err, i.calls.Load())
	}
}
