package paths

import "testing"

// plainPath has 40 bytes, none of which needs a second look.
const plainPath = "/v1/tenants/acme-corp/orders/1234567/line"

var benchPaths = []struct{ name, path string }{
	{"plain", plainPath},
	{"dotted", "/static/app-7f3a9c.min.js/a.b/c.d/e.f/gh"},
	{"escapes", "/a%20file/%C3%A4rger/%7euser/b%2Ac/d/e/f"},
	{"long", "/" + plainPath[1:] + plainPath + plainPath + plainPath + plainPath},
}

func BenchmarkCanonical(b *testing.B) {
	for _, c := range benchPaths {
		b.Run(c.name, func(b *testing.B) {
			path, dst := []byte(c.path), make([]byte, 0, 3*len(c.path))
			b.SetBytes(int64(len(path)))
			b.ReportAllocs()
			var r Rules
			for b.Loop() {
				if _, _, f := r.Canonical(dst, path); f != nil {
					b.Fatal(f)
				}
			}
		})
	}
}
