package jwt

import (
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/tlsto"
)

// Keys change while tokens are judged on every core: each answer is one that some set gives.
func TestKeysThatChangeUnderLoad(t *testing.T) {
	one, two := es256(), fresh(t, "two")
	s := &source{log: newWorld().needs().Log, ignored: new(atomic.Uint64)}
	w := by(t, s, nil)
	both, first := jwks(t, one, two), jwks(t, one)
	if err := s.take(both, false); err != nil {
		t.Fatal(err)
	}
	always, sometimes := goodToken(t, one), goodToken(t, two)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 300 {
				if got := w.says(always); got != "alice" {
					t.Errorf("the key that stays: got %s", got)
				}
				if got := w.says(sometimes); got != "alice" && got != "jwt_key" {
					t.Errorf("the key that comes and goes: got %s", got)
				}
			}
		})
	}
	for n := range 100 {
		if err := s.take([][]byte{both, first}[n%2], false); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}

// mixed are tokens good and bad, some of them again and again, in an order that is the same in every run.
func mixed(t *testing.T) (tokens []string) {
	t.Helper()
	now, made := time.Now(), []string{"", "a.b.c", "opaque", rfcHS256, rfcNone}
	for _, changes := range []map[string]any{nil, {"sub": "bob"}, {"aud": "other"}, {"exp": now.Add(-time.Hour).Unix()}, {"nbf": now.Add(time.Hour).Unix()}, {"iss": "x"}, {"sub": nil}} {
		token := es256().sign(t, claims(now, changes), nil)
		made = append(made, token, token+"AAAA", fresh(t, "other").sign(t, claims(now, changes), nil))
	}
	order := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		tokens = append(tokens, made[order.IntN(len(made))])
	}
	return tokens
}

func TestObservingCountsWhatEnforcingRefuses(t *testing.T) {
	tokens := mixed(t)
	count := func(mode conf.Mode) (refused map[string]int, established int) {
		w, refused := worldOf(t, func(c *Config) { c.Mode = mode }, es256()), map[string]int{}
		for _, token := range tokens {
			x := asked(token)
			if v := w.steps[0].Request.Request(x); v.Fault != nil {
				refused[v.Fault.Name]++
			} else if x.Identified() {
				established++
			}
		}
		return refused, established
	}
	enforced, in := count(conf.Enforce)
	observed, seen := count(conf.Observe)
	if fmt.Sprint(enforced) != fmt.Sprint(observed) || in != seen || len(enforced) < 7 || in == 0 {
		t.Errorf("enforced %v and %d, observed %v and %d", enforced, in, observed, seen)
	}
}

func TestWithAndWithoutMemoryTheVerdictsAreTheSame(t *testing.T) {
	tokens := mixed(t)
	none := worldOf(t, func(c *Config) { c.Cache = conf.OffSize }, es256())
	little := worldOf(t, func(c *Config) { c.Cache = conf.Bytes(64 << 10) }, es256())
	much := worldOf(t, nil, es256())
	for _, token := range tokens {
		if a, b, c := none.says(token), little.says(token), much.says(token); a != b || b != c {
			t.Errorf("%.30s: got %s, %s and %s", token, a, b, c)
		}
	}
	if none.checker.known != nil {
		t.Error("something is remembered")
	}
	if n, _ := much.checker.known.Size(); n != 2 {
		t.Errorf("%d tokens are remembered, want the 2 good ones", n)
	}
}

func TestMemoryIsBoundedWhateverIsShown(t *testing.T) {
	w := worldOf(t, func(c *Config) { c.Cache = conf.Bytes(128 << 10) }, made()["EdDSA"])
	for n := range 400 {
		token := made()["EdDSA"].sign(t, claims(time.Now(), map[string]any{"sub": fmt.Sprint("user-", n), "pad": strings.Repeat("p", n*4)}), nil)
		if got := w.says(token); got != fmt.Sprint("user-", n) {
			t.Fatalf("got %s", got)
		}
	}
	if _, size := w.checker.known.Size(); size > 128<<10 {
		t.Errorf("%d bytes", size)
	}
}

func TestAClockThatGoesBackMakesNoTokenGood(t *testing.T) {
	w, now := worldOf(t, nil, es256()), time.Now()
	token := []byte(es256().sign(t, claims(now, nil), nil)) // from a minute ago on
	if _, f := w.checker.judge(asked(""), token, now); f != nil {
		t.Fatal(f.fault)
	}
	if w.checker.remembered(token, now) == nil {
		t.Error("it is not remembered")
	}
	if w.checker.remembered(token, now.Add(-time.Hour)) != nil {
		t.Error("it is good before it begins")
	}
	if _, f := w.checker.judge(asked(""), token, now.Add(-time.Hour)); f == nil || f.fault.Name != "jwt_not_yet" {
		t.Errorf("got %+v", f)
	}
}

