package rule

import (
	"fmt"
	"strings"
	"testing"

	"weir/http7"
)

// text writes directives in one order: flags, numbers, lists.
func (d Directives) text() string {
	var out []string
	for _, f := range []struct {
		on   bool
		name string
	}{
		{d.NoStore, "no-store"}, {d.NoCache, "no-cache"}, {d.Private, "private"}, {d.Public, "public"},
		{d.MustRevalidate, "must-revalidate"}, {d.ProxyRevalidate, "proxy-revalidate"}, {d.Immutable, "immutable"},
		{d.MustUnderstand, "must-understand"}, {d.Malformed, "MALFORMED"},
	} {
		if f.on {
			out = append(out, f.name)
		}
	}
	for _, n := range []struct {
		v    int64
		name string
	}{{d.MaxAge, "max-age"}, {d.SMaxAge, "s-maxage"}, {d.StaleWhileRevalidate, "swr"}, {d.StaleIfError, "sie"}} {
		if n.v != Absent {
			out = append(out, fmt.Sprintf("%s=%d", n.name, n.v))
		}
	}
	for _, l := range []struct {
		names [][]byte
		name  string
	}{{d.NoCacheFields, "no-cache"}, {d.PrivateFields, "private"}} {
		if len(l.names) > 0 {
			out = append(out, fmt.Sprintf("%s%s", l.name, l.names))
		}
	}
	return strings.Join(out, " ")
}

