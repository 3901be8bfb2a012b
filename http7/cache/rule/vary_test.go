package rule

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestVaryIsASortedSetOfNames(t *testing.T) {
	for _, c := range []struct{ section, answer, want, why string }{
		{"12.5.5: none", "X-A: 1", "", ""},
		{"12.5.5", "Vary: Accept-Encoding", "accept-encoding", ""},
		{"12.5.5: several", "Vary: Foo, Bar,Baz", "bar baz foo", ""},
		{"12.5.5: over lines, twice, of any case", "Vary: Foo, bar | Vary: FOO | vary: Accept", "accept bar foo", ""},
		{"5.6.1: empty members", "Vary: , ,Foo,, ", "foo", ""},
		{"5.6.1: nothing but empty members", "Vary: ,", "", ""},
		{"12.5.5: *", "Vary: *", "", "vary-any"},
		{"12.5.5: * in a list", "Vary: Foo, *", "", "vary-any"},
		{"12.5.5: * twice", "Vary: *, *", "", "vary-any"},
		{"12.5.5: * on another line", "Vary: | Vary: *", "", "vary-any"},
		{"12.5.5: * before a name", "Vary: *, Foo", "", "vary-any"},
		{"12.5.5: no name", "Vary: Foo Bar", "", "vary-malformed"},
		{"12.5.5: no name", `Vary: "Foo"`, "", "vary-malformed"},
		{"12.5.5: no name", "Vary: Foo;q=1", "", "vary-malformed"},
		{"a long name", "Vary: " + strings.Repeat("x", 65), "", "vary-malformed"},
		{"sixteen names", "Vary: " + many(16), strings.TrimSpace(strings.ReplaceAll(many(16), ",", "")), ""},
		{"seventeen names", "Vary: " + many(17), "", "vary-many"},
		{"one name, often", "Vary: " + strings.Repeat("a, ", 64), "a", ""},
		{"one name, too often", "Vary: " + strings.Repeat("a, ", 65), "", "vary-many"},
	} {
		v, why := ParseVary(nil, fields(c.answer))
		var names []string
		for n := range v.All() {
			names = append(names, string(n))
		}
		if got := strings.Join(names, " "); got != c.want || why != c.why {
			t.Errorf("RFC 9110 %s: %.60q is %q (%s), want %q (%s)", c.section, c.answer, got, why, c.want, c.why)
		}
	}
}

func TestNamesMayBeLeftOut(t *testing.T) {
	v, _ := ParseVary(nil, fields("Vary: Foo, Accept, Bar"))
	v = v.Without(nil, func(name []byte) bool { return string(name) == "accept" })
	want, _ := ParseVary(nil, fields("Vary: bar, foo"))
	if !bytes.Equal(v, want) {
		t.Errorf("%q, want %q", v, want)
	}
	for range v.All() {
		break // it may
	}
}

func TestAnIndexKeepsNamesAndNonce(t *testing.T) {
	v, _ := ParseVary(nil, fields("Vary: Foo, Accept"))
	head := Head(AppendIndex([]byte("before"), v, 1<<63+5))[len("before"):]
	got, nonce, ok := head.Index()
	if !ok || nonce != 1<<63+5 || !bytes.Equal(got, v) {
		t.Errorf("%q, %d, %v", got, nonce, ok)
	}
	if _, _, ok := head[:15].Index(); ok {
		t.Error("half an index is none")
	}
}

