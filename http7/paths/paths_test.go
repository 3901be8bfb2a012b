package paths

import (
	"bytes"
	"testing"

	"weir/http7"
)

const ambiguous = "ambiguous_path"

// reading is what becomes of a path: its form, or "!" and the name of a fault.
type reading struct{ path, want string }

func readings(t *testing.T, r Rules, table []reading) {
	t.Helper()
	for _, c := range table {
		if got := read(t, r, c.path); got != c.want {
			t.Errorf("%q: got %q, want %q", c.path, got, c.want)
		}
	}
}

// read returns the reading of a path, and sees to what holds of every one.
func read(t testing.TB, r Rules, path string) string {
	t.Helper()
	const before = "before"
	in := []byte(path)
	got, changed, f := r.Canonical([]byte(before), in)
	switch {
	case string(in) != path:
		t.Fatalf("%q: the path was written to: %q", path, in)
	case f != nil && (got != nil || changed):
		t.Fatalf("%q: refused, yet there is %q", path, got)
	case f != nil:
		return "!" + f.Name
	case changed == (string(got) == path):
		t.Fatalf("%q: changed is %v, the form %q", path, changed, got)
	case !changed && len(path) > 0 && &got[0] != &in[0]:
		t.Fatalf("%q: copied without need", path)
	case len(got) > 3*len(path):
		t.Fatalf("%q: the form %q needs more room than was promised", path, got)
	}
	return string(got)
}

func TestPlainPathsStayAsTheyAre(t *testing.T) {
	for _, path := range []string{
		"/", "*", "/a", "/a/", "/a/b/c", "/a.b", "/.well-known/acme", "/a/.b", "/...", "/a/...", "/a/..b", "/a/.b.", "/a..", "/a./b",
		"/-._~!$&'()*+,=:@", "/a%20b", "/%25", "/%2525", "/%C3%A4", "/%F0%9F%8D%BA", "/%3B", "/%3F%23", "/%5B%5D%7C%22%3C%3E%5E%60%7B%7D",
		"/%EF%BF%BD", "/%C2%80", "/%252e%252e/", "/a:b@c", plainPath,
	} {
		if got := read(t, Rules{}, path); got != path {
			t.Errorf("%q: got %q", path, got)
		}
	}
}

func TestEverySpellingHasOneForm(t *testing.T) {
	readings(t, Rules{}, []reading{
		{"/%61", "/a"}, {"/%7E%2d%2D", "/~--"}, {"/%40%3a%2b%2C%3d%21%24%26%27%28%29%2A", "/@:+,=!$&'()*"},
		{"/%c3%a4", "/%C3%A4"}, {"/%3b", "/%3B"}, {"/%5b%7c", "/%5B%7C"},
		{"/a[1]|b", "/a%5B1%5D%7Cb"},
		{"/%2ewell-known", "/.well-known"}, {"/a%2e", "/a."}, {"/%2e%2e%2e", "/..."},
		{"/%25%36%31", "/%2561"}, // decoded once, not until nothing is left
		{"/a/%7Eb/", "/a/~b/"},
	})
}

func TestWhatTwoReadersCouldSeeDifferentlyIsRefused(t *testing.T) {
	for _, path := range []string{
		"/.", "/..", "/./", "/../", "/a/./b", "/a/../b", "/a/..", "/a/.", "/%2e", "/%2E%2e", "/.%2e/", "/a/%2e%2E/b", "/..%3B/", "/.%3bx",
		"/a%2Fb", "/a%2fb", "/%2F", "/a%5Cb", "/%5c", "/..%5C", "/..%2f",
		"/%00", "/a%0d%0aSet-Cookie:x", "/%1F", "/%7f", "/%09", "/%0A",
		"//", "//a", "/a//b", "/a//", "///", "//evil.example/",
		"/;", "/a;b", "/a;b=c/d", "/a/..;/b", "/;/",
		"/%80", "/%C3", "/%C3a", "/%C3%A4%A4", "/%C3/%A4", "/%c0%af", "/%C0%80", "/%E0%80%AF", "/%ED%A0%80", "/%F4%90%80%80", "/%FF", "/%FE%FF", "/%F0%9F%8D",
	} {
		if got := read(t, Rules{}, path); got != "!"+ambiguous {
			t.Errorf("%q: got %q", path, got)
		}
	}
}

func TestWhatIsNoPathIsRefused(t *testing.T) {
	for _, path := range []string{
		"", "a", "a/b", "**", "*/", "%2F", "?", "http://h/", "/a b", "/a?b", "/a#b", "/a\\b", "/\xc3\xa4", "/a\r\n", "/a\x00", "/a\x7f",
		"/%", "/%4", "/%g1", "/%1g", "/%%41", "/a%2", "/\"", "/<>", "/^", "/`", "/{a}", "/%-1",
	} {
		all := Rules{EmptySegments: Keep, DotSegments: Resolve, EncodedSlash: Keep, Parameters: Keep}
		for _, r := range []Rules{{}, all} {
			if got := read(t, r, path); got != "!bad_target" {
				t.Errorf("%q: got %q", path, got)
			}
		}
	}
}

