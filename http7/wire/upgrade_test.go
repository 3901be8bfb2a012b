package wire

import (
	"bytes"
	"strings"
	"testing"

	"weir/http7"
)

func TestAnOfferIsWhatATunnelMayCarry(t *testing.T) {
	for _, c := range []struct{ what, in, want string }{
		{"WebSocket", "websocket", "websocket"},
		{"in any case", "WebSocket", "WebSocket"},
		{"with a version", "foo/1.1", "foo/1.1"},
		{"a list", "websocket, foo/2", "websocket, foo/2"},
		{"a list with odd spaces leaves as it came", "websocket ,\tfoo", "websocket ,\tfoo"},
		{"h2c", "h2c", ""},
		{"h2c in capitals", "H2C", ""},
		{"h2c in front", "h2c, websocket", "websocket"},
		{"h2c behind", "websocket,h2c", "websocket"},
		{"h2c in the middle, with a version", "a, h2c/1, b", "a, b"},
		{"HTTP", "HTTP/2.0", ""},
		{"HTTP without a version", "http, x", "x"},
		{"h2 and h3", "h2, h3, h4", "h4"},
		{"TLS (RFC 2817)", "TLS/1.0", "TLS/1.0"},
		{"nothing", "", ""},
		{"commas", ", ,", ""},
		{"holes", ",websocket,", "websocket"},
		{"a space inside", "web socket", ""},
		{"no name", "/13", ""},
		{"an empty version", "websocket/", ""},
		{"two versions", "websocket/1/2", ""},
		{"a bad one among others", "foo, ba\x80r", "foo"},
	} {
		if got := Offer(nil, []byte(c.in)); string(got) != c.want || (got == nil) != (c.want == "") {
			t.Errorf("%s: %q offers %q, want %q", c.what, c.in, got, c.want)
		}
	}
}

func TestOnlyWhatWasOfferedMayBeChosen(t *testing.T) {
	for _, c := range []struct {
		offer, chosen string
		want          bool
	}{
		{"websocket", "websocket", true},
		{"websocket", "WebSocket", true},
		{"a, websocket", "websocket", true},
		{"a/1, b", "b, a/1", true},
		{"websocket", "", false},
		{"websocket", "h2c", false},
		{"websocket", "websocket, h2c", false},
		{"websocket", "websocket/13", false},
		{"a/1", "a", false},
		{"a, b", ",", false},
		{"", "a", false},
	} {
		if got := Chosen([]byte(c.offer), []byte(c.chosen)); got != c.want {
			t.Errorf("of %q %q is chosen: %v", c.offer, c.chosen, got)
		}
	}
}

func TestTheKeyAndItsAnswerAreThoseOfTheRFC(t *testing.T) {
	// The examples of RFC 6455 §1.3 and §4.1.
	nonce := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	if got := AppendWebSocketKey([]byte("x"), &nonce); string(got) != "xAQIDBAUGBwgJCgsMDQ4PEA==" {
		t.Errorf("key %q", got)
	}
	if got := AppendWebSocketAccept([]byte("x"), []byte("dGhlIHNhbXBsZSBub25jZQ==")); string(got) != "xs3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("accept %q", got)
	}
}

func TestTheUpgradeOfAnAnswer(t *testing.T) {
	for _, c := range []struct{ what, in, want string }{
		{"a 101", "HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "x"},
		{"in any case", "HTTP/1.1 101 Go\r\nupGRADE: x, y\r\nConnection: close, UPGRADE\r\n\r\n", "x, y"},
		{"the first of two", "HTTP/1.1 101 Go\r\nUpgrade: x\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n", "x"},
		{"that Connection does not name", "HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n", ""},
		{"none", "HTTP/1.1 101 Go\r\nConnection: upgrade\r\n\r\n", ""},
		{"what a 426 asks for", "HTTP/1.1 426 No\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n", "x"},
		{"an advertisement", "HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n", ""},
	} {
		var p ResponseParser
		var r Response
		var h http7.Header
		if n, f := p.Parse([]byte(c.in), &lim, []byte("GET"), &r, &h); n != len(c.in) || f != nil {
			t.Fatalf("%s: %d, %v", c.what, n, f)
		}
		if string(r.Upgrade) != c.want {
			t.Errorf("%s: %q, want %q", c.what, r.Upgrade, c.want)
		}
	}
}

func TestAnOfferThatPassesWholeAllocatesNothing(t *testing.T) {
	room, value := make([]byte, 0, 32), []byte("websocket")
	if n := testing.AllocsPerRun(100, func() { Chosen(Offer(room, value), value) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func FuzzOffer(f *testing.F) {
	for _, s := range []string{"websocket", "h2c, websocket", "a/1, HTTP/2.0", ",", "h2c\t", "a/b/c"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		got := Offer(nil, value)
		if !bytes.Equal(before, value) {
			t.Fatal("the field was written to")
		}
		if got == nil {
			return
		}
		if again := Offer(nil, got); !bytes.Equal(again, got) {
			t.Fatalf("%q of %q offers %q", got, value, again)
		}
		for e := range strings.SplitSeq(strings.ToLower(string(got)), ",") {
			name, _, _ := strings.Cut(strings.Trim(e, " \t"), "/")
			if name == "h2c" || name == "http" || name == "" {
				t.Fatalf("%q passes of %q", got, value)
			}
		}
		if !Chosen(got, got) || Chosen(got, []byte("h2c")) {
			t.Fatalf("of %q", got)
		}
	})
}
