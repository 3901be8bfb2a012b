package scenario

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/bench"
)

func TestMessagesAreFramedByTheirMethodAndBody(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{``, "GET / HTTP/1.1\r\nHost: t\r\n\r\n"},
		{`method = "POST"`, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"},
		{`method = "PUT"`, "PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"},
		{`method = "PATCH"`, "PATCH / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"},
		{`method = "DELETE"`, "DELETE / HTTP/1.1\r\nHost: t\r\n\r\n"},
		{`body = "abc"`, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc"},
		{`body = "äb"`, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\näb"},
		{`body = "n${counter 98}"`, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nn98"},
		{`body = "${choice ''}"`, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"},
		{"method = \"GET\"\nbody = \"${choice ''}\"", "GET / HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"method = \"GET\"\nbody = \"x\"", "GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nx"},
		{`headers = { A = "", B = "${counter}", C = ["x", "y"] }`, "GET / HTTP/1.1\r\nHost: t\r\nA: \r\nB: 0\r\nC: x\r\nC: y\r\n\r\n"},
		{`host = "h"`, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
	} {
		var r bench.Request
		load(t, "[[requests]]\npath = \"/\"\n"+c.keys).Maker(bench.Wire, "t", 1).Fill(0, &r)
		if string(r.Wire) != c.want {
			t.Errorf("%s: %q, want %q", c.keys, r.Wire, c.want)
		}
	}
}

func TestAMessageIsWhatAServerReads(t *testing.T) {
	s := load(t, mixed)
	wire, apart := s.Maker(bench.Wire, "target:80", 5), s.Maker(bench.Parts, "target:80", 5)
	var stream bytes.Buffer
	var w, p bench.Request
	var wants []bench.Request
	for n := range int64(100) {
		wire.Fill(n, &w)
		stream.Write(w.Wire)
		apart.Fill(n, &p)
		keep := p
		keep.Path, keep.Body, keep.Header = slices.Clone(p.Path), slices.Clone(p.Body), slices.Clone(p.Header)
		wants = append(wants, keep)
	}
	in := bufio.NewReader(&stream)
	for n, want := range wants {
		got, err := http.ReadRequest(in)
		if err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil || got.Method != want.Method || got.RequestURI != string(want.Path) || string(body) != string(want.Body) {
			t.Fatalf("request %d is %s %s %q (%v), want %s %s %q", n, got.Method, got.RequestURI, body, err, want.Method, want.Path, want.Body)
		}
		host := want.Host
		if host == "" {
			host = "target:80"
		}
		if got.Host != host {
			t.Fatalf("request %d asks for %s, want %s", n, got.Host, host)
		}
		for _, f := range want.Header {
			if !slices.Contains(got.Header.Values(f.Name), f.Value) {
				t.Fatalf("request %d has the fields %v, want %v", n, got.Header, f)
			}
		}
	}
	if in.Buffered() > 0 {
		t.Errorf("%d bytes are left", in.Buffered())
	}
}

func TestTurnsInAnyOrderAreTheSame(t *testing.T) {
	s := load(t, mixed)
	for _, form := range []bench.Form{bench.Wire, bench.Parts} {
		show := func(r *bench.Request) string {
			return fmt.Sprintf("%d %s %s %s %v %q %q", r.Class, r.Method, r.Host, r.Path, r.Header, r.Body, r.Wire)
		}
		m, r := s.Maker(form, "t", 3), bench.Request{}
		var want []string
		for n := range int64(100) {
			m.Fill(n, &r)
			want = append(want, show(&r))
		}
		random := rand.New(rand.NewPCG(1, 1))
		for range 500 {
			n := random.IntN(100)
			if m.Fill(int64(n), &r); show(&r) != want[n] {
				t.Fatalf("form %d, turn %d is\n%s, and was\n%s", form, n, show(&r), want[n])
			}
		}
	}
}

func TestTheTimeIsThatOfTheTurn(t *testing.T) {
	s := load(t, "[[requests]]\npath = \"/${time}\"\n")
	clock := int64(1000)
	s.now = func() int64 { clock++; return clock }
	m, r := s.Maker(bench.Parts, "t", 1), bench.Request{}
	for n := range int64(3) {
		if m.Fill(n, &r); string(r.Path) != "/"+strconv.FormatInt(1001+n, 10) {
			t.Errorf("turn %d: %s", n, r.Path)
		}
	}
}

func TestOneRequestIsNotDrawn(t *testing.T) {
	s := load(t, "[[requests]]\npath = \"/\"\nweight = 1000000\n")
	for n := range int64(10) {
		if now := (turn{seed: uint64(n), n: n}); s.choose(&now) != 0 {
			t.Fatal("there is only one")
		}
	}
}

// The model walks the weights one by one.
func TestTheChoiceFollowsTheBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		s := &Scenario{}
		var weights []uint64
		total := uint64(0)
		for range 2 + random.IntN(6) {
			w := 1 + random.Uint64N(5)
			weights = append(weights, w)
			total += w
			s.bounds = append(s.bounds, total)
		}
		now := turn{seed: random.Uint64(), n: random.Int64()}
		at, want := spread(now.draw(0), total), 0
		for at >= weights[want] {
			at -= weights[want]
			want++
		}
		if got := s.choose(&now); got != want {
			t.Fatalf("weights %v: %d, want %d", weights, got, want)
		}
	}
}

func TestMakersDoNotShareBlocks(t *testing.T) {
	s := load(t, "[[requests]]\npath = \"/${counter}\"\nbody = \"${counter}\"\n")
	for _, form := range []bench.Form{bench.Wire, bench.Parts} {
		a, b := s.Maker(form, "t", 1), s.Maker(form, "t", 1)
		var ra, rb bench.Request
		a.Fill(111, &ra)
		b.Fill(222, &rb)
		all := string(ra.Wire) + string(ra.Path) + string(ra.Body)
		if !strings.Contains(all, "111") || strings.Contains(all, "222") {
			t.Errorf("form %d: %q", form, all)
		}
	}
}

func TestTheExpectationIsSharedByAllOfAKind(t *testing.T) {
	s := load(t, "[[requests]]\npath = \"/\"\nexpect.status = 404\n")
	a, b := parts(s, 1, 1), parts(s, 2, 2)
	if a.Expect == nil || a.Expect != b.Expect {
		t.Errorf("%p and %p", a.Expect, b.Expect)
	}
	if plain := parts(load(t, "[[requests]]\npath = \"/\"\n"), 1, 1); plain.Expect != nil {
		t.Error("a request that expects nothing has an expectation")
	}
}