func TestEmptySegmentsMayMerge(t *testing.T) {
	readings(t, Rules{EmptySegments: Merge}, []reading{
		{"//", "/"}, {"///", "/"}, {"//a", "/a"}, {"/a//b", "/a/b"}, {"/a///b//", "/a/b/"}, {"//evil.example/", "/evil.example/"},
		{"/a/", "/a/"}, {"//%61", "/a"}, {"/a//..", "!" + ambiguous}, {"/a//./b", "!" + ambiguous}, {"/;", "!" + ambiguous},
	})
}

func TestEmptySegmentsMayBeKept(t *testing.T) {
	readings(t, Rules{EmptySegments: Keep}, []reading{
		{"//", "//"}, {"/a//b", "/a//b"}, {"//%61//", "//a//"}, {"/a//../b", "!" + ambiguous},
	})
}

func TestDotSegmentsMayBeResolved(t *testing.T) {
	readings(t, Rules{DotSegments: Resolve}, []reading{
		{"/.", "/"}, {"/./", "/"}, {"/a/.", "/a/"}, {"/a/./b", "/a/b"}, {"/a/..", "/"}, {"/a/../", "/"}, {"/a/../b", "/b"},
		{"/a/b/../c", "/a/c"}, {"/a/b/../../c", "/c"}, {"/a/b/..", "/a/"}, {"/a/%2e%2E/b", "/b"}, {"/a/.%2e", "/"}, {"/a/...", "/a/..."},
		{"/a/./../b", "/b"}, {"/a/b/c/./../../g", "/a/g"}, // RFC 3986 §5.2.4
		// Above the root servers differ.
		{"/..", "!" + ambiguous}, {"/../a", "!" + ambiguous}, {"/a/../..", "!" + ambiguous}, {"/./../a", "!" + ambiguous},
		{"/..%3B/a", "!" + ambiguous}, {"/a/..%2fb", "!" + ambiguous}, {"/a/..;/b", "!" + ambiguous},
	})
	readings(t, Rules{DotSegments: Resolve, EmptySegments: Merge}, []reading{
		{"/a//../b", "/b"}, {"/a/..//b", "/b"}, {"//..", "!" + ambiguous}, {"//./a", "/a"},
	})
	readings(t, Rules{DotSegments: Resolve, EmptySegments: Keep}, []reading{
		{"/a/../b", "/b"}, {"/a//./b", "/a//b"}, {"/a//../b", "!" + ambiguous}, {"/a/..//b", "//b"}, // one reader takes "a" away, another nothing
	})
	readings(t, Rules{DotSegments: Resolve, EncodedSlash: Keep, Parameters: Keep, EmptySegments: Keep}, []reading{
		{"/a%2Fb/../c", "!" + ambiguous}, {"/a;v=1/../c", "/c"}, {"/;v/../c", "!" + ambiguous}, {"/%3Bv/../c", "/c"},
	})
}

func TestEncodedSlashesMayBeKept(t *testing.T) {
	readings(t, Rules{EncodedSlash: Keep}, []reading{
		{"/a%2fb", "/a%2Fb"}, {"/p/https:%2F%2Fh%2Fa", "/p/https:%2F%2Fh%2Fa"}, {"/a/b%2F", "/a/b%2F"}, {"/a%2Fb/c", "/a%2Fb/c"},
		// What a decoder would see as a dot segment, or as two slashes.
		{"/a%2F..%2Fb", "!" + ambiguous}, {"/..%2Fa", "!" + ambiguous}, {"/a%2F.", "!" + ambiguous}, {"/a%2F%2e%2E", "!" + ambiguous},
		{"/%2Fevil.example", "!" + ambiguous}, {"/a%2F/b", "!" + ambiguous}, {"/%2F", "!" + ambiguous}, {"/a%2F..%3Bx%2Fb", "!" + ambiguous},
		{"/a%5Cb", "!" + ambiguous},
	})
	readings(t, Rules{EncodedSlash: Keep, EmptySegments: Keep, Parameters: Keep}, []reading{
		{"/%2Fa", "/%2Fa"}, {"/a%2F/b", "/a%2F/b"}, {"/;%2F..%2Fb", "!" + ambiguous}, {"/;%2Fb", "/;%2Fb"},
	})
}

