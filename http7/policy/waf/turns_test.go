package waf

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
)

// ownRules compiles a section with one rule.
func ownRules(t *testing.T) *firewall {
	t.Helper()
	e, err := newEngine(own, `SecRule ARGS "@rx evil" "id:1,phase:2,deny,status:403"`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return &firewall{name: "edge.waf", engine: e, limit: 1 << 20, scored: new(atomic.Uint64)}
}

// post makes x a request with a form of n bytes, and asks p about it.
func post(p *firewall, x *http7.Exchange, n int) *http7.Fault {
	x.Conn, x.Method, x.Target, x.Path = &http7.Conn{}, []byte("POST"), []byte("/"), []byte("/")
	x.Request.AddRaw([]byte("Content-Type"), []byte("application/x-www-form-urlencoded"))
	x.Body.Length = int64(n)
	v := p.Request(x)
	if v.Act == http7.Need {
		x.Body.Collected, x.Body.Whole = []byte(strings.Repeat("a", n)), true
		v = p.Resume(x, http7.BodyReady)
	}
	p.End(x, 0)
	return v.Fault
}

func TestLongRequestsAreInspectedByTurns(t *testing.T) {
	p := ownRules(t)
	for range cap(p.engine.turns) {
		p.engine.turns <- struct{}{}
	}
	gone := func(most time.Duration) (context.Context, func()) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return ctx, func() {}
	}
	if f := post(p, &http7.Exchange{Blocking: gone}, quick+1); f != busy {
		t.Errorf("a long body: %v", f)
	}
	x := &http7.Exchange{Blocking: gone}
	x.Request.AddRaw([]byte("X-Long"), []byte(strings.Repeat("a", quick)))
	if f := post(p, x, 0); f != busy {
		t.Errorf("a long head: %v", f)
	}
	if f := post(p, &http7.Exchange{Blocking: gone}, 100); f != nil {
		t.Errorf("a short request waits: %v", f)
	}
	if f := post(p, &http7.Exchange{Blocking: gone, Dry: true}, quick+1); f != nil {
		t.Errorf("a dry run waits: %v", f)
	}
	free := func(most time.Duration) (context.Context, func()) {
		<-p.engine.turns
		return context.WithTimeout(context.Background(), most)
	}
	if f := post(p, &http7.Exchange{Blocking: free}, quick+1); f != nil {
		t.Errorf("its turn comes: %v", f)
	}
	if n := len(p.engine.turns); n != cap(p.engine.turns)-1 {
		t.Errorf("%d turns are taken behind it", n)
	}
}

// A body that is longer than it may be, or that can't be read, gives its turn back as well.
func TestATurnIsAlwaysGivenBack(t *testing.T) {
	p := ownRules(t)
	p.limit = 2 * quick
	for _, coding := range []string{"", "rot13", "gzip"} {
		for _, n := range []int{0, quick + 1, 2*quick + 1} {
			x := &http7.Exchange{}
			if coding != "" {
				x.Request.AddRaw([]byte("Content-Encoding"), []byte(coding))
			}
			post(p, x, n)
		}
	}
	if n := len(p.engine.turns); n != 0 {
		t.Errorf("%d turns are not given back", n)
	}
}
