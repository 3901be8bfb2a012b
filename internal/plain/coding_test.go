package plain_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	brrr "github.com/molecule-man/go-brrr"

	"weir/internal/plain"
)

const text = `{"q":"1' OR 1=1--"}`

// written returns what a writer that open makes for buf makes of text.
func written(t testing.TB, text string, open func(buf io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := open(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(t testing.TB, text string) []byte {
	return written(t, text, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

func zlibbed(t testing.TB, text string) []byte {
	return written(t, text, func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil })
}

func deflated(t testing.TB, text string) []byte {
	return written(t, text, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) })
}

func brotlied(t testing.TB, text string) []byte {
	return written(t, text, func(w io.Writer) (io.WriteCloser, error) { return brrr.NewWriter(w, 4) })
}

func zstded(t testing.TB, text string) []byte {
	return written(t, text, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
}

func TestEveryCodingIsUndone(t *testing.T) {
	for _, c := range []struct {
		codings string
		body    []byte
	}{
		{"", []byte(text)},
		{"identity", []byte(text)},
		{"Identity , ", []byte(text)},
		{"gzip", gzipped(t, text)},
		{"X-GZip", gzipped(t, text)},
		{"deflate", zlibbed(t, text)},
		{"deflate", deflated(t, text)},
		{"br", brotlied(t, text)},
		{"zstd", zstded(t, text)},
		{"gzip, br", brotlied(t, string(gzipped(t, text)))},
		{"gzip,identity,gzip", gzipped(t, string(gzipped(t, text)))},
		{"gzip", append(gzipped(t, text[:5]), gzipped(t, text[5:])...)}, // two members are one body (RFC 1952 §2.2)
	} {
		got, err := plain.Decode(c.codings, c.body, 1<<10)
		if err != nil || string(got) != text {
			t.Errorf("%q: %q, %v", c.codings, got, err)
		}
	}
}

func TestWhatCanNotBeReadIsAnError(t *testing.T) {
	whole := gzipped(t, text)
	for _, c := range []struct {
		what, codings string
		body          []byte
		want          error
	}{
		{"an unknown coding", "compress", []byte(text), plain.ErrUnknownCoding},
		{"one unknown of two", "gzip, rot13", whole, plain.ErrUnknownCoding},
		{"codings without end", "gzip, gzip, gzip", whole, plain.ErrUnknownCoding},
		{"plain text under gzip", "gzip", []byte(text), plain.ErrBroken},
		{"plain text under br", "br", []byte(text), plain.ErrBroken},
		{"plain text under zstd", "zstd", []byte(text), plain.ErrBroken},
		{"plain text under deflate", "deflate", []byte(text), plain.ErrBroken},
		{"an empty body under gzip", "gzip", nil, plain.ErrBroken},
		{"half of it", "gzip", whole[:len(whole)/2], plain.ErrBroken},
		{"something behind gzip", "gzip", append(bytes.Clone(whole), "&q=x"...), plain.ErrBroken},
		{"something behind zlib", "deflate", append(zlibbed(t, text), "&q=x"...), plain.ErrBroken},
		{"something behind deflate", "deflate", append(deflated(t, text), "&q=x"...), plain.ErrBroken},
		{"something behind br", "br", append(brotlied(t, text), "&q=x"...), plain.ErrBroken},
		{"something behind zstd", "zstd", append(zstded(t, text), "&q=x"...), plain.ErrBroken},
		{"a long body", "", bytes.Repeat([]byte("a"), 1025), plain.ErrTooLong},
	} {
		if got, err := plain.Decode(c.codings, c.body, 1<<10); err != c.want {
			t.Errorf("%s: %q, %v, want %v", c.what, got, err, c.want)
		}
	}
}

func TestABombIsNotUnpacked(t *testing.T) {
	zeros := strings.Repeat("\x00", 4<<20)
	for coding, body := range map[string][]byte{
		"gzip": gzipped(t, zeros), "deflate": zlibbed(t, zeros), "br": brotlied(t, zeros), "zstd": zstded(t, zeros),
	} {
		if _, err := plain.Decode(coding, body, 64<<10); err != plain.ErrTooLong {
			t.Errorf("%s: %v, want too long", coding, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("gzip", gzipped(f, text))
	f.Add("deflate", zlibbed(f, text))
	f.Add("deflate", deflated(f, text))
	f.Add("br", brotlied(f, text))
	f.Add("zstd", zstded(f, text))
	f.Add("gzip, br", brotlied(f, string(gzipped(f, text))))
	f.Fuzz(func(t *testing.T, codings string, body []byte) {
		got, err := plain.Decode(codings, body, 4<<10)
		if err == nil && len(got) > 4<<10 || err != nil && got != nil {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
}
