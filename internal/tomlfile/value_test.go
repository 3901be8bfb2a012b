package tomlfile

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
)

// leaf has one field of each kind that a default may have.
type leaf struct {
	Text    string            `toml:"text"`
	Number  int               `toml:"number"`
	On      bool              `toml:"on"`
	Span    conf.Duration     `toml:"span"`
	Limit   conf.Limit        `toml:"limit"`
	Maybe   *conf.Size        `toml:"maybe"`
	Status  conf.StatusSet    `toml:"status"`
	Address conf.Address      `toml:"address"`
	Token   conf.Secret       `toml:"token"`
	List    []string          `toml:"list"`
	Map     map[string]string `toml:"map"`
	Twig    *twig             `toml:"twig"`
	Plain   twig              `toml:"plain"`
	Hidden  string            `toml:"-"`
	private string
}

type twig struct {
	A string `toml:"a"`
}

const zeroLeaf = "number = 0\non = false\nspan = \"0s\"\nlimit = 0\n"

func TestWhatIsEmptyIsNotWritten(t *testing.T) {
	status, _ := conf.Statuses("204")
	address, _ := conf.ParseAddress(":80")
	size := conf.Bytes(1024)
	for _, c := range []struct {
		name  string
		value leaf
		want  string
	}{
		{"nothing", leaf{}, zeroLeaf},
		{"what has no key", leaf{Hidden: "x", private: "y"}, zeroLeaf},
		{"a text", leaf{Text: "x"}, "text = \"x\"\n" + zeroLeaf},
		{"a number that is not zero", leaf{Number: -3, On: true}, "number = -3\non = true\nspan = \"0s\"\nlimit = 0\n"},
		{"a duration and a limit", leaf{Span: conf.Dur(time.Minute), Limit: conf.OffLimit}, "number = 0\non = false\nspan = \"1m\"\nlimit = \"off\"\n"},
		{"a pointer", leaf{Maybe: &size}, zeroLeaf + "maybe = \"1KiB\"\n"},
		{"one status", leaf{Status: status}, zeroLeaf + "status = 204\n"},
		{"an address", leaf{Address: address}, zeroLeaf + "address = \":80\"\n"},
		{"a list", leaf{List: []string{"a", ""}}, zeroLeaf + "list = [\"a\", \"\"]\n"},
		{"a list that is empty, not absent", leaf{List: []string{}}, zeroLeaf + "list = []\n"},
		{"a map, sorted", leaf{Map: map[string]string{"b": "", "a": "1"}}, zeroLeaf + "\n[map]\na = \"1\"\nb = \"\"\n"},
		{"a map that is empty, not absent", leaf{Map: map[string]string{}}, zeroLeaf + "\n[map]\n"},
		{"a table that is empty, not absent", leaf{Twig: &twig{}}, zeroLeaf + "\n[twig]\n"},
		{"a table", leaf{Plain: twig{"x"}}, zeroLeaf + "\n[plain]\na = \"x\"\n"},
		{"a secret's variable", leaf{Token: conf.Secret{Env: "A"}}, zeroLeaf + "\n[token]\nenv = \"A\"\n"},
		{"a secret's file", leaf{Token: conf.Secret{File: "/a"}}, zeroLeaf + "\n[token]\nfile = \"/a\"\n"},
		{"a secret's mask", leaf{Token: conf.SecretText("hunter2")}, zeroLeaf + "token = \"***\"\n"},
	} {
		if got := string(Write(FromValue(c.value))); got != c.want {
			t.Errorf("%s is written as\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestNothingAtAllIsAnEmptyTable(t *testing.T) {
	for _, v := range []any{twig{}, &twig{}, (*twig)(nil), map[string]string(nil)} {
		if n := FromValue(v); n == nil || n.Kind != Table || len(n.Keys) != 0 {
			t.Errorf("%#v is %+v, want an empty table", v, n)
		}
	}
}

func TestATypeThatNoConfigHoldsIsAMistakeInTheProgram(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), "no config holds a chan int") {
			t.Errorf("recovered %v", r)
		}
	}()
	FromValue(struct {
		C chan int `toml:"c"`
	}{make(chan int)})
}

