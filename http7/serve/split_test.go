package serve

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/selector"
)

// namedOrigin answers every request with its name.
func namedOrigin(t testing.TB, name string) string {
	return saying(t, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(name), name))
}

func TestEachUserStaysOnOneSideOfASplit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	stop := func() {}
	r := newRigWith(t, func(r *rig) {
		r.plan.Split = &Split{By: hashOn(t, "cookie:uid"), Sides: []Side{
			{Weight: 1, Plan: r.side("one", namedOrigin(t, "one"))}, {Weight: 1, Plan: r.side("two", namedOrigin(t, "two"))},
		}}
		stop = logging(r, &out)
	})
	cl := r.client()
	sides := map[string]int{}
	for user := range 40 {
		first := ""
		for range 3 {
			cl.send(fmt.Sprintf("GET / HTTP/1.1\r\nHost: a\r\nCookie: uid=%d\r\n\r\n", user))
			_, _, body, err := cl.answer("GET")
			if err != nil || first != "" && body != first {
				t.Fatalf("user %d is on side %q, then on %q, %v", user, first, body, err)
			}
			first = body
		}
		sides[first]++
	}
	if sides["one"] < 8 || sides["two"] < 8 {
		t.Errorf("40 users are on sides %v", sides)
	}
	_ = cl.Close()
	eventually(t, "the last line", func() bool { return r.plan.Split.Sides[0].Plan.Upstream.View().Members()[0].Endpoint.InFlight() == 0 })
	stop()
	if one := strings.Count(out.String(), `"upstream":"one"`); one != 3*sides["one"] {
		t.Errorf("%d lines of side one, want %d", one, 3*sides["one"])
	}
}

func TestSplitsShareOutByWeight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		by      *selector.Selection
		known   bool
		weights []int
	}{
		{"users", hashOn(t, "cookie:uid"), true, []int{95, 5}},
		{"users by what their identity says", hashOn(t, "claim:sub"), true, []int{95, 5}},
		{"users without an identity", hashOn(t, "claim:sub"), false, []int{95, 5}},
		{"users over three sides", hashOn(t, "cookie:uid"), true, []int{1, 2, 7}},
		{"users who show no cookie", hashOn(t, "cookie:uid"), false, []int{95, 5}},
		{"requests", nil, false, []int{50, 30, 20}},
		{"a side that is shut", hashOn(t, "cookie:uid"), true, []int{0, 1, 0}},
	} {
		s := &Split{By: c.by}
		total := 0
		for _, w := range c.weights {
			s.Sides = append(s.Sides, Side{Weight: w})
			total += w
		}
		n := 100_000
		if testing.Short() && c.known && c.by != nil { // without chance
			n = 20_000
		}
		got := make([]int, len(c.weights))
		x := &exchange{}
		x.Route = &http7.Route{Name: "r"}
		for user := range n {
			x.Request.Reset(nil)
			x.Claims = x.Claims[:0]
			if c.known {
				x.Request.AddRaw([]byte("Cookie"), fmt.Appendf(nil, "uid=%d", user))
				x.Claims = append(x.Claims, http7.Claim{Name: "sub", Value: fmt.Appendf(nil, "u%d", user)})
			}
			side, kept := s.choose(x)
			if kept != (c.known && c.by != nil) {
				t.Fatalf("%s: kept is %v", c.name, kept)
			}
			got[side]++
		}
		for i, w := range c.weights {
			want := float64(w) / float64(total)
			if share := float64(got[i]) / float64(n); math.Abs(share-want) > 0.005 {
				t.Errorf("%s: side %d has %.4f of the requests, want %.4f", c.name, i, share, want)
			}
		}
	}
}

// Two splits by the same cookie would else always put the same users together.
func TestSplitsOfTwoRoutesAreIndependent(t *testing.T) {
	s := &Split{By: hashOn(t, "cookie:uid"), Sides: []Side{{Weight: 1}, {Weight: 1}}}
	x := &exchange{}
	first, second := &http7.Route{Name: "a"}, &http7.Route{Name: "b"}
	together := 0
	for user := range 10_000 {
		x.Request.Reset(nil)
		x.Request.AddRaw([]byte("Cookie"), fmt.Appendf(nil, "uid=%d", user))
		x.Route = first
		one, _ := s.choose(x)
		x.Route = second
		if two, _ := s.choose(x); one == two {
			together++
		}
	}
	if together < 4_700 || together > 5_300 {
		t.Errorf("%d of 10000 users are on the same side of both", together)
	}
}

func TestChoosingASideMakesNoObjects(t *testing.T) {
	s := &Split{By: hashOn(t, "cookie:uid"), Sides: []Side{{Weight: 95}, {Weight: 5}}}
	x := &exchange{}
	x.Route = &http7.Route{Name: "r"}
	x.Request.AddRaw([]byte("Cookie"), []byte("uid=7"))
	if n := testing.AllocsPerRun(1000, func() { s.choose(x) }); n != 0 {
		t.Errorf("choose allocates %v times", n)
	}
}

// A retry that went to the other side would show the user the other version.
func TestARetryStaysOnItsSide(t *testing.T) {
	t.Parallel()
	busy := "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
	r := newRigWith(t, func(r *rig) {
		r.plan.Split = &Split{Sides: []Side{
			{Weight: 1, Plan: r.side("one", saying(t, busy), saying(t, busy))}, {Weight: 0, Plan: r.side("two", namedOrigin(t, "two"))},
		}}
	})
	cl := r.client()
	for range 5 {
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		cl.want(503, "busy")
	}
}
