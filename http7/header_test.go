package http7

import (
	"strings"
	"testing"
)

// fill parses well-formed lines into a Header the way an engine does.
func fill(text string) *Header {
	h := new(Header)
	h.Reset([]byte(text))
	for at := 0; at < len(text); {
		end := at + strings.Index(text[at:], "\r\n") + 2
		colon := strings.IndexByte(text[at:end], ':')
		val := at + colon + 1
		for text[val] == ' ' {
			val++
		}
		h.AddLine(at, colon, val, end-2-val, end)
		at = end
	}
	return h
}

func lines(h *Header) string { return string(h.AppendLines(nil, 0)) }

const sample = "Host: a\r\nx-Two:  1\r\nCookie: a=b\r\nX-TWO: 2\r\nVia: 1.1 p\r\n"

func TestUntouchedFieldsLeaveByteForByte(t *testing.T) {
	if got := lines(fill(sample)); got != sample {
		t.Fatalf("got %q, want %q", got, sample)
	}
}

func TestEditsKeepTheOrderOfTheOthers(t *testing.T) {
	two, _ := NewName("X-Two")
	other, _ := NewName("X-Other")
	for _, c := range []struct {
		what string
		edit func(h *Header)
		want string
	}{
		{"set replaces the first and drops the rest", func(h *Header) { h.Set(two, []byte("9")) },
			"Host: a\r\nX-Two: 9\r\nCookie: a=b\r\nVia: 1.1 p\r\n"},
		{"set appends what is not there", func(h *Header) { h.Set(other, []byte("9")) }, sample + "X-Other: 9\r\n"},
		{"add appends", func(h *Header) { h.Add(two, []byte("3")) }, sample + "X-Two: 3\r\n"},
		{"del removes all spellings", func(h *Header) { h.Del(two) }, "Host: a\r\nCookie: a=b\r\nVia: 1.1 p\r\n"},
		{"del of a known name", func(h *Header) { h.DelID(Via) }, "Host: a\r\nx-Two:  1\r\nCookie: a=b\r\nX-TWO: 2\r\n"},
		{"del of nothing", func(h *Header) { h.Del(other) }, sample},
		{"set twice", func(h *Header) { h.Set(two, []byte("8")); h.Set(two, []byte("9")) },
			"Host: a\r\nX-Two: 9\r\nCookie: a=b\r\nVia: 1.1 p\r\n"},
	} {
		h := fill(sample)
		c.edit(h)
		if got := lines(h); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestSkippedNamesAreLeftOut(t *testing.T) {
	got := string(fill(sample).AppendLines(nil, Names(Host, Cookie)))
	if want := "x-Two:  1\r\nX-TWO: 2\r\nVia: 1.1 p\r\n"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestEachYieldsAllValuesInOrder(t *testing.T) {
	two, _ := NewName("x-two")
	var got []string
	for v := range fill(sample).Each(two) {
		got = append(got, string(v))
	}
	if strings.Join(got, ",") != "1,2" {
		t.Fatalf("got %v", got)
	}
}

func TestACopyRefersToNothingOfItsSource(t *testing.T) {
	src := fill(sample)
	var h Header
	h.CopyFrom(src)
	for i := range src.raw {
		src.raw[i] = 'z'
	}
	want := "Host: a\r\nx-Two: 1\r\nCookie: a=b\r\nX-TWO: 2\r\nVia: 1.1 p\r\n"
	if got := lines(&h); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestEveryKnownNameIsFoundInAnyCase(t *testing.T) {
	for id := ID(1); id < idCount; id++ {
		for _, s := range []string{id.String(), strings.ToLower(id.String()), strings.ToUpper(id.String())} {
			if got := LookupID([]byte(s)); got != id {
				t.Errorf("LookupID(%q) = %d, want %d", s, got, id)
			}
		}
	}
	for _, s := range []string{"", "X", "Hos", "Content_Length", "Content-Lengt\xe8"} {
		if got := LookupID([]byte(s)); got != Unlisted {
			t.Errorf("LookupID(%q) = %d, want none", s, got)
		}
	}
}

func TestReadingAndEditingAllocateNothing(t *testing.T) {
	h := fill(sample)
	two, _ := NewName("X-Two")
	out := make([]byte, 0, 512)
	raw := h.raw
	n := testing.AllocsPerRun(1000, func() {
		h.Reset(raw)
		h.AddLine(0, 4, 6, 1, 9)
		h.Set(two, raw[:4])
		h.Del(two)
		for range h.Each(two) {
			t.Error("deleted field found")
		}
		out = h.AppendLines(out[:0], HopByHop)
	})
	if n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}

func TestAWakeBeforeTheParkIsKeptAndOneAfterReleaseIsIgnored(t *testing.T) {
	x := new(Exchange)
	w := x.Waker()
	w.Wake()
	w.Wake()
	select {
	case <-x.Wakes():
	default:
		t.Fatal("the early wake was lost")
	}
	x.Release()
	w.Wake()
	select {
	case <-x.Wakes():
		t.Fatal("a wake of the exchange before woke this one")
	default:
	}
}

func TestAHeaderRemembersWhichKnownNamesItHasHad(t *testing.T) {
	var h Header
	if set := Names(Via, Host); h.HasAny(set) {
		t.Error("an empty one has one")
	}
	h.AddRaw([]byte("hOST"), []byte("a"))
	h.AddRaw([]byte("X-Via"), []byte("b"))
	for set, want := range map[IDSet]bool{Names(Host): true, Names(Via, Host): true, Names(Via): false, 0: false} {
		if h.HasAny(set) != want {
			t.Errorf("%x: %v, want %v", set, !want, want)
		}
	}
	h.Reset(nil)
	if h.HasAny(Names(Host)) {
		t.Error("it remembers what was before")
	}
}