// Requests of one group select the same variant, those of different groups different ones.
func TestVariantsAreSelectedByTheNormalisedValues(t *testing.T) {
	for _, c := range []struct {
		section, vary string
		groups        [][]string
	}{
		{"4.1: any field", "Foo", [][]string{
			{"Foo: 1", "foo: 1", "Foo: 1 | Other: 2"}, {"Foo: 2"}, {"", "Other: 1"}, {"Foo:"}, {"Foo: 1, 2", "Foo: 1 | Foo: 2"},
			{"Foo: 1,2"}, {"Foo: 2 | Foo: 1"}, {"Foo: a"}, {"Foo: A"},
		}},
		{"4.1: two fields", "Foo, Bar", [][]string{
			{"Foo: 1 | Bar: 2", "Bar: 2 | Foo: 1"}, {"Foo: 1"}, {"Bar: 2"}, {"Foo: 2 | Bar: 1"}, {""}, {"Foo: 12 | Bar:"}, {"Foo: 1 | Bar: 12"},
		}},
		{"9110 12.5.3: Accept-Encoding", "Accept-Encoding", [][]string{
			{"Accept-Encoding: gzip, br", "Accept-Encoding: br,gzip", "Accept-Encoding: BR , GZip", "Accept-Encoding: br;q=1, gzip;q=1.0",
				"Accept-Encoding: x-gzip, br; Q=1.000", "Accept-Encoding: gzip | Accept-Encoding: br", "Accept-Encoding: ,gzip,,br,"},
			{"Accept-Encoding: gzip;q=0.5, br", "Accept-Encoding: br, gzip;q=0.50", "Accept-Encoding: br,gzip ; q=0.500"},
			{"Accept-Encoding: gzip, br;q=0.5"},
			{"Accept-Encoding: gzip"}, {"Accept-Encoding: br"}, {"Accept-Encoding:", "Accept-Encoding: ,"}, {""},
			{"Accept-Encoding: gzip, br;q=0"}, {"Accept-Encoding: *"}, {"Accept-Encoding: identity"}, {"Accept-Encoding: gzipbr"},
			{"Accept-Encoding: gz, gzip, gzi", "Accept-Encoding: gzip, gzi, gz"},
		}},
		{"9110 12.5.3: what departs from the grammar is as it was sent", "Accept-Encoding", [][]string{
			{"Accept-Encoding: gzip"}, {"Accept-Encoding: gzip;q=x"}, {"Accept-Encoding: gzip;q=2"}, {"Accept-Encoding: gzip;q=0.1234"}, {"Accept-Encoding: gzip;q=0.123"},
			{"Accept-Encoding: gzip;q=1.001"}, {"Accept-Encoding: gzip;q=-1"}, {"Accept-Encoding: gzip;level=9"}, {"Accept-Encoding: gzip;q=1;x=y"},
			{"Accept-Encoding: gzip br"}, {"Accept-Encoding: gzip, gzip"}, {"Accept-Encoding: gzip;q=0.5, gzip"}, {"Accept-Encoding: gzip, x-gzip"},
			{"Accept-Encoding: \"gzip\""}, {"Accept-Encoding: gzip;"}, {"Accept-Encoding: gzip;q"}, {"Accept-Encoding: gzip;q="}, {"Accept-Encoding: ;q=1"}, {"Accept-Encoding: ,;q=1"},
		}},
		{"9110 12.5.4: Accept-Language", "Accept-Language", [][]string{
			{"Accept-Language: en, de", "Accept-Language: eN,De", "Accept-Language:  en ,   de", "Accept-Language: en;q=1, de;q=1.0"},
			{"Accept-Language: de, en"}, // origins take the first
			{"Accept-Language: de, en;q=0.8", "Accept-Language: en;q=0.8,DE", "Accept-Language: en;q=0.80 , de"},
			{"Accept-Language: en-US, en;q=0.5", "Accept-Language: en-us,en;q=0.5"},
			{"Accept-Language: *"}, {"Accept-Language: fr"}, {""},
			{"Accept-Language: de, en;q=0,8"}, {"Accept-Language: de, en q=0.8"},
		}},
		{"9110 12.5.1: Accept", "Accept", [][]string{
			{"Accept: text/html, application/json", "Accept: TEXT/html,Application/JSON"},
			{"Accept: application/json, text/html"},
			{"Accept: text/html, */*;q=0.1", "Accept: */*;q=0.1, text/html", "Accept: text/html;q=1,*/*;q=0.100"},
			{"Accept: text/html;level=1, */*;q=0.1", "Accept: text/HTML;level=1,*/*;q=0.1"},
			{"Accept: text/html;Level=1, */*;q=0.1"}, {"Accept: text/html; level=1, */*;q=0.1"}, {`Accept: text/html;level="1", */*;q=0.1`},
			{"Accept: text/html"}, {"Accept: text/*"}, {"Accept: */*"}, {""}, {"Accept: text"}, {"Accept: text/"}, {"Accept: /html"},
			{"Accept: text/html;level"}, {"Accept: text/html;level="}, {"Accept: text/html;q=0.5;level=1"}, {"Accept: text/html;"},
		}},
		{"values don't run into each other", "Foo, Accept, Bar", [][]string{
			{"Foo: 1 | Accept: a/b | Bar: 2"}, {"Foo: 1 | Bar: a/b2"}, {"Accept: a/b | Bar: 12"}, {"Bar: 1a/b2"},
		}},
	} {
		v, why := ParseVary(nil, fields("Vary: "+c.vary))
		if why != "" {
			t.Fatal(why)
		}
		keys := map[string]string{}
		for _, group := range c.groups {
			var first string
			for i, request := range group {
				key, ok := AppendVariant([]byte("key"), v, 3, fields(request))
				if !ok || !bytes.HasPrefix(key, []byte("key\x00V")) {
					t.Fatalf("%q has no key", request)
				}
				if i == 0 {
					first = string(key)
					if other, there := keys[first]; there {
						t.Errorf("RFC 9111 %s: %q and %q select the same", c.section, request, other)
					}
					keys[first] = request
				} else if string(key) != first {
					t.Errorf("RFC 9111 %s: %q and %q select different ones", c.section, request, group[0])
				}
			}
		}
	}
}

