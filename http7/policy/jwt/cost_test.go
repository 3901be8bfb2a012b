package jwt

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// admitted returns a world and an exchange with a good token that is remembered, and a pass that asks once.
func admitted(t testing.TB, change func(*Config)) (pass func()) {
	w := worldOf(t, change, es256())
	x := asked("")
	value := []byte("Bearer " + es256().sign(t, claims(time.Now(), nil), nil))
	return func() {
		x.Release()
		x.Request.AddRaw([]byte("Authorization"), value)
		for i := range w.steps {
			if v := w.steps[i].Request.Request(x); v.Act != http7.Go {
				t.Fatal(v.Fault)
			}
		}
		if x.Consumer != "alice" {
			t.Fatal("nobody")
		}
	}
}

func forwards(c *Config) { c.Forward = map[string]string{"X-User": "sub", "X-Plan": "plan"} }

func TestAKnownTokenCostsNoMemory(t *testing.T) {
	for what, change := range map[string]func(*Config){"plain": nil, "with fields for the endpoint": forwards} {
		pass := admitted(t, change)
		pass()
		if n := testing.AllocsPerRun(1000, pass); n != 0 {
			t.Errorf("%s: allocates %v times", what, n)
		}
	}
}

func BenchmarkAdmitted(b *testing.B) {
	pass := admitted(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		pass()
	}
}

// BenchmarkFirstSight tells how much the first sight of a token costs besides its signature: each is followed by a bare
// crypto/ecdsa.Verify, so that what disturbs the machine disturbs both, and the medians are compared.
func BenchmarkFirstSight(b *testing.B) {
	w := worldOf(b, func(c *Config) { c.Cache = conf.OffSize }, es256())
	x, token := asked(""), es256().sign(b, claims(time.Now(), nil), nil)
	value, bare := []byte("Bearer "+token), signatureOf(b, token)
	var ours, alone []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		x.Release()
		x.Request.AddRaw([]byte("Authorization"), value)
		if v := w.steps[0].Request.Request(x); v.Act != http7.Go || x.Consumer != "alice" {
			b.Fatal(v.Fault)
		}
		between := time.Now()
		bare()
		ours, alone = append(ours, between.Sub(began)), append(alone, time.Since(between))
	}
	slices.Sort(ours)
	slices.Sort(alone)
	b.ReportMetric(float64(ours[len(ours)/2])/float64(alone[len(alone)/2]), "x-ecdsa")
}

// signatureOf returns what verifies a token's signature and nothing else.
func signatureOf(b *testing.B, token string) func() {
	key := es256().private.(*ecdsa.PrivateKey)
	sum := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if !ecdsa.Verify(&key.PublicKey, sum[:], r, s) {
			b.Fatal("not valid")
		}
	}
}