func TestKeysOverTLS(t *testing.T) {
	doc := jwks(t, es256())
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(doc) }))
	defer s.Close()
	ca := file(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	for _, c := range []struct {
		what string
		tls  *tlsto.Config
		want string
	}{
		{"an authority that is known", &tlsto.Config{CA: ca, ServerName: "example.com"}, "alice"},
		{"one that is not", nil, "jwt_no_keys"},
		{"another name", &tlsto.Config{CA: ca, ServerName: "id.example"}, "jwt_no_keys"},
	} {
		w := newWorld()
		w.use(t, func(cfg *Config) { cfg.JWKS, cfg.TLS = s.URL, c.tls })
		w.checker.source.settle()
		if got := w.says(goodToken(t, es256())); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
		w.turn.End()
	}
}

func TestOtherWordsAreOtherKeysAndOtherVerdicts(t *testing.T) {
	base := func() Config {
		c := Default()
		c.JWKS = "https://id.example.com/keys"
		return c
	}
	same := base()
	for _, c := range []struct {
		what           string
		change         func(*Config)
		source, memory bool // are other ones
	}{
		{"nothing", func(*Config) {}, false, false},
		{"the URL", func(c *Config) { c.JWKS += "2" }, true, true},
		{"how often", func(c *Config) { c.Refresh = conf.Dur(time.Hour) }, true, true},
		{"TLS", func(c *Config) { c.TLS = &tlsto.Config{Insecure: true} }, true, false},
		{"the audience", func(c *Config) { c.Audience = []string{"a"} }, false, true},
		{"the consumer", func(c *Config) { c.Consumer = "email" }, false, true},
		{"what is told", func(c *Config) { c.Forward = map[string]string{"X-User": "sub"} }, false, true},
		{"the groups", func(c *Config) { c.GroupsClaim = "roles" }, false, true},
	} {
		other := base()
		c.change(&other)
		if got := sourceKey(&other, "edge.jwt") != sourceKey(&same, "edge.jwt"); got != c.source {
			t.Errorf("%s: other keys: %v", c.what, got)
		}
		if got := memoryKey(&other, "edge.jwt") != memoryKey(&same, "edge.jwt"); got != c.memory {
			t.Errorf("%s: other verdicts: %v", c.what, got)
		}
	}
	if sourceKey(&same, "a.jwt") == sourceKey(&same, "b.jwt") || memoryKey(&same, "a.jwt") == memoryKey(&same, "b.jwt") {
		t.Error("two bundles share what one counts")
	}
}

// A file that can't be used ends the compiling, and nothing is left behind.
func TestAFileThatIsGoneByTheTimeItIsServed(t *testing.T) {
	w := newWorld()
	c := Default()
	c.JWKS = file(t, "keys.json", jwks(t, es256()))
	if _, err := Compile(&c, "edge", w.needs()); err != nil {
		t.Fatal(err)
	}
	w.turn.End()
	c.JWKS += ".gone"
	if steps, err := Compile(&c, "edge", w.needs()); err == nil || steps != nil {
		t.Errorf("got %d steps, %v", len(steps), err)
	}
	w.turn.End()
}

func TestEveryRefusalIsOneThatClientsUnderstand(t *testing.T) {
	f := newFaults("api")
	for _, fault := range []*http7.Fault{f.ambiguous, f.malformed, f.tooLarge, f.critical, f.kind, f.algorithm, f.unknownKey, f.signature, f.expired, f.early, f.issuer, f.audience, f.claims, f.bound} {
		code := "invalid_token"
		if fault.Status == 400 {
			code = "invalid_request"
		}
		want := `WWW-Authenticate: Bearer realm="api", error="` + code + `", error_description="` + fault.Detail + `"` + "\r\n"
		if fault.Extra != want || fault.Side != http7.Client || fault.Kind != http7.Refused || fault.ProxyStatus != "http_request_denied" || !strings.HasPrefix(fault.Name, "jwt_") {
			t.Errorf("%s: %+v", fault.Name, fault)
		}
		if strings.ContainsAny(fault.Detail, "\"\\\r\n") {
			t.Errorf("%s: %q can't stand between quotes", fault.Name, fault.Detail)
		}
	}
}