func TestValuesWithoutAPlaceAreReportedAtWhatIsWritten(t *testing.T) {
	root, r := parsed(t, "# nothing\n[plain]\n")
	root.Fill(FromValue(leaf{Plain: twig{"x"}, Span: conf.Dur(time.Second)}))
	p := conf.NewProblems()
	p.In("plain").Add("a", "a default is wrong", "")
	p.Add("span", "so is this", "")
	r.Place(root, p.List())
	got := all(r)
	for _, want := range []string{"x.toml:2:1: plain.a: a default is wrong\n    [plain]\n", "x.toml:1:1: span: so is this\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

func TestNumbersAreReadAsTOMLDoes(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		text string
		want any
	}{
		{Integer, "0", int64(0)},
		{Integer, "+7", int64(7)},
		{Integer, "-7", int64(-7)},
		{Integer, "1_000", int64(1000)},
		{Integer, "0x1F", int64(31)},
		{Integer, "0xdead_beef", int64(0xdeadbeef)},
		{Integer, "0o17", int64(15)},
		{Integer, "0b101", int64(5)},
		{Integer, "9223372036854775807", int64(9223372036854775807)},
		{Integer, "-9223372036854775808", int64(-9223372036854775808)},
		{Integer, "9223372036854775808", nil},
		{Integer, "007", nil},
		{Integer, "-0x1", nil},
		{Integer, "0z1", nil},
		{Integer, "1__0", nil},
		{Integer, "_1", nil},
		{Integer, "1_", nil},
		{Float, "1.5", 1.5},
		{Float, "-1e3", -1000.0},
		{Float, "1_0.2_5", 10.25},
		{Float, "0.5e-1", 0.05},
		{Float, "1e999", nil},
		{Float, "01.5", nil},
		{Float, "1.", nil},
		{Float, "1._5", nil},
	} {
		got, err := parseNumber(&Node{Kind: c.kind, Text: c.text})
		if c.want == nil && err == nil || c.want != nil && got != c.want {
			t.Errorf("%s is %v (%v), want %v", c.text, got, err, c.want)
		}
	}
}

// FuzzNumber: no literal makes the reading panic, and a whole number is one in Go too.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-1", "0x", "1_0", "1e5", ".", "+", "", "0b2", "nan"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []Kind{Integer, Float} {
			v, err := parseNumber(&Node{Kind: kind, Text: s})
			if _, whole := v.(int64); err == nil && whole != (kind == Integer) {
				t.Fatalf("%q of kind %d is a %T", s, kind, v)
			}
		}
	})
}

func TestKeysOfEmbeddedStructsAreTheStructsOwn(t *testing.T) {
	var keys []string
	v := reflect.ValueOf(box{Embedded: Embedded{Weight: 3}, Label: "x"})
	for _, f := range fieldsOf(v.Type()) {
		keys = append(keys, f.key+" "+v.FieldByIndex(f.index).Type().String())
	}
	if got := strings.Join(keys, ", "); got != "weight int, secret conf.Secret, label string" {
		t.Errorf("the keys are %s", got)
	}
}

func TestSecretsAreFoundWhereverTheyLie(t *testing.T) {
	type deep struct {
		One  conf.Secret            `toml:"one"`
		Maps map[string]*box        `toml:"maps"`
		Rows []*box                 `toml:"rows"`
		Ptr  *box                   `toml:"ptr"`
		List []conf.Secret          `toml:"list"`
		Nest map[string]*[]box      `toml:"-"`
		None map[string]conf.Prefix `toml:"none"`
	}
	var d deep
	text := `one = { file = "` + secretFile(t) + `" }
list = [{ env = "TOKEN" }, "plain text"]
[maps.a]
secret.env = "TOKEN"
[[rows]]
secret = { env = "TOKEN" }
[ptr]
secret = "${TOKEN}"
[none]
`
	if got := decode(t, text, &d); got != "" {
		t.Fatal(got)
	}
	for name, got := range map[string]conf.Secret{
		"one": d.One, "list[0]": d.List[0], "maps.a": d.Maps["a"].Secret, "rows[0]": d.Rows[0].Secret, "ptr": d.Ptr.Secret,
	} {
		if got.Reveal() != "hunter2hunter2" {
			t.Errorf("%s is %q", name, got.Reveal())
		}
	}
	if d.List[1].Reveal() != "plain text" {
		t.Errorf("list[1] is %q", d.List[1].Reveal())
	}
}

func secretFile(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/secret"
	if err := os.WriteFile(path, []byte("hunter2hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
