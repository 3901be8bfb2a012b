package scenario

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/bench"
	"weir/internal/tomlfile"
)

// FuzzTemplate: whatever the text, the parser ends, places its troubles inside it, and what it accepts renders.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "$", "${", "$${", "$$${", "${}", "${counter}", "${random 1 2}", "${random 2 1}", "${choice 'a", "${choice 'a'b}",
		"a${users.id}b", "${users.}", "${.}", "${raw}", "${raw raw}", "${json users.name}", "${string 0}", "${hex 65536}", "${\"}", "${ uuid}\n"} {
		f.Add(s)
	}
	users := &table{file: "users.csv", columns: []string{"id", "name"}, rows: 1, text: "1A", ends: []uint32{1, 2}}
	f.Fuzz(func(t *testing.T, s string) {
		site := uint64(0)
		p := parser{data: map[string]*table{"users": users}, site: &site}
		p.parse(s)
		for _, tr := range p.troubles {
			if tr.start < 0 || tr.start >= tr.end || tr.end > len(s) || tr.text == "" || tr.hint == "" {
				t.Fatalf("%q has the trouble %+v", s, tr)
			}
		}
		now := turn{ms: func() int64 { return 1 }}
		got := now.appendPieces(nil, p.pieces)
		if !strings.Contains(s, "${") && string(got) != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

// FuzzCSV: whatever the file, it is either a table whose values can all be read, or has a problem that prints.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"", "id\n1\n", "id,name\n1\n", "\xef\xbb\xbfid\r\n1\r\n", "id,id\n1,2\n", "a b\n1\n", "id\n\"1\n", "id\n\xff\n", "id\n", "id\na\"b\n", "\n\nid\n\n1\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &tomlfile.Report{}
		c := loadTable("x.csv", "data.x", text, 1, r)
		if c.broken != r.Failed() {
			t.Fatalf("broken: %v, report: %s", c.broken, r)
		}
		if r.Failed() {
			return
		}
		for row := range c.rows {
			for i := range c.columns {
				if v := c.value(row, i); len(v) > len(text) {
					t.Fatalf("%q", v)
				}
			}
		}
	})
}

// FuzzParse: whatever the file, the loader ends, and a scenario that it gives makes messages that are framed right.
func FuzzParse(f *testing.F) {
	f.Add([]byte(mixed))
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	read := func(path string) ([]byte, error) {
		if strings.HasSuffix(path, ".csv") {
			return []byte("id,name,token\n1,a b,t\n"), nil
		}
		return nil, os.ErrNotExist
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, r := Parse("x.toml", text, read)
		if (s == nil) != r.Failed() {
			t.Fatalf("scenario %v, report %s", s, r)
		}
		if s == nil {
			if r.String() == "" {
				t.Fatal("refused without a word")
			}
			return
		}
		var w, p bench.Request
		wire, apart := s.Maker(bench.Wire, "t", 1), s.Maker(bench.Parts, "t", 1)
		s.now = func() int64 { return 1 }
		for n := range int64(3) {
			wire.Fill(n, &w)
			apart.Fill(n, &p)
			head, _, whole := bytes.Cut(w.Wire, []byte("\r\n\r\n"))
			if lines := bytes.Count(head, []byte("\n")); !whole || lines < 1 || lines > len(p.Header)+2 {
				t.Fatalf("turn %d is %q, with %d fields", n, w.Wire, len(p.Header))
			}
			if len(p.Path) == 0 || p.Path[0] != '/' || bytes.ContainsAny(p.Path, " \r\n") {
				t.Fatalf("path %q", p.Path)
			}
		}
	})
}
