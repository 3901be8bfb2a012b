package gateway

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// toll is a policy whose cost is measured, and what a request brings that it admits.
type toll struct {
	name   string
	policy string   // the section
	fields []string // name and value by turns
	most   time.Duration
	allocs float64
}

// tolls are the policies that the design has bounds for, written with {keys} and the like.
func tolls(t testing.TB) []toll {
	dir := t.TempDir()
	sign := signer(t, filepath.Join(dir, "token.pem"))
	token := sign(map[string]any{"sub": "ann", "scope": "orders.read orders.write", "groups": []string{"partners"}, "exp": time.Now().Add(time.Hour).Unix()})
	networks := filepath.Join(dir, "deny.txt")
	million(t, networks)
	users := filepath.Join(dir, "htpasswd") // bob's is correct-horse
	if err := os.WriteFile(users, []byte("bob:$6$abcdefgh$Y8X4fK8dzckng/fIjIaMbhSI.0pb8jFFSN/J/PpH0DRCfCv16PIDicIrPVJ7EyzvvLxpGoKT/B4/my3gDKmFj0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bearer := []string{"Authorization", "Bearer " + token}
	jwt := `jwt = { public_keys = "` + filepath.Join(dir, "token.pem") + `", algorithms = ["ES256"] }` + "\n"
	return []toll{
		{"api_key", `api_key.keys_file = "` + keysOf(t, map[string]string{"ann": "the-key-of-ann"}) + `"`, []string{"X-Api-Key", "the-key-of-ann"}, time.Microsecond, 0},
		{"jwt, seen before", jwt, bearer, 1500 * time.Nanosecond, 0},
		{"basic, seen before", `basic.users_file = "` + users + `"`, []string{"Authorization", "Basic Ym9iOmNvcnJlY3QtaG9yc2U="}, 2 * time.Microsecond, 0},
		{"quota", `quota = { key = "client", limit = 1000000000 }`, nil, time.Microsecond, 0},
		{"concurrency", `concurrency = { key = "client", limit = 10 }`, nil, time.Microsecond, 0},
		{"waf, paranoia 1", `waf = {}`, []string{"Host", "api.example.com", "User-Agent", "test", "Accept", "*/*"}, 50 * time.Millisecond, 1e6},
		{"rate_limit", `rate_limit = [{ key = "client", rate = "1000000/s", burst = 1000000, fields = false }]`, nil, 150 * time.Nanosecond, 0},
		{"ip_filter of 1,000,000 networks", `ip_filter.deny_file = "` + networks + `"`, nil, 150 * time.Nanosecond, 0},
		{"jwt and a scope", jwt + `authorise = [{ require = "scope:orders.read && group:partners" }]`, bearer, 1650 * time.Nanosecond, 0},
		{"jwt and an expression", jwt + `authorise = [{ require = "'orders.read' in scopes && method == 'GET'" }]`, bearer, 3500 * time.Nanosecond, 10},
	}
}

// signer writes a public key, and signs tokens by its other half.
func signer(t testing.TB, path string) func(claims map[string]any) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(claims map[string]any) string {
		body, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
		digest := sha256.Sum256([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
}

// million writes a million networks, none of which the clients of tests are in.
func million(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	for i := range n {
		fmt.Fprintf(w, "%d.%d.%d.0/24\n", 16+i>>16, i>>8&0xff, i&0xff)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// passage runs the steps of a route for one request after the other.
type passage struct {
	x      http7.Exchange
	conn   http7.Conn
	steps  []http7.Step
	fields [][]byte
	turn   byte // of the clients, lest one alone spends what he has
}

func (p *passage) pass(t testing.TB) {
	x := &p.x
	p.turn++
	x.Conn, x.Client, x.Proto, x.Method, x.Path = &p.conn, netip.AddrFrom4([4]byte{198, 51, 100, p.turn % 64}), http7.HTTP11, methodGet, somePath
	x.Target, x.Authority = somePath, someHost
	for i := 0; i+1 < len(p.fields); i += 2 {
		x.Request.AddRaw(p.fields[i], p.fields[i+1])
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.Request == nil {
			continue
		}
		x.Word = 0
		if v := s.Request.Request(x); v.Act != http7.Go {
			t.Fatalf("%s says %+v (%v)", s.Name, v, x.Cause)
		}
		if s.End != nil {
			s.End.End(x, x.Word)
		}
	}
	x.Release()
}

var methodGet, somePath, someHost = []byte("GET"), []byte("/orders/7"), []byte("api.example.com")

// passageOf compiles a route with a policy for a gateway that serves.
func passageOf(t testing.TB, c *toll) (with, without *passage) {
	t.Helper()
	r := start(t, "state_dir = \""+t.TempDir()+"\"\n"+web0+"[[routes]]\nname = \"a\"\npolicies = \"p\"\nrespond = {}\n[policies.p]\n"+c.policy+"\n")
	with, without = &passage{steps: r.g.current.Load().sites["web"].Plans[0].Route.Steps}, &passage{}
	for _, f := range c.fields {
		with.fields, without.fields = append(with.fields, []byte(f)), append(without.fields, []byte(f))
	}
	return with, without
}

// yardstick is what one round of measure takes on the machine that the bounds are for.
const yardstick = 105 * time.Nanosecond

// measure multiplies a hundred times, each after the one before: all that it tells is how fast the processor is.
func measure(x uint64) uint64 {
	for range 100 {
		x = x*0x9E3779B97F4A7C15 + 1
	}
	return x
}

// quickest returns how long a request takes at its quickest: what a busy machine adds is left out. The third is how long
// measure takes.
func quickest(t testing.TB, a, b *passage) (first, second, speed time.Duration) {
	first, second, speed = time.Hour, time.Hour, time.Hour
	const batch = 64
	one := func(p *passage) time.Duration {
		began := time.Now()
		for range batch {
			p.pass(t)
		}
		return time.Since(began) / batch
	}
	x := uint64(len(a.fields))
	for began := time.Now(); time.Since(began) < 300*time.Millisecond; { // by turns, so that all meet the same machine
		first, second = min(first, one(a)), min(second, one(b))
		from := time.Now()
		for range batch {
			x = measure(x)
		}
		speed = min(speed, time.Since(from)/batch)
	}
	runtime.KeepAlive(x)
	return first, second, speed
}

// The bounds of the design hold for the steps as the gateway has compiled them.
func TestWhatGuardsCostARequest(t *testing.T) {
	for _, c := range tolls(t) {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			with, without := passageOf(t, &c)
			for range 100 {
				with.pass(t)
			}
			if raceDetector {
				return // its costs are its own
			}
			if n := testing.AllocsPerRun(200, func() { with.pass(t) }); n > c.allocs {
				t.Errorf("it allocates %v times, want at most %v", n, c.allocs)
			}
			a, b, speed := quickest(t, with, without)
			most := time.Duration(float64(c.most) * max(1, float64(speed)/float64(yardstick))) // more on a slower processor
			t.Logf("%s: %v with, %v without: %v; the yardstick takes %v", c.name, a, b, a-b, speed)
			if a-b > most {
				t.Errorf("it costs %v, want at most %v", a-b, most)
			}
		})
	}
}
