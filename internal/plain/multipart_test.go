package plain_test

import (
	"errors"
	"io"
	"mime/multipart"
	"strings"
	"testing"

	"weir/internal/plain"
)

// split returns the names and contents of a form's parts.
func split(field, body string, most int) (string, error) {
	var got strings.Builder
	err := plain.Multipart(field, []byte(body), most, func(part *multipart.Part) error {
		name, err := plain.PartName(part)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(part)
		got.WriteString(name + "=" + string(text) + ";")
		return err
	})
	return got.String(), err
}

func part(head, text string) string {
	return "--x\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + text + "\r\n"
}

func TestMultipartBodiesThatEverybodyReadsAlike(t *testing.T) {
	const field = "multipart/form-data; boundary=x"
	for _, c := range []struct{ what, field, body, want string }{
		{"a field", field, part(`name="a"`, "1") + "--x--\r\n", "a=1;"},
		{"a type in capitals", `Multipart/Form-Data; Boundary="x"`, part(`name="a"`, "1") + "--x--", "a=1;"},
		{"a field and a file", field, part(`name="a"`, "1") + part(`name="f"; filename="a;*.txt"`, "two\nlines") + "--x--\r\n", "a=1;f=two\nlines;"},
		{"a file's name in both ways", field, part(`name=f; filename=a.txt; filename*=utf-8''a.txt`, "1") + "--x--\r\n", "f=1;"},
		{"a quote in a file's name", field, part(`name="f"; filename="a\"; name*=b.txt"`, "1") + "--x--\r\n", "f=1;"},
		{"a line break in front", field, "\r\n" + part(`name="a"`, "") + "--x--\r\n", "a=;"},
		{"no parts", field, "--x--\r\n", ""},
		{"bytes that are no text", field, part(`name="f"`, "\xff\x00--y") + "--x--\r\n", "f=\xff\x00--y;"},
	} {
		if got, err := split(c.field, c.body, 10); err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", c.what, got, err, c.want)
		}
	}
}

func TestMultipartBodiesThatReadersDifferAbout(t *testing.T) {
	const field = "multipart/form-data; boundary=x"
	one := part(`name="a"`, "1")
	for _, c := range []struct {
		what, field, body string
		want              error
	}{
		{"no boundary", "multipart/form-data", one + "--x--", plain.ErrNotMultipart},
		{"an empty boundary", `multipart/form-data; boundary=""`, one + "--x--", plain.ErrNotMultipart},
		{"a boundary in pieces", "multipart/form-data; boundary=y; boundary*0=x", one + "--x--", plain.ErrNotMultipart},
		{"a boundary in a character set", "multipart/form-data; boundary=y; boundary*=utf-8''x", one + "--x--", plain.ErrNotMultipart},
		{"a boundary with an escape", `multipart/form-data; boundary="\x"`, one + "--x--", plain.ErrNotMultipart},
		{"a long boundary", "multipart/form-data; boundary=" + strings.Repeat("x", 71), one + "--x--", plain.ErrNotMultipart},
		{"two boundaries", "multipart/form-data; boundary=x; boundary=y", one + "--x--", plain.ErrNotMultipart},
		{"another type", "text/plain; boundary=x", one + "--x--", plain.ErrNotMultipart},
		{"nothing", field, "", plain.ErrNotMultipart},
		{"no end", field, one, plain.ErrNotMultipart},
		{"something in front", field, "a=1\r\n" + one + "--x--", plain.ErrNotMultipart},
		{"something behind", field, one + "--x--\r\na=1", plain.ErrNotMultipart},
		{"a part behind the end", field, one + "--x--\r\n" + one + "--x--\r\n", plain.ErrNotMultipart},
		{"a boundary after a bare LF", field, part(`name="f"; filename="f"`, "1\n--x\nContent-Disposition: form-data; name=a\n\n2\n") + "--x--", plain.ErrNotMultipart},
		{"a boundary within a line", field, part(`name="f"`, "1 --x") + "--x--", plain.ErrNotMultipart},
		{"a head that is none", field, "--x\r\nwhat\r\n\r\n1\r\n--x--", plain.ErrNotMultipart},
		{"many parts", field, strings.Repeat(one, 11) + "--x--", plain.ErrParts},
		{"no disposition", field, "--x\r\nX: y\r\n\r\n1\r\n--x--", plain.ErrPart},
		{"two dispositions", field, "--x\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n1\r\n--x--", plain.ErrPart},
		{"another disposition", field, "--x\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--x--", plain.ErrPart},
		{"no name", field, part(`filename="a"`, "1") + "--x--", plain.ErrPart},
		{"two names", field, part(`name=a; name=b`, "1") + "--x--", plain.ErrPart},
		{"a name in both ways", field, part(`name="a"; name*=utf-8''b`, "1") + "--x--", plain.ErrPart},
		{"a name in pieces", field, part(`name="a"; name*0=b`, "1") + "--x--", plain.ErrPart},
		{"a file's name in the extended way alone", field, part(`name="a"; filename*=utf-8''b`, "1") + "--x--", plain.ErrPart},
		{"a file's name in pieces", field, part(`name="a"; filename="b"; filename*0=b`, "1") + "--x--", plain.ErrPart},
	} {
		if got, err := split(c.field, c.body, 10); !errors.Is(err, c.want) {
			t.Errorf("%s: %q, %v; want %v", c.what, got, err, c.want)
		}
	}
}

// Whatever is taken has its boundary once for each part and once for the end.
func FuzzMultipart(f *testing.F) {
	f.Add("multipart/form-data; boundary=x", part(`name="a"`, "1")+"--x--\r\n")
	f.Add("multipart/form-data; boundary=x", part(`name="f"; filename="a"; filename*=utf-8''a`, "1\n--x\n")+"--x--\r\n")
	f.Add(`multipart/form-data; boundary="-"`, "-----\r\n")
	f.Fuzz(func(t *testing.T, field, body string) {
		parts := 0
		err := plain.Multipart(field, []byte(body), 10, func(p *multipart.Part) error {
			parts++
			_, _ = plain.PartName(p)
			return nil
		})
		if err == nil && strings.Count(body, "--") < parts+1 {
			t.Errorf("%q: %d parts of %q", field, parts, body)
		}
	})
}
