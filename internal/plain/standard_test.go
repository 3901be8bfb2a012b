package plain_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"weir/internal/plain"
)

// The members of RFC 6901 §5's document, and the pointers that it gives for them.
func TestPointersAreThoseOfTheStandard(t *testing.T) {
	for name, want := range map[string]string{
		"foo": "/foo", "": "/", "a/b": "/a~1b", "c%d": "/c%d", "e^f": "/e^f", "g|h": "/g|h", `i\j`: `/i\j`, `k"l`: `/k"l`, " ": "/ ", "m~n": "/m~0n",
		"~1": "/~01", "é": "/é",
	} {
		if got := string(plain.AppendPointer(nil, name)); got != want {
			t.Errorf("%q is at %q, want %q", name, got, want)
		}
		if got := string(plain.AppendPointer([]byte("/a/0"), name)); got != "/a/0"+want {
			t.Errorf("%q within is at %q, want %q", name, got, "/a/0"+want)
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		text := `{"x":1,` + string(quoted) + `:1,` + string(quoted) + `:2}`
		if _, at, err := plain.JSON([]byte(text), 3); err != plain.ErrTwice || at != want {
			t.Errorf("%s: %v at %q, want it at %q", text, err, at, want)
		}
	}
}

// RFC 8259, by its sections: what a parser must take and what is none.
func TestJSONIsThatOfTheStandard(t *testing.T) {
	for _, c := range []struct {
		section, text string
		want          error
	}{
		{"2: white space", " \t\r\n1 \t\r\n", nil},
		{"2: another white space", "\f1", plain.ErrNotJSON},
		{"2: a space that breaks no line", "\u00a01", plain.ErrNotJSON},
		{"2: nothing but white space", " \n", plain.ErrNotJSON},
		{"3: a literal in capitals", "True", plain.ErrNotJSON},
		{"3: a literal that goes on", "nulls", plain.ErrNotJSON},
		{"3: a scalar is a text", `"a"`, nil},
		{"4: a name that is no string", `{a:1}`, plain.ErrNotJSON},
		{"4: a name without a value", `{"a"}`, plain.ErrNotJSON},
		{"4: an empty name", `{"":1}`, nil},
		{"4: names that differ in case", `{"a":1,"A":2}`, nil},
		{"4: names that only look alike", "{\"\u00e9\":1,\"e\u0301\":2}", nil},
		{"5: a comma at the end", `[1,]`, plain.ErrNotJSON},
		{"5: a comma too many", `[1,,2]`, plain.ErrNotJSON},
		{"5: no comma", `[1 2]`, plain.ErrNotJSON},
		{"6: less than nothing", `-0`, nil},
		{"6: a plus", `+1`, plain.ErrNotJSON},
		{"6: no digit before the point", `.5`, plain.ErrNotJSON},
		{"6: no digit behind it", `1.`, plain.ErrNotJSON},
		{"6: an exponent", `1.5E+10`, nil},
		{"6: an exponent without digits", `1e`, plain.ErrNotJSON},
		{"6: hexadecimal", `0x1F`, plain.ErrNotJSON},
		{"6: infinity", `-Infinity`, plain.ErrNotJSON},
		{"6: a minus alone", `-`, plain.ErrNotJSON},
		{"7: all escapes", `"\"\\\/\b\f\n\r\t\u0041"`, nil},
		{"7: an escape that is none", `"\x41"`, plain.ErrNotJSON},
		{"7: half an escape", `"\u00"`, plain.ErrNotJSON},
		{"7: a control character", "\"\x1f\"", plain.ErrNotJSON},
		{"7: a tab", "\"\t\"", plain.ErrNotJSON},
		{"7: DEL, which is none of them", "\"\x7f\"", nil},
		{"7: another quote", `'a'`, plain.ErrNotJSON},
		{"7: no end", `"a`, plain.ErrNotJSON},
		{"7: NUL, escaped", `"\u0000"`, nil},
		{"8.1: overlong UTF-8", "\"\xc0\xaf\"", plain.ErrNotJSON},
		{"8.1: a surrogate in UTF-8", "\"\xed\xa0\x80\"", plain.ErrNotJSON},
		{"8.1: half of a character", "\"\xf0\x9f\x98\"", plain.ErrNotJSON},
		{"8.2: a pair", `"\uD834\uDD1E"`, nil},
		{"8.2: a pair the wrong way round", `"\uDD1E\uD834"`, plain.ErrNotJSON},
		{"a NUL behind the end", "1\x00", plain.ErrNotJSON},
		{"two texts", "1\n2", plain.ErrNotJSON},
	} {
		if v, _, err := plain.JSON([]byte(c.text), 8); err != c.want {
			t.Errorf("§%s: %q is %v, %v; want %v", c.section, c.text, v, err, c.want)
		}
	}
}

// What the formats of codings have besides a body, and what in them is damaged.
func TestCodingsAreReadAsTheirStandardsHaveThem(t *testing.T) {
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 0x40
		return b
	}
	frame := zstded(t, text)
	skipped := append(binary.LittleEndian.AppendUint32([]byte{0x50, 0x2a, 0x4d, 0x18}, 3), "abc"...)
	named := gzipped(t, text)
	named = append(append(append(bytes.Clone(named[:3]), 0x08), named[4:10]...), append([]byte("a.json\x00"), named[10:]...)...)
	for _, c := range []struct {
		what, coding string
		body         []byte
		want         error
	}{
		{"gzip with a file's name (RFC 1952 §2.3.1)", "gzip", named, nil},
		{"gzip with another sum (§2.3.1, CRC32)", "gzip", flip(gzipped(t, text), -5), plain.ErrBroken},
		{"gzip with another length (§2.3.1, ISIZE)", "gzip", flip(gzipped(t, text), -1), plain.ErrBroken},
		{"gzip by another method (§2.3.1, CM)", "gzip", flip(gzipped(t, text), 2), plain.ErrBroken},
		{"gzip without its end", "gzip", gzipped(t, text)[:len(gzipped(t, text))-8], plain.ErrBroken},
		{"zlib with another sum (RFC 1950 §2.2, ADLER32)", "deflate", flip(zlibbed(t, text), -1), plain.ErrBroken},
		{"zlib without its sum", "deflate", zlibbed(t, text)[:len(zlibbed(t, text))-4], plain.ErrBroken},
		{"two frames of zstd (RFC 8878 §3)", "zstd", append(zstded(t, text[:4]), zstded(t, text[4:])...), nil},
		{"a frame that is skipped (§3.1.2)", "zstd", append(bytes.Clone(skipped), frame...), nil},
		{"zstd with another sum (§3.1.1, Content_Checksum)", "zstd", flip(frame, -1), plain.ErrBroken},
		{"half a frame", "zstd", frame[:len(frame)/2], plain.ErrBroken},
		{"half of brotli", "br", brotlied(t, text)[:8], plain.ErrBroken},
		{"nothing as brotli", "br", nil, plain.ErrBroken},
		{"nothing as bare deflate", "deflate", nil, plain.ErrBroken},
	} {
		got, err := plain.Decode(c.coding, c.body, 1<<10)
		if err != c.want || err == nil && string(got) != text {
			t.Errorf("%s: %q, %v; want %v", c.what, got, err, c.want)
		}
	}
}