func TestAnotherNonceMakesOtherVariants(t *testing.T) {
	v, _ := ParseVary(nil, fields("Vary: Foo"))
	a, _ := AppendVariant(nil, v, 1, fields("Foo: 1"))
	b, _ := AppendVariant(nil, v, 2, fields("Foo: 1"))
	if bytes.Equal(a, b) {
		t.Error("the keys are the same")
	}
}

func TestEnormousValuesSelectNothing(t *testing.T) {
	v, _ := ParseVary(nil, fields("Vary: Foo, Accept, Accept-Encoding"))
	for _, c := range []struct {
		name string
		n    int
		want bool
	}{
		{"Foo", 4000, true}, {"Foo", 5000, false}, {"Foo", 20000, false},
		{"Accept", 4000, true}, {"Accept", 5000, false}, {"Accept-Encoding", 4000, true}, {"Accept-Encoding", 70000, false},
	} {
		if _, ok := AppendVariant(nil, v, 1, fields(c.name+": "+strings.Repeat("x", c.n))); ok != c.want {
			t.Errorf("%s of %d bytes: %v, want %v", c.name, c.n, ok, c.want)
		}
	}
}

func TestManyPreferencesAreAsTheyWereSent(t *testing.T) {
	v, _ := ParseVary(nil, fields("Vary: Accept-Encoding"))
	for _, c := range []struct {
		n    int
		same bool
	}{{16, true}, {17, false}} {
		var up, down []string
		for i := range c.n {
			up = append(up, string(rune('a'+i)))
		}
		down = slices.Clone(up)
		slices.Reverse(down)
		a, _ := AppendVariant(nil, v, 1, fields("Accept-Encoding: "+strings.Join(up, ", ")))
		b, _ := AppendVariant(nil, v, 1, fields("Accept-Encoding: "+strings.Join(down, ",")))
		if bytes.Equal(a, b) != c.same {
			t.Errorf("%d in two orders: the same key is %v, want %v", c.n, !c.same, c.same)
		}
	}
}

func TestANormalFormIsNormal(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"Accept-Encoding", "gzip;q=0, x-compress;q=0.001,  DEFLATE ", "deflate,compress;\x00\x01,gzip;\x00\x00"},
		{"Accept-Encoding", "zstd, br, gzip", "br,gzip,zstd"},
		{"Accept-Language", "de-AT;q=0.9, *;q=0.1, DE", "de,de-at;\x03\x84,*;\x00\x64"},
		{"Accept", "Text/Html;Charset=UTF-8;q=0.5,a/b", "a/b,text/html;Charset=UTF-8;\x01\xf4"},
		{"Accept", ",", ""},
	} {
		value := []byte(c.value)
		v, _ := ParseVary(nil, fields("Vary: "+c.name))
		name := slices.Collect(v.All())[0]
		n, ok := normalise(value, make([]byte, len(value)), idOf(v), name)
		if !ok || string(value[:n]) != c.want {
			t.Errorf("%s: %q is %q, %v, want %q", c.name, c.value, value[:n], ok, c.want)
		}
	}
}