func TestDirectivesOfAnAnswerAreReadAsRFC9111Says(t *testing.T) {
	for _, c := range []struct{ section, lines, want string }{
		{"5.2", "max-age=60", "max-age=60"},
		{"5.2: names have no case", "Max-AGE=60, NO-STORE", "no-store max-age=60"},
		{"5.2: both forms of an argument", `max-age="60"`, "max-age=60"},
		{"5.2.3: what is not known is left out", `foo, max-age=60, bar=baz, q="x, no-store"`, "max-age=60"},
		{"5.2.3: a quoted argument hides nothing of its own", `ext="max-age=3600", max-age=1`, "max-age=1"},
		{"5.2.3: quoted pairs stay quoted", `ext="a\", no-store", max-age=1`, "max-age=1"},
		{"5.2: several lines are one list", "max-age=60|public", "public max-age=60"},
		{"9110 5.6.1: empty members", ", ,max-age=60,,public,", "public max-age=60"},
		{"9110 5.6.1: an empty field", "", ""},

		{"1.2.2: leading zeros", "max-age=0060", "max-age=60"},
		{"1.2.2: 2^31 and more", "max-age=2147483648, s-maxage=99999999999999999999999", "max-age=2147483648 s-maxage=2147483648"},
		{"4.2.1: no number", "max-age=a60", "max-age=0"},
		{"4.2.1: digits and more", "max-age=60a", "max-age=0"},
		{"4.2.1: a fraction", "max-age=60.5", "max-age=0"},
		{"4.2.1: negative", "max-age=-60", "max-age=0"},
		{"4.2.1: single quotes", "max-age='60'", "max-age=0"},
		{"4.2.1: no argument", "max-age", "max-age=0"},
		{"4.2.1: an empty text", `max-age=""`, "max-age=0"},
		{"4.2.1: space in the text", `max-age=" 60"`, "max-age=0"},
		{"4.2.1: a quoted pair in the number", `max-age="6\0"`, "max-age=0"},
		{"4.2.1: said twice alike", "max-age=60, max-age=60", "max-age=60"},
		{"4.2.1: said twice", "max-age=3600, max-age=60", "max-age=0"},
		{"4.2.1: said twice on two lines", "max-age=60|max-age=3600", "max-age=0"},
		{"4.2.1: said three times", "max-age=60, max-age=0, max-age=60", "max-age=0"},
		{"5861 3 and 4", "stale-while-revalidate=30, stale-if-error=600", "swr=30 sie=600"},
		{"5861: broken windows are none", "stale-while-revalidate=x, stale-if-error", "swr=0 sie=0"},

		{"5.2.2.4: no-cache", "no-cache", "no-cache"},
		{"5.2.2.4: with fields", `no-cache="Set-Cookie, X-A"`, "no-cache[Set-Cookie X-A]"},
		{"5.2.2.4: with empty members", `no-cache="X-A ,, X-B,"`, "no-cache[X-A X-B]"},
		{"5.2.2.4: with nothing but those", `no-cache=" , "`, "no-cache"},
		{"5.2.2.4: with one as a token", "no-cache=X-A", "no-cache[X-A]"},
		{"5.2.2.4: an empty list is none", `no-cache=""`, "no-cache"},
		{"5.2.2.4: a list that is none", `no-cache="a b"`, "no-cache"},
		{"5.2.2.4: a list with quoted pairs", `no-cache="a\,b"`, "no-cache"},
		{"5.2.2.4: both forms", `no-cache="X-A", no-cache`, "no-cache no-cache[X-A]"},
		{"5.2.2.7: private", "private", "private"},
		{"5.2.2.7: with fields", `private="X-A"`, "private[X-A]"},
		{"5.2.2.7: with a list that is none", `private="X-A;"`, "private"},
		{"5.2.2: restrictions with an argument hold", `no-store=0, must-revalidate="x", proxy-revalidate=false`,
			"no-store must-revalidate proxy-revalidate"},
		{"5.2.2: permissions with an argument don't", "public=1, immutable=yes, must-understand=1", ""},
		{"5.2.2: all at once", "public, must-revalidate, immutable, must-understand", "public must-revalidate immutable must-understand"},

		{"5.2: space before the sign", "max-age =60", "MALFORMED"},
		{"5.2: space behind the sign", "max-age= 60", "MALFORMED"},
		{"5.2: a semicolon", "max-age=60; no-store", "MALFORMED"},
		{"5.2: no name", "=60", "MALFORMED"},
		{"5.2: no argument behind the sign", "max-age=, public", "public MALFORMED"},
		{"5.2: a text that does not end", `max-age=60, ext="x, no-store`, "MALFORMED max-age=60"},
		{"5.2: a text that ends in a backslash", `ext="x\`, "MALFORMED"},
		{"5.2: more behind a text", `ext="x"y, public`, "public MALFORMED"},
		{"5.2: a text alone", `"no-store"`, "MALFORMED"},
		{"5.2: a comma in a text does not end what is malformed", `a b="x, public", immutable`, "immutable MALFORMED"},
		{"5.2: bytes that are no token", "max-age=60, \xff", "MALFORMED max-age=60"},
	} {
		h := &http7.Header{}
		for line := range strings.SplitSeq(c.lines, "|") {
			h.AddRaw([]byte("Cache-Control"), []byte(line))
		}
		d := ReadDirectives(h, http7.Known(http7.CacheControl))
		if got := d.text(); got != c.want {
			t.Errorf("RFC 9111 %s: %q reads %q, want %q", c.section, c.lines, got, c.want)
		}
	}
}

func TestATargetedFieldIsADictionary(t *testing.T) {
	for _, c := range []struct{ section, lines, want string }{
		{"2.1", "max-age=60", "max-age=60"},
		{"2.1", "max-age=60, must-revalidate", "must-revalidate max-age=60"},
		{"2.1: what is not known is left out", "foobar, max-age=3600, ext=(a \"b\";x=1 3), t=tok/en, b=:aGk=:", "max-age=3600"},
		{"2.1: parameters are left out", "max-age=60;x;y=1;z=\"a\", no-cache;q=0.5", "no-cache max-age=60"},
		{"2.1: great numbers", "max-age=999999999999999", "max-age=2147483648"},
		{"2.1: negative numbers", "max-age=-60", "max-age=0"},
		{"2.1: lists of fields", `no-cache="X-A, X-B", private=x-c`, "no-cache[X-A X-B] private[x-c]"},
		{"2.1: lists that are none", `no-cache="", private=(a b)`, "no-cache private"},
		{"2.1: a restriction holds whatever its value", "no-store=?0, must-revalidate=1", "no-store must-revalidate"},
		{"2.1: a permission must be true", "public=?0, immutable=1, must-understand=?1", "must-understand"},
		{"2.1: a number of another type is 0", `max-age="60", s-maxage=1.5, stale-if-error=x, stale-while-revalidate`,
			"max-age=0 s-maxage=0 swr=0 sie=0"},
		{"8941 4.2.2: the last of several holds", "max-age=60, max-age=10", "max-age=10"},
		{"8941 4.2.2: the last of several holds", `no-cache, no-cache="X-A"`, "no-cache[X-A]"},
		{"8941 4.2: lines are one dictionary", "max-age=60| no-cache ", "no-cache max-age=60"},
		{"8941 3.2: space around commas", "a ,\t max-age=5 , b", "max-age=5"},

		{"2.1: empty", "", "-"},
		{"2.1: empty lines", "max-age=60|", "-"},
		{"8941 3.2: a comma at the end", "max-age=60,", "-"},
		{"8941 3.2: no member between commas", "max-age=60,,public", "-"},
		{"8941 3.2: no comma", "max-age=60 public", "-"},
		{"8941 3.1.2: keys are in lower case", "Max-Age=60", "-"},
		{"8941 3.1.2: and begin with a letter", "1a=60", "-"},
		{"8941 3.3: no value", "max-age=", "-"},
		{"8941 3.3: space at the sign", "max-age = 60", "-"},
		{"8941 3.3: unknown type", "max-age=60, &&&&&", "-"},
		{"8941 3.3: unknown type", "a=&, max-age=60", "-"},
		{"8941 3.3: unknown type in a parameter", "a;b=&, max-age=60", "-"},
		{"8941 3.3.2: twelve digits and three", "a=-123456789012.125, max-age=60", "max-age=60"},
		{"8941 3.3.2: thirteen digits", "a=1234567890123.5, max-age=60", "-"},
		{"8941 3.3.5: any bytes", "a=:aAzZ09+/=:, max-age=60", "max-age=60"},
		{"8941 3.3.1: sixteen digits", "max-age=1000000000000000", "-"},
		{"8941 3.3.1: no digits", "max-age=-", "-"},
		{"8941 3.3.2: no fraction", "a=1., max-age=1", "-"},
		{"8941 3.3.2: a fraction of four digits", "a=1.0001, max-age=1", "-"},
		{"8941 3.3.3: a text that does not end", `a="x, max-age=60`, "-"},
		{"8941 3.3.3: a text with another escape", `a="\x", max-age=60`, "-"},
		{"8941 3.3.3: a text that ends in an escape", `a="\`, "-"},
		{"8941 3.3.3: a text with other bytes", "a=\"\xc3\xbc\"", "-"},
		{"8941 3.3.5: bytes that don't end", "a=:aGk=, max-age=1", "-"},
		{"8941 3.3.5: bytes of another alphabet", "a=:a-b:, max-age=1", "-"},
		{"8941 3.3.5: bytes that don't end", "a=:aGk=", "-"},
		{"8941 3.1.1: an empty list", "a=( ), max-age=1", "max-age=1"},
		{"8941 3.1.1: a list with a broken item", `a=("b), max-age=1`, "-"},
		{"8941 3.3.6: a boolean of another kind", "no-store=?2", "-"},
		{"8941 3.3.6: a boolean cut short", "no-store=?", "-"},
		{"8941 3.1.1: a list that does not end", "a=(b c", "-"},
		{"8941 3.1.1: a list without space", `a=("b""c")`, "-"},
		{"8941 3.1.1: a list of what is none", "a=(&)", "-"},
		{"8941 3.1.2: a parameter without a name", "a;=1", "-"},
		{"8941 3.1.2: a parameter without a value", "a;b=", "-"},
		{"8941 3.1.1: parameters in a list", "a=(b;=1)", "-"},
	} {
		h := &http7.Header{}
		for line := range strings.SplitSeq(c.lines, "|") {
			h.AddRaw([]byte("CDN-Cache-Control"), []byte(line))
		}
		d, ok := readTargeted(h, http7.Known(http7.CDNCacheControl))
		got := d.text()
		if !ok {
			got = "-"
		}
		if got != c.want {
			t.Errorf("RFC 9213 %s: %q reads %q, want %q", c.section, c.lines, got, c.want)
		}
	}
}

func TestOneOf10000DirectivesIsReadInLinearTime(t *testing.T) {
	h := &http7.Header{}
	h.AddRaw([]byte("Cache-Control"), []byte(strings.Repeat(`x="`+strings.Repeat("y", 20)+`", `, 10000)+"max-age=5"))
	if d := ReadDirectives(h, http7.Known(http7.CacheControl)); d.text() != "max-age=5" {
		t.Errorf("read %q", d.text())
	}
}