func TestABodyMayBeAsLongAsTheBoundAndNoLonger(t *testing.T) {
	long := strings.Repeat("a", 1000)
	for coding, body := range map[string][]byte{
		"": []byte(long), "gzip": gzipped(t, long), "deflate": zlibbed(t, long), "br": brotlied(t, long), "zstd": zstded(t, long),
		"gzip, br": brotlied(t, string(gzipped(t, long))),
	} {
		if got, err := plain.Decode(coding, body, 1000); err != nil || string(got) != long {
			t.Errorf("%q at the bound: %d bytes, %v", coding, len(got), err)
		}
		if got, err := plain.Decode(coding, body, 999); err != plain.ErrTooLong || got != nil {
			t.Errorf("%q over the bound: %d bytes, %v", coding, len(got), err)
		}
	}
	// What is within is bounded like what comes out in the end.
	bomb := gzipped(t, strings.Repeat("\x00", 1<<20))
	if _, err := plain.Decode("gzip, gzip", gzipped(t, string(bomb)), 100); err != plain.ErrTooLong {
		t.Errorf("a bomb in a coding: %v", err)
	}
}

// RFC 9659 §3: a decoder of the content coding takes windows of 8 MiB and none above.
func TestAWindowOfZstdIsBounded(t *testing.T) {
	for size, want := range map[int]error{8 << 20: nil, 16 << 20: plain.ErrBroken} {
		w, err := zstd.NewWriter(nil, zstd.WithWindowSize(size), zstd.WithSingleSegment(false))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w.Reset(&b) // whose length the frame does not have
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := plain.Decode("zstd", b.Bytes(), 1<<10); err != want {
			t.Errorf("a window of %d MiB: %v, want %v", size>>20, err, want)
		}
	}
}

