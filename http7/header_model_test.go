package http7

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// model is the plainest header list there is, to compare Header with.
type model []struct{ name, value, line string }

func (m model) find(name string) (at []int) {
	for i := range m {
		if strings.EqualFold(m[i].name, name) {
			at = append(at, i)
		}
	}
	return at
}

func (m *model) del(name string, from int) bool {
	at := m.find(name)
	for i := len(at) - 1; i >= from; i-- {
		*m = slices.Delete(*m, at[i], at[i]+1)
	}
	return len(at) > from
}

func (m *model) add(name, value string) {
	*m = append(*m, struct{ name, value, line string }{name, value, name + ": " + value + "\r\n"})
}

func (m *model) set(name, value string) {
	at := m.find(name)
	if len(at) == 0 {
		m.add(name, value)
		return
	}
	m.del(name, 1)
	(*m)[at[0]].name, (*m)[at[0]].value, (*m)[at[0]].line = name, value, name+": "+value+"\r\n"
}

func (m model) lines() string {
	var b strings.Builder
	for i := range m {
		b.WriteString(m[i].line)
	}
	return b.String()
}

var modelNames = []string{"Host", "Cookie", "cookie", "X-A", "x-a", "X-B", "Via", "VIA", "X-Ab", "Set-Cookie", "set-cookie"}

func randomLines(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(8) {
		fmt.Fprintf(&b, "%s:%s%d\r\n", modelNames[r.IntN(len(modelNames))], strings.Repeat(" ", r.IntN(3)), r.IntN(1000))
	}
	return b.String()
}

func modelOf(h *Header) (m model) {
	text := string(h.raw)
	for name, value := range h.All() {
		end := strings.Index(text, "\r\n") + 2
		m = append(m, struct{ name, value, line string }{string(name), string(value), text[:end]})
		text = text[end:]
	}
	return m
}

func TestAnyOrderOfEditsAgreesWithAPlainList(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		h := fill(randomLines(r))
		m := modelOf(h)
		var did []string
		for range r.IntN(12) {
			text := modelNames[r.IntN(len(modelNames))]
			n, _ := NewName(text)
			value := fmt.Sprint(r.IntN(1000))
			switch op := r.IntN(6); op {
			case 0:
				h.Add(n, []byte(value))
				m.add(text, value)
			case 1, 2:
				h.Set(n, []byte(value))
				m.set(text, value)
			case 3:
				if got, want := h.Del(n), m.del(text, 0); got != want {
					t.Fatalf("seed %d: Del(%s) says %v, want %v", seed, text, got, want)
				}
			case 4:
				if h.Len() > 0 {
					i := r.IntN(h.Len())
					h.DelAt(i)
					m = slices.Delete(m, i, i+1)
				}
			case 5:
				h.AddRaw([]byte(text), []byte(value))
				m.add(text, value)
			}
			did = append(did, text)
			check(t, seed, did, h, m)
		}
	}
}

// check compares every way of reading.
func check(t *testing.T, seed uint64, did []string, h *Header, m model) {
	t.Helper()
	if got, want := lines(h), m.lines(); got != want {
		t.Fatalf("seed %d after %v: lines\n%q, want\n%q", seed, did, got, want)
	}
	if h.Len() != len(m) {
		t.Fatalf("seed %d after %v: %d fields, want %d", seed, did, h.Len(), len(m))
	}
	for i := range m {
		if name, value := h.At(i); string(name) != m[i].name || string(value) != m[i].value || h.IDAt(i) != LookupID(name) || string(h.Value(i)) != m[i].value {
			t.Fatalf("seed %d after %v: field %d is %s: %s, want %+v", seed, did, i, name, value, m[i])
		}
	}
	for _, text := range modelNames {
		n, _ := NewName(text)
		at := m.find(text)
		var want, got []string
		for _, i := range at {
			want = append(want, m[i].value)
		}
		for v := range h.Each(n) {
			got = append(got, string(v))
		}
		first, ok := h.First(n)
		if !slices.Equal(got, want) || ok != (len(at) > 0) || ok && string(first) != want[0] {
			t.Fatalf("seed %d after %v: %s has %v, first %q (%v); want %v", seed, did, text, got, first, ok, want)
		}
		if id := n.ID(); id != Unlisted && (h.Has(id) != ok || string(h.Get(id)) != string(first)) {
			t.Fatalf("seed %d after %v: Has and Get of %s disagree with First", seed, did, text)
		}
	}
}

