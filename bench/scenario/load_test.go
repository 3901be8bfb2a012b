package scenario

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"weir/bench"
)

// reading returns what reads files from memory.
func reading(files map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	}
}

func TestFilesAreRelativeToTheScenario(t *testing.T) {
	files := map[string]string{"/etc/load/users.csv": "id\n7\n", "/etc/load/sub/body.json": "{}", "/abs/body.json": "[]"}
	text := `
[data.users]
file = "users.csv"
[[requests]]
name = "a"
path = "/${users.id}"
body_file = "sub/body.json"
[[requests]]
name = "b"
path = "/b"
body_file = "/abs/body.json"
`
	s, r := Parse("/etc/load/shop.toml", []byte(text), reading(files))
	if r.Failed() {
		t.Fatal(r)
	}
	bodies := map[string]bool{}
	for n := range int64(50) {
		q := parts(s, 1, n)
		bodies[string(q.Path)+" "+q.Method+" "+string(q.Body)] = true
	}
	if !bodies["/7 POST {}"] || !bodies["/b POST []"] || len(bodies) != 2 {
		t.Errorf("sent: %v", bodies)
	}
}

func TestABodyFileIsSentAsItIs(t *testing.T) {
	content := "${counter}\x00\xff\r\n$${"
	s, r := Parse("x.toml", []byte("[[requests]]\npath = \"/\"\nbody_file = \"b\"\n"), reading(map[string]string{"b": content}))
	if r.Failed() {
		t.Fatal(r)
	}
	if got := string(parts(s, 1, 1).Body); got != content {
		t.Errorf("the body is %q", got)
	}
	empty, r := Parse("x.toml", []byte("[[requests]]\npath = \"/\"\nbody_file = \"b\"\n"), reading(map[string]string{"b": ""}))
	if q := parts(empty, 1, 1); r.Failed() || q.Method != "POST" || len(q.Body) > 0 {
		t.Errorf("an empty file gives %+v\n%s", q, r)
	}
}

func TestOwnHeadersReplaceSharedOnesWhateverTheirCase(t *testing.T) {
	s := load(t, `
headers = { X-A = "shared", X-B = ["1", "2"], X-C = "c" }
[[requests]]
path = "/"
headers = { x-a = "own", X-D = "d", "x-b" = "one" }
`)
	want := []bench.Field{{Name: "X-C", Value: "c"}, {Name: "x-a", Value: "own"}, {Name: "X-D", Value: "d"}, {Name: "x-b", Value: "one"}}
	if got := parts(s, 1, 1).Header; !reflect.DeepEqual(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
}

func TestFieldsGoOutInTheOrderOfWriting(t *testing.T) {
	s := load(t, `
[headers]
Z = "1"
A = ["2", "3"]
[[requests]]
path = "/"
[requests.headers]
Y = "4"
B = "5"
`)
	want := "[{Z 1} {A 2} {A 3} {Y 4} {B 5}]"
	if got := fmt.Sprint(parts(s, 1, 1).Header); got != want {
		t.Errorf("fields %s, want %s", got, want)
	}
}

func TestMethodsHaveTheirDefaults(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"", "GET"},
		{`body = "x"`, "POST"},
		{`body_file = "users.csv"`, "POST"},
		{`method = "GET"` + "\n" + `body = "x"`, "GET"},
		{`method = "DELETE"`, "DELETE"},
		{`method = "PURGE"`, "PURGE"},
	} {
		if got := parts(load(t, "[[requests]]\npath = \"/\"\n"+c.keys), 1, 1).Method; got != c.want {
			t.Errorf("%s: %s, want %s", c.keys, got, c.want)
		}
	}
}

func TestAHostIsAskedForInstead(t *testing.T) {
	s := load(t, "[[requests]]\npath = \"/\"\nhost = \"api.example.com:81\"\n")
	var r bench.Request
	s.Maker(bench.Wire, "target:80", 1).Fill(0, &r)
	if want := "GET / HTTP/1.1\r\nHost: api.example.com:81\r\n\r\n"; string(r.Wire) != want || r.Host != "api.example.com:81" {
		t.Errorf("%q with the host %q", r.Wire, r.Host)
	}
}

func TestASyntaxErrorIsAlone(t *testing.T) {
	s, r := Parse("x.toml", []byte("[[requests]]\npath = /\n"), reading(nil))
	if s != nil || len(r.Findings()) != 1 || r.Findings()[0].At.Nowhere() {
		t.Errorf("%v\n%s", s, r)
	}
}

