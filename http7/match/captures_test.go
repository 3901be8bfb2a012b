package match

import (
	"strings"
	"testing"

	"weir/http7"
)

// captured lists what Find leaves in x.
func captured(x *http7.Exchange) string {
	var list []string
	for i := range x.Captures.Len() {
		name, value := x.Captures.At(i)
		list = append(list, name+"="+string(value))
	}
	return strings.Join(list, " ")
}

func TestPatternsCaptureTheirNames(t *testing.T) {
	for _, c := range []struct{ pattern, path, want string }{
		{"/a", "/a", ""},
		{"/*", "/", "rest="},
		{"/*", "/a/b", "rest=a/b"},
		{"/*", "*", "rest="},
		{"", "/a", "rest=a"},
		{"/a/*", "/a", "rest="},
		{"/a/*", "/a/", "rest="},
		{"/a/*", "/a/b/", "rest=b/"},
		{"/v1/order/{id}", "/v1/order/4711", "id=4711"},
		{"/{a}/x/{b}", "/1/x/2", "a=1 b=2"},
		{"/{a}/{b}/*", "/1/2", "a=1 b=2 rest="},
		{"/{a}/{b}/*", "/1/2/3/4", "a=1 b=2 rest=3/4"},
		{"/{a}", "/%20", "a=%20"},
		{`~^/a/(?P<n>\d+)(?P<m>x)?$`, "/a/12", "n=12 m="},
		{`~^/a/(\d+)/(?P<n>.*)$`, "/a/12/b/c", "n=b/c"},
		{`~^/a/(\d+)$`, "/a/12", ""},
	} {
		r := path(c.pattern)
		if c.pattern == "" {
			r.Paths = nil
		}
		x := ask("GET", "h", c.path)
		if found(t, x, r) == "none" {
			t.Errorf("%q does not take %q", c.pattern, c.path)
		}
		if got := captured(x); got != c.want {
			t.Errorf("%q of %q captures %q, want %q", c.pattern, c.path, got, c.want)
		}
	}
}

func TestASegmentIsNeverEmpty(t *testing.T) {
	for _, p := range []string{"/", "/a/", "//a"} {
		if got := found(t, ask("GET", "h", p), path("/{x}"), path("/a/{x}"), path("/{x}/a")); got != "none" {
			t.Errorf("%q: found %s", p, got)
		}
	}
}

func TestEscapesOfAPatternAreThoseOfTheCanonicalPath(t *testing.T) {
	for _, c := range []struct{ pattern, path string }{
		{"/%61/%c3%bc", "/a/%C3%BC"},
		{"/%7euser/*", "/~user/x"},
		{"/%3b/{x}", "/%3B/1"},
		{"/a%20b", "/a%20b"},
	} {
		if found(t, ask("GET", "h", c.path), path(c.pattern)) == "none" {
			t.Errorf("%q does not take %q", c.pattern, c.path)
		}
	}
}

func TestNothingIsCapturedWithoutARoute(t *testing.T) {
	table, _ := Compile([]*http7.Route{path("/{a}")})
	x := ask("GET", "h", "/1")
	table.Find(x, x.Method)
	x.Path = []byte("/1/2")
	if f := table.Find(x, x.Method); f.Route != nil || x.Captures.Len() != 0 {
		t.Fatalf("found %v with %q", f.Route, captured(x))
	}
}

func TestMoreNamesThanThereIsRoomForAreLeftOut(t *testing.T) {
	r := path(strings.Repeat("/{a}", 20) + "/*")
	x := ask("GET", "h", strings.Repeat("/1", 20))
	if found(t, x, r) == "none" || x.Captures.Len() != http7.MaxCaptures {
		t.Fatalf("captured %q", captured(x))
	}
}

func TestAPatternMayBeAsDeepAsItLikes(t *testing.T) {
	for _, depth := range []int{1, 62, 63, 64, 65, 200} {
		head := strings.Repeat("/a", depth)
		exact, prefix, segment := path(head), path(head+"/*"), path(head+"/{x}")
		for p, want := range map[string]*http7.Route{
			head: exact, head + "/": prefix, head + "/b": segment, head + "/b/c": prefix, head + "x": nil, head[2:]: nil,
		} {
			if got := found(t, ask("GET", "h", p), exact, prefix, segment); want == nil && got != "none" || want != nil && got != want.Name {
				t.Errorf("depth %d, %q: found %s", depth, p[max(0, len(p)-8):], got[max(0, len(got)-20):])
			}
		}
	}
}
