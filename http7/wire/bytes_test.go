package wire

import (
	"bytes"
	"strings"
	"testing"

	"weir/http7"
)

// Eight bytes are looked at in one word: each byte must be found at each place of a word, with
// any neighbour.
func TestEveryByteIsFoundAtEveryPlace(t *testing.T) {
	for _, fill := range []byte{'x', ' ', '\t', '~', 0x80, 0xff, '!'} {
		for c := range 256 {
			bad := c < 0x20 && c != '\t' || c == 0x7f
			for at := range 20 {
				b := bytes.Repeat([]byte{fill}, 20)
				b[at] = byte(c)
				want := 20
				if bad {
					want = at
				}
				if got := valueEnd(b, 0); got != want {
					t.Fatalf("byte %#x at %d among %#x: found at %d, want %d", c, at, fill, got, want)
				}
			}
		}
	}
}

func TestTheFirstOfTwoBadBytesIsFound(t *testing.T) {
	for _, c := range []struct {
		pair  string
		first int
	}{
		{"\x00\x00", 0}, {"\n\r", 0}, {"\x7f\x80", 0}, {"\x80\x7f", 1}, {"\x1f\x20", 0}, {"\x7f\x7e", 0}, {"\t\x00", 1}, {"\x00\t", 0},
	} {
		for at := range 12 {
			b := strings.Repeat("a", at) + c.pair + strings.Repeat("a", 12-at)
			if got := valueEnd([]byte(b), 0); got != at+c.first {
				t.Errorf("%q: found at %d, want %d", b, got, at+c.first)
			}
		}
	}
}

func TestClassesAreThoseOfTheGrammar(t *testing.T) {
	for c := range 256 {
		text := latin1(string([]byte{byte(c)}))
		for _, k := range []struct {
			what  string
			class uint8
			want  bool
		}{
			{"token", tokenByte, reToken.MatchString(text)},
			{"path", pathByte, text != "%" && rePath.MatchString("/"+text)},
			{"query", queryByte, reQuery.MatchString(text)},
			{"host", hostByte, reAuthority.MatchString(text)},
			{"visible", printByte, c > 0x20 && c < 0x7f && c != '#'},
			{"hexadecimal", hexByte, hexValue(byte(c)) >= 0},
			{"underscore", underscore, c == '_'},
		} {
			if got := class[c]&k.class != 0; got != k.want {
				t.Errorf("byte %#x in class %s: got %v, want %v", c, k.what, got, k.want)
			}
		}
		if got, want := isText(byte(c)), http7.IsFieldValue([]byte{'x', byte(c), 'x'}); got != want {
			t.Errorf("byte %#x as text: got %v, want %v", c, got, want)
		}
	}
}

func TestListsAreCutAtCommas(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"", []string{""}},
		{"a", []string{"a"}},
		{" a\t", []string{"a"}},
		{"a,b", []string{"a", "b"}},
		{" a , \tb c ", []string{"a", "b c"}},
		{",", []string{"", ""}},
		{", a,,", []string{"", "a", "", ""}},
	} {
		var got []string
		for list, more := []byte(c.in), true; more; {
			var e []byte
			e, list, more = element(list)
			got = append(got, string(e))
		}
		if strings.Join(got, "|") != strings.Join(c.want, "|") || len(got) != len(c.want) {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestNominatedNamesAreFoundWhole(t *testing.T) {
	var s strip
	for _, name := range []string{"x-one", "TWO", "t"} {
		s.add([]byte(name))
	}
	s.known = http7.Names(http7.Cookie)
	for name, want := range map[string]bool{
		"X-One": true, "x-one": true, "two": true, "T": true, "Cookie": true,
		"x-on": false, "x-onee": false, "-one": false, "tw": false, "wo": false, "x-one,TWO": false, "Via": false,
	} {
		if got := s.has(http7.LookupID([]byte(name)), []byte(name)); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if s.reset(); s.has(http7.Unlisted, []byte("two")) || !s.empty() {
		t.Error("reset left a name")
	}
}

// The views of an accepted head lie in the last block that was given, also if every earlier one
// has been written over.
func TestHeadReadsFromItsLastBlock(t *testing.T) {
	var p RequestParser
	var r Request
	var h http7.Header
	for i := range len(browserHead) + 1 {
		block := []byte(browserHead[:i])
		n, f := p.Parse(block, &benchLimits, &r, &h)
		if f != nil {
			t.Fatal(f)
		}
		if n == 0 {
			clear(block)
		}
	}
	want := strings.TrimSuffix(browserHead[strings.Index(browserHead, "Host"):], "Connection: keep-alive\r\n\r\n")
	if got := string(h.AppendLines(nil, 0)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(r.Method)+string(r.Path)+string(r.Query)+string(r.Authority), "GET/v1/orders/8131expand=lines&page=2api.example.com"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