func TestAFileThatCanNotBeReadIsNamedWithItsReason(t *testing.T) {
	denied := func(string) ([]byte, error) {
		return nil, &os.PathError{Op: "open", Path: "x", Err: fmt.Errorf("it is %w", errors.New("locked"))}
	}
	_, r := Parse("dir/x.toml", []byte("[data.u]\nfile = \"u.csv\"\n[[requests]]\npath = \"/${u.id}\"\nbody_file = \"b\"\n"), denied)
	for _, want := range []string{
		"dir/x.toml:2:8: data.u.file: dir/u.csv can't be read: locked",
		"dir/x.toml:5:13: requests[0].body_file: dir/b can't be read: locked",
		"2 problems",
	} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("no %q in\n%s", want, r)
		}
	}
}

func TestProblemsWithinATextArePlacedThere(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{`"/${x}"`, "2:10:"},
		{`'/${x}'`, "2:10:"},
		{`"/é%/${x}"`, "2:13:"},
		{"'''/\n/${x}'''", "3:2:"},
		{"'''\n/${x}'''", "3:2:"},
		{"\"\"\"\n/a/${x}\"\"\"", "3:4:"},
		{`"/\u0041${x}"`, "2:8:"}, // its spelling differs: the whole value
	} {
		_, r := Parse("x.toml", []byte("[[requests]]\nbody = "+c.value+"\npath = \"/\"\n"), reading(nil))
		if !strings.HasPrefix(r.String(), "x.toml:"+c.want) {
			t.Errorf("%s: %s, want the place %s", c.value, r, c.want)
		}
	}
}

func TestAByteOrderMarkIsPassedOver(t *testing.T) {
	text := "\xef\xbb\xbf[[requests]]\npath = \"/${x}\"\n"
	_, r := Parse("x.toml", []byte(text), reading(nil))
	if !strings.HasPrefix(r.String(), "x.toml:2:10: requests[0].path: there is no value \"x\"\n    path = \"/${x}\"\n             ^~~~\n") {
		t.Errorf("report:\n%s", r)
	}
}

func TestOneMistakeIsReportedOnce(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"[[requests]]\npaht = \"/\"\n", 1},
		{"[[requests]]\npath = 3\n", 1},
		{"[[requests]]\n", 1},
		{"", 1},
		{"requests = 3\n", 1},
		{"[data]\nu = \"u.csv\"\n[[requests]]\npath = \"/${u.id}\"\n", 1},
		{"[data.u]\nfile = \"none.csv\"\n[[requests]]\npath = \"/${u.id}/${u.name}\"\n", 1},
		{"[headers]\nX = \"${x}\"\n[[requests]]\npath = \"/a\"\n[[requests]]\npath = \"/b\"\n", 1},
		{"[[requests]]\npath = \"/\"\nexpect.status = \"2x\"\n", 1},
	} {
		_, r := Parse("x.toml", []byte(c.text), reading(nil))
		if n := len(r.Findings()); n != c.want {
			t.Errorf("%q: %d problems, want %d:\n%s", c.text, n, c.want, r)
		}
	}
}

// keysOf lists the keys of a config struct and of those within it, as the README writes them.
func keysOf(typ reflect.Type, above string) []string {
	var list []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		key := above + f.Tag.Get("toml")
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		switch {
		case inner.Kind() == reflect.Map && inner.Elem().Kind() == reflect.Pointer:
			list = append(list, keysOf(inner.Elem().Elem(), key+".NAME.")...)
		case inner.Kind() == reflect.Struct && inner.PkgPath() == typ.PkgPath():
			list = append(list, keysOf(inner, key+".")...)
		default:
			list = append(list, key)
		}
	}
	return list
}

func TestTheReadmeHasEveryKey(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := keysOf(reflect.TypeFor[Config](), "")
	if len(keys) < 15 {
		t.Fatalf("the keys are %v", keys)
	}
	for _, key := range keys {
		if !strings.Contains(string(text), "| `"+key+"` |") {
			t.Errorf("the README does not explain %s", key)
		}
	}
	for word := range encodings {
		if !strings.Contains(string(text), "`${"+word+" …}`") {
			t.Errorf("the README does not explain ${%s …}", word)
		}
	}
}

func TestLoadReadsFromTheDisk(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"u.csv": "id\n5\n", "x.toml": "[data.u]\nfile = \"u.csv\"\n[[requests]]\npath = \"/${u.id}\"\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, r := Load(filepath.Join(dir, "x.toml"))
	if r.Failed() || r.String() != "" || len(r.Findings()) > 0 {
		t.Fatal(r)
	}
	if got := string(parts(s, 1, 1).Path); got != "/5" {
		t.Errorf("the path is %s", got)
	}
	if s.Source().Classes()[0] != "GET /${u.id}" {
		t.Errorf("the name is %s", s.Classes()[0])
	}
}