func TestSkippingAgreesWithLeavingOut(t *testing.T) {
	skip := Names(Host, Cookie, SetCookie)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		h := fill(randomLines(r))
		h.Add(Known(Via), []byte("1.1 weir"))
		h.Add(Known(Cookie), []byte("x=y"))
		var want strings.Builder
		m := modelOf(fill(string(h.raw)))
		for i := range m {
			if !skip.Has(LookupID([]byte(m[i].name))) {
				want.WriteString(m[i].line)
			}
		}
		want.WriteString("Via: 1.1 weir\r\n")
		if got := string(h.AppendLines([]byte("before"), skip)); got != "before"+want.String() {
			t.Fatalf("seed %d: got %q, want %q", seed, got, "before"+want.String())
		}
	}
}

func TestAHeaderThatMovesKeepsItsFields(t *testing.T) {
	h := fill(sample)
	h.Set(Known(Via), []byte("2"))
	moved := bytes.Clone(h.raw)
	for i := range h.raw {
		h.raw[i] = 'z'
	}
	h.Rebase(moved)
	if got, want := lines(h), strings.Replace(sample, "1.1 p", "2", 1); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	h.Drop()
	if h.Len() != 0 || h.raw != nil || h.arena != nil || lines(h) != "" || h.Has(Host) {
		t.Error("something is left after Drop")
	}
	h.Add(Known(Host), []byte("b"))
	if lines(h) != "Host: b\r\n" {
		t.Errorf("after Drop it takes %q", lines(h))
	}
}

func TestAValueMayComeFromTheHeaderItself(t *testing.T) {
	// A policy copies one field's value into another; the arena that both live in may move meanwhile.
	h := fill("X-A: one\r\n")
	b, _ := NewName("X-B")
	for i := range 200 {
		n, _ := NewName(fmt.Sprintf("X-%d", i))
		v, _ := h.First(b)
		if i == 0 {
			v = h.Value(0)
		}
		h.Add(n, v)
		h.Set(b, v)
	}
	v, ok := h.First(b)
	if !ok || string(v) != "one" || h.Len() != 202 {
		t.Errorf("got %q, %d fields", v, h.Len())
	}
}

func TestEarlyExitsFromIterationAreFine(t *testing.T) {
	h := fill(sample)
	two, _ := NewName("X-Two")
	n := 0
	for range h.Each(two) {
		n++
		break
	}
	for range h.All() {
		n++
		break
	}
	if n != 2 {
		t.Errorf("%d steps, want one of each", n)
	}
}

func TestEveryByteOfATokenAndOfAValue(t *testing.T) {
	const tokens = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := range 256 {
		c := byte(i)
		if got, want := IsToken([]byte{c}), strings.IndexByte(tokens, c) >= 0; got != want {
			t.Errorf("IsToken(%q) = %v", c, got)
		}
		if _, ok := NewName("X" + string([]byte{c})); ok != (strings.IndexByte(tokens, c) >= 0) {
			t.Errorf("NewName(X%q) = %v", c, ok)
		}
		inside := []byte{'a', c, 'b'}
		if got, want := IsFieldValue(inside), c == '\t' || c >= 0x20 && c != 0x7f; got != want {
			t.Errorf("IsFieldValue(%q) = %v", inside, got)
		}
		for _, end := range [][]byte{{c, 'a'}, {'a', c}, {c}} {
			if got, want := IsFieldValue(end), c > 0x20 && c != 0x7f; got != want {
				t.Errorf("IsFieldValue(%q) = %v", end, got)
			}
		}
	}
	if IsToken(nil) || !IsFieldValue(nil) {
		t.Error("a token is never empty, a value may be")
	}
	if _, ok := NewName(""); ok {
		t.Error("an empty name")
	}
}

