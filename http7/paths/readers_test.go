package paths

import (
	"math/rand/v2"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// readers are how servers read a path: what is decoded, and what is resolved and merged before a file
// or a handler is looked up.
var readers = []struct {
	name string
	read func(t *testing.T, p string) string
}{
	{"net/url, then path.Clean", func(t *testing.T, p string) string { return cleaned(decoded(t, p)) }},
	{"path.Clean, then net/url", func(t *testing.T, p string) string { return decoded(t, cleaned(p)) }},
	{"fasthttp", func(t *testing.T, p string) string {
		var u fasthttp.URI
		if err := u.Parse(nil, []byte(p)); err != nil {
			t.Fatalf("%q: %v", p, err)
		}
		return string(u.Path())
	}},
	{"parameters cut off, as servlet containers do", func(t *testing.T, p string) string {
		segments := strings.Split(p, "/")
		for i, s := range segments {
			segments[i], _, _ = strings.Cut(s, ";")
		}
		return cleaned(decoded(t, strings.Join(segments, "/")))
	}},
	{"backslashes as slashes", func(t *testing.T, p string) string {
		return cleaned(strings.ReplaceAll(decoded(t, p), `\`, "/"))
	}},
}

func decoded(t *testing.T, p string) string {
	t.Helper()
	out, err := url.PathUnescape(p)
	if err != nil {
		t.Fatalf("%q: %v", p, err)
	}
	return out
}

// cleaned resolves dots and merges slashes, and keeps a slash at the end.
func cleaned(p string) string {
	out := path.Clean(p)
	if strings.HasSuffix(p, "/") && out != "/" {
		out += "/"
	}
	return out
}

// TestReadersAgreeOnEveryPathThatIsLetThrough: under the default rules all readers see one path, in
// the form that is forwarded as in the one that came.
func TestReadersAgreeOnEveryPathThatIsLetThrough(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	agreed := 0
	for range 40_000 {
		p := randomPath(r)
		form := read(t, Rules{}, p)
		if form[0] == '!' {
			continue
		}
		agreed++
		want := decoded(t, p)
		for _, reader := range readers {
			for _, spelling := range []string{p, form} {
				if got := reader.read(t, spelling); got != want {
					t.Fatalf("%s reads %q as %q, not %q", reader.name, spelling, got, want)
				}
			}
		}
	}
	if agreed < 4_000 {
		t.Errorf("only %d paths were let through: the test sees little", agreed)
	}
}