func TestParametersMayBeKept(t *testing.T) {
	readings(t, Rules{Parameters: Keep}, []reading{
		{"/a;v=1/b;w", "/a;v=1/b;w"}, {"/a%3Bv", "/a%3Bv"}, {"/;jsessionid=1", "/;jsessionid=1"}, {"/a;%61", "/a;a"},
		{"/;a/b", "!" + ambiguous}, {"/..;/a", "!" + ambiguous}, {"/.;x/a", "!" + ambiguous}, {"/a/..;x", "!" + ambiguous}, {"/...;/a", "/...;/a"},
	})
}

// rulesOf makes rules of a number: every number is a set of them.
func rulesOf(n uint8) Rules {
	return Rules{
		EmptySegments: [...]Rule{Refuse, Merge, Keep}[n%3], DotSegments: [...]Rule{Refuse, Resolve}[n/3%2],
		EncodedSlash: [...]Rule{Refuse, Keep}[n/6%2], Parameters: [...]Rule{Refuse, Keep}[n/12%2],
	}
}

const allRules = 24

func FuzzCanonical(f *testing.F) {
	for _, path := range []string{
		"/", "*", plainPath, "/%61/b[1]", "/a/../b//c;d", "/%C3%A4%2f..%3b/", "//;%2F.", "/a/./../b", "/..;/", "/%ED%A0%80", "/%2e%2E%5c", "/;/../%2F%2F",
	} {
		for n := range uint8(allRules) {
			f.Add(path, n)
		}
	}
	f.Fuzz(func(t *testing.T, path string, n uint8) { agrees(t, path, rulesOf(n)) })
}

// agrees compares with the reference, and sees to it that a canonical form is its own.
func agrees(t *testing.T, path string, r Rules) {
	t.Helper()
	got := read(t, r, path)
	want, fine := reference(path, r)
	switch {
	case path == "*":
		return
	case fine != (got[0] != '!') || fine && got != want:
		t.Fatalf("%q with %+v: got %q, the reference has %q %v", path, r, got, want, fine)
	}
	if !fine {
		return
	}
	if again := read(t, r, got); again != got {
		t.Fatalf("%q with %+v: %q becomes %q", path, r, got, again)
	}
	if r == (Rules{}) {
		// What the strictest rules let through is the same under all others.
		for n := range uint8(allRules) {
			if other := read(t, rulesOf(n), path); other != got {
				t.Fatalf("%q is %q, with %+v %q", path, got, rulesOf(n), other)
			}
		}
	}
}

func TestCanonicalAllocatesNothing(t *testing.T) {
	all := Rules{EmptySegments: Merge, DotSegments: Resolve, EncodedSlash: Keep, Parameters: Keep}
	for _, path := range []string{plainPath, "/%61%c3%a4[|]", "/a//b/../c;d%2fe", "/|||||||", "/%00", "/..;"} {
		in, dst := []byte(path), make([]byte, 0, 3*len(path))
		if n := testing.AllocsPerRun(1000, func() { _, _, _ = all.Canonical(dst, in) }); n != 0 {
			t.Errorf("%q: allocates %v times", path, n)
		}
	}
}

func TestTheFormStandsBehindWhatWasThere(t *testing.T) {
	dst := make([]byte, 2, 64)
	copy(dst, "ab")
	got, changed, f := (&Rules{}).Canonical(dst, []byte("/%61"))
	if string(got) != "/a" || !changed || f != nil || !bytes.Equal(dst[:4], []byte("ab/a")) {
		t.Fatalf("got %q %v %v in %q", got, changed, f, dst[:4])
	}
	if out := append(got, "?q"...); &out[0] != &dst[:3][2] {
		t.Error("there is no room left behind the form")
	}
}

func TestLiteralsOfOperators(t *testing.T) {
	for _, c := range []reading{
		{"/", "/"}, {"/a", "/a"}, {"/a b", "/a%20b"}, {"/ä", "/%C3%A4"}, {"/%c3%a4", "/%C3%A4"}, {"/{a}", "/%7Ba%7D"}, {"/%61[", "/a%5B"},
		{"/a//b", "/a//b"}, {"/a%2fb", "/a%2Fb"}, {"/a;b", "/a;b"}, {"/a?b", "/a%3Fb"},
		{"/a/../b", "!" + ambiguous}, {"/.", "!" + ambiguous}, {"/a\\b", "!" + ambiguous}, {"/a\x00", "!" + ambiguous}, {"/\xff", "!" + ambiguous}, {"/%zz", "!bad_target"}, {"a", "!bad_target"},
	} {
		got, f := Literal(c.path)
		if f != nil {
			got = "!" + f.Name
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.path, got, c.want)
		}
	}
	if _, f := Literal("/.."); f != http7.AmbiguousPath {
		t.Errorf("got %v", f)
	}
}