// Constraints of XML 1.0 that make a text no document.
func TestXMLIsWellFormed(t *testing.T) {
	for _, c := range []struct {
		constraint, text string
		want             error
	}{
		{"3.1: an attribute twice", `<a b="1" b="2"/>`, plain.ErrNotXML},
		{"3.1: an attribute of two name spaces", `<a xmlns:x="u" b="1" x:b="2"/>`, nil},
		{"4.3.3: a mark of byte order", "\ufeff<?xml version=\"1.0\"?><a/>", nil},
		{"3.1: < in a value", `<a b="<"/>`, plain.ErrNotXML},
		{"3.1: a name that begins with a digit", `<1a/>`, plain.ErrNotXML},
		{"2.1: text behind the element", `<a/>text`, plain.ErrNotXML},
		{"2.1: text before the element", `text<a/>`, plain.ErrNotXML},
		{"2.1: CDATA behind the element", `<a/><![CDATA[x]]>`, plain.ErrNotXML},
		{"2.1: a reference behind the element", `<a/>&#32;`, plain.ErrNotXML},
		{"2.8: space and comments around", "<!-- a -->\n<a/>\n<!-- b --><?c d?>\n", nil},
		{"2.8: a declaration that is not the first thing", "\n<?xml version=\"1.0\"?><a/>", plain.ErrNotXML},
		{"2.6: a declaration within", `<a><?xml version="1.0"?></a>`, plain.ErrNotXML},
		{"2.5: -- in a comment", `<a><!-- b -- c --></a>`, plain.ErrNotXML},
		{"2.4: ]]> in a text", `<a>]]></a>`, plain.ErrNotXML},
		{"2.2: a control character", "<a>\x01</a>", plain.ErrNotXML},
		{"4.1: a control character, referred to", `<a>&#1;</a>`, plain.ErrNotXML},
		{"4.1: characters, referred to", `<a>&#x41;&#8364;&lt;&gt;&amp;&apos;&quot;</a>`, nil},
		{"3: elements that cross", `<a><b></a></b>`, plain.ErrNotXML},
		{"3: an end without a name", `<a></>`, plain.ErrNotXML},
	} {
		if err := plain.XML([]byte(c.text), 8, nil); err != c.want {
			t.Errorf("§%s: %q: %v, want %v", c.constraint, c.text, err, c.want)
		}
	}
}

// RFC 2046 §5.1.1 and RFC 7578.
func TestMultipartIsThatOfTheStandard(t *testing.T) {
	bounded := func(b string) string {
		return strings.ReplaceAll(part(`name="a"`, "1"), "--x", "--"+b) + "--" + b + "--\r\n"
	}
	for _, c := range []struct{ what, field, body, want string }{
		{"all characters of a boundary", `multipart/form-data; boundary="0aZ'()+_,-./:=?"`, bounded("0aZ'()+_,-./:=?"), "a=1;"},
		{"a boundary of 70 characters", "multipart/form-data; boundary=" + strings.Repeat("b", 70), bounded(strings.Repeat("b", 70)), "a=1;"},
		{"fields of a part in any case", "multipart/form-data; boundary=x", "--x\r\ncontent-TYPE: text/plain\r\nCONTENT-disposition: Form-Data; NAME=a\r\n\r\n1\r\n--x--\r\n", "a=1;"},
		{"a part without content", "multipart/form-data; boundary=x", part(`name="a"`, "") + part(`name="b"`, "") + "--x--\r\n", "a=;b=;"},
		{"a line break at the end of a part", "multipart/form-data; boundary=x", part(`name="a"`, "1\r\n") + "--x--\r\n", "a=1\r\n;"},
		{"the same name again (RFC 7578 §4.3)", "multipart/form-data; boundary=x", part(`name="a"`, "1") + part(`name="a"`, "2") + "--x--\r\n", "a=1;a=2;"},
		{"a name in UTF-8 (RFC 7578 §5.1)", "multipart/form-data; boundary=x", part(`name="größe"`, "1") + "--x--\r\n", "größe=1;"},
	} {
		if got, err := split(c.field, c.body, 10); err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", c.what, got, err, c.want)
		}
	}
	if _, err := split("multipart/form-data; boundary=x", strings.Repeat(part(`name="a"`, "1"), 10)+"--x--", 10); err != nil {
		t.Errorf("as many parts as may be: %v", err)
	}
}