func TestFoldingIsOfASCIIAlone(t *testing.T) {
	for i := range 256 {
		for j := range 256 {
			a, b := []byte{byte(i)}, []byte{byte(j)}
			letter := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
			want := i == j || letter(a[0]) && letter(b[0]) && a[0]|0x20 == b[0]|0x20
			if got := EqualFold(a, string(b)); got != want {
				t.Fatalf("EqualFold(%q, %q) = %v", a, b, got)
			}
		}
	}
	if EqualFold("a", "ab") || EqualFold("K", "\u212a") || !EqualFold("", []byte(nil)) {
		t.Error("lengths differ, or the Kelvin sign is a K")
	}
}

func TestNamesKeepTheirSpellingAndKnowTheirNumber(t *testing.T) {
	for _, c := range []struct {
		text string
		id   ID
	}{{"content-length", ContentLength}, {"CONTENT-LENGTH", ContentLength}, {"X-Any", Unlisted}, {"Content_Length", Unlisted}, {"Contents-Length", Unlisted}} {
		n, ok := NewName(c.text)
		if !ok || n.String() != c.text || n.ID() != c.id {
			t.Errorf("%s: %v, %q, %d; want %d", c.text, ok, n.String(), n.ID(), c.id)
		}
	}
	s := Names(Host, Via)
	if !s.Has(Host) || !s.Has(Via) || s.Has(Cookie) || s.Has(Unlisted) || Names(Unlisted).Has(Unlisted) {
		t.Error("a set holds its own names, and never the unlisted")
	}
	if HopByHop.Has(ContentLength) || HopByHop.Has(SetCookie) || !HopByHop.Has(Connection) || !HopByHop.Has(TE) {
		t.Error("hop by hop is not RFC 9110 §7.6.1")
	}
}

func FuzzNamesAreFoundOnlyByThemselves(f *testing.F) {
	f.Add([]byte("Content-Length"))
	f.Add([]byte("hOST"))
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, name []byte) {
		id := LookupID(name)
		if id != Unlisted && !strings.EqualFold(id.String(), string(name)) {
			t.Fatalf("%q is taken for %s", name, id)
		}
		for other := ID(1); other < idCount; other++ {
			if other != id && strings.EqualFold(other.String(), string(name)) && len(name) == len(other.String()) {
				t.Fatalf("%q is not found as %s", name, other)
			}
		}
		if n, ok := NewName(string(name)); ok != IsToken(name) || ok && n.ID() != id {
			t.Fatalf("NewName(%q): %v, %d", name, ok, n.ID())
		}
	})
}

func TestAnExchangeOfNetHTTPComesBackAsItWas(t *testing.T) {
	r := httptest.NewRequest("GET", "https://api.example.com/v1/orders?page=2", nil)
	r.Header = http.Header{"Accept": {"a", "b"}, "X-Trace": {"1"}, "Cookie": {"a=b; c=d"}}
	var x Exchange
	FillRequest(&x, r)
	back := http.Header{}
	x.Request.DrainTo(back, Names(Host), "")
	if fmt.Sprint(back) != fmt.Sprint(r.Header) || !x.Secure || string(x.Authority) != "api.example.com" {
		t.Errorf("got %v, want %v", back, r.Header)
	}
	// Filling again leaves nothing of the one before.
	FillRequest(&x, httptest.NewRequest("GET", "/other", nil))
	if x.Request.Has(Cookie) || x.Request.Len() != 1 || x.Secure {
		t.Errorf("left over: %q", lines(&x.Request))
	}
}

func TestDrainingDoesNotShareMemoryWithTheBlock(t *testing.T) {
	h := fill("X-A: secret\r\n")
	dst := http.Header{}
	h.DrainTo(dst, 0, "")
	for i := range h.raw {
		h.raw[i] = 'z'
	}
	if dst.Get("X-A") != "secret" {
		t.Errorf("got %q: the block of the next request shows through", dst.Get("X-A"))
	}
}

func BenchmarkHeaderEdits(b *testing.B) {
	h := fill(tenFields)
	raw := h.raw
	keep := slices.Clone(h.f)
	agent, other := Known(UserAgent), Name{text: "X-Edge"}
	value := []byte("weir")
	b.ReportAllocs()
	for b.Loop() {
		h.Reset(raw)
		h.f = append(h.f, keep...)
		h.seen = ^IDSet(0)
		h.Set(agent, value)
		h.Del(other)
		h.Add(other, value)
	}
}
