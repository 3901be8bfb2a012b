package scenario

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"weir/bench"
	"weir/internal/testkit"
)

// load parses a scenario that must be good; its files are those of testdata.
func load(t testing.TB, text string) *Scenario {
	t.Helper()
	s, r := Parse("testdata/test.toml", []byte(text), os.ReadFile)
	if r.Failed() {
		t.Fatalf("a good scenario is refused:\n%s", r)
	}
	return s
}

// parts returns the request of a turn.
func parts(s *Scenario, seed uint64, n int64) bench.Request {
	var r bench.Request
	s.Maker(bench.Parts, "t", seed).Fill(n, &r)
	return r
}

func TestEveryTemplateBecomesItsValue(t *testing.T) {
	for _, c := range []struct{ template, want string }{
		{"plain", `^plain$`},
		{"$ costs $5 and $${counter}", `^\$ costs \$5 and \$\{counter\}$`},
		{"$$${counter}", `^\$\$\{counter\}$`},
		{"${counter}", `^7$`},
		{"${counter 1000}", `^1007$`},
		{"${counter -7}", `^0$`},
		{"${ counter }", `^7$`},
		{"${random 5 5}", `^5$`},
		{"${random -3 -1}", `^-[123]$`},
		{"${random -9223372036854775808 9223372036854775807}", `^-?\d+$`},
		{"${string 25}", `^[A-Za-z0-9]{25}$`},
		{"${hex 7}", `^[0-9a-f]{7}$`},
		{"${uuid}", `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
		{"${choice red 'light } blue'}", `^(red|light \} blue)$`},
		{"${choice ''}x", `^x$`},
		{"${time}", `^1234$`},
		{"${users.id}:${users.name}", `^2:Böb$`},
		{"${url users.name}", `^B%C3%B6b$`},
		{"${json users.name}", `^Böb$`},
		{"${url choice 'a b/c'}", `^a%20b%2Fc$`},
		{`${json choice 'say "\'}`, `^say \\"\\\\$`},
		{`{"a": {"b": ${counter}}}`, `^\{"a": \{"b": 7\}\}$`},
		{"${raw counter}${url uuid}", `^7[0-9a-f-]{36}$`},
	} {
		s := load(t, "[data.users]\nfile = \"users.csv\"\n[[requests]]\npath = \"/\"\nbody = '''"+c.template+"'''\n")
		s.now = func() int64 { return 1234 }
		if got := string(parts(s, 1, 7).Body); !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%s gave %q, want %s", c.template, got, c.want)
		}
	}
}

func TestValuesInAPathAreEncodedUnlessTheyAreRaw(t *testing.T) {
	s := load(t, `
[data.users]
file = "users.csv"
[data.pages]
file = "pages.csv"
[[requests]]
name = "a"
path = "/u/${users.name}?q=${choice 'a&b=c'}"
[[requests]]
name = "b"
path = "${raw pages.path}"
`)
	seen := map[string]bool{}
	for n := range int64(60) {
		r := parts(s, 3, n)
		seen[string(r.Path)] = true
	}
	for _, want := range []string{"/u/Ann%20%22A.%22%20Lee?q=a%26b%3Dc", "/u/B%C3%B6b?q=a%26b%3Dc", "/u/Cy?q=a%26b%3Dc", "/a/b?c=d", "/e%20f"} {
		if !seen[want] {
			t.Errorf("no path %s among %v", want, seen)
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d paths: %v", len(seen), seen)
	}
}

func TestARowIsTheSameInAllOfATurn(t *testing.T) {
	for _, order := range []string{"sequential", "random"} {
		s := load(t, "[data.users]\nfile = \"users.csv\"\norder = \""+order+"\"\n"+`
[[requests]]
path = "/${users.id}"
headers = { Authorization = "Bearer ${users.token}" }
body = "${users.id}"
`)
		rows := map[string]int{}
		for n := range int64(300) {
			r := parts(s, 5, n)
			id := string(r.Body)
			rows[id]++
			if string(r.Path) != "/"+id || r.Header[0].Value != "Bearer t-"+id {
				t.Fatalf("%s: turn %d mixes rows: %s %v %s", order, n, r.Path, r.Header, id)
			}
			if want := fmt.Sprint(n%3 + 1); order == orderSequential && id != want {
				t.Fatalf("turn %d has row %s, want %s", n, id, want)
			}
		}
		for id, n := range rows {
			if n < 60 || n > 140 {
				t.Errorf("%s: row %s was taken %d times of 300, want about 100", order, id, n)
			}
		}
	}
}

func TestWeightsAreKept(t *testing.T) {
	s := load(t, `
[[requests]]
name = "a"
weight = 70
path = "/a"
[[requests]]
name = "b"
weight = 29
path = "/b"
[[requests]]
name = "c"
path = "/c"
`)
	const turns = 100_000
	var got [3]float64
	for n := range int64(turns) {
		got[parts(s, 9, n).Class]++
	}
	for i, share := range []float64{0.70, 0.29, 0.01} {
		// Five standard deviations.
		if off := math.Abs(got[i]/turns - share); off > 5*math.Sqrt(share*(1-share)/turns) {
			t.Errorf("request %d has a share of %.4f, want %.2f", i, got[i]/turns, share)
		}
	}
}

const mixed = `
[data.users]
file = "users.csv"
order = "random"

[headers]
Accept = "*/*"
X-Turn = "${counter}"

[[requests]]
name = "fixed"
path = "/fixed"
host = "other.example:81"

[[requests]]
name = "templated"
path = "/${users.name}/${random 1 1000000}"
headers = { accept = ["text/html", "text/plain"], X-Id = "${uuid}" }

[[requests]]
name = "empty post"
method = "PUT"
path = "/put"

[[requests]]
name = "maybe empty"
method = "GET"
path = "/body"
body = "${choice '' abc}"

[[requests]]
name = "maybe empty post"
path = "/body"
body = "${choice '' abc}"

[[requests]]
name = "file"
path = "/file"
body_file = "order.json"

[[requests]]
name = "static post"
path = "/static"
headers = { X-Turn = "none" }
body = "static"
`

func TestTheWireFormIsThePartsAsAMessage(t *testing.T) {
	s := load(t, mixed)
	wire, apart := s.Maker(bench.Wire, "target:80", 11), s.Maker(bench.Parts, "target:80", 11)
	seen := map[int]bool{}
	var w, p bench.Request
	for n := range int64(500) {
		wire.Fill(n, &w)
		apart.Fill(n, &p)
		want := bench.AppendRequest(nil, &p, "target:80")
		if !bytes.Equal(w.Wire, want) {
			t.Fatalf("turn %d:\n%q\nwant\n%q", n, w.Wire, want)
		}
		if w.Class != p.Class || w.Method != p.Method || p.Wire != nil {
			t.Fatalf("turn %d: %d %s and %d %s", n, w.Class, w.Method, p.Class, p.Method)
		}
		seen[p.Class] = true
	}
	if len(seen) != len(s.Classes()) {
		t.Errorf("only %v of %v were sent", seen, s.Classes())
	}
}

func TestATurnIsTheSameWhoeverMakesIt(t *testing.T) {
	s := load(t, mixed)
	const turns = 200
	want := make([]string, turns)
	var r bench.Request
	m := s.Maker(bench.Wire, "t", 42)
	for n := range int64(turns) {
		m.Fill(n, &r)
		want[n] = string(r.Wire)
	}
	var all sync.WaitGroup
	for worker := range int64(4) {
		all.Go(func() {
			m, r := s.Maker(bench.Wire, "t", 42), bench.Request{}
			for n := int64(turns - 1 - worker); n >= 0; n -= 4 {
				if m.Fill(n, &r); string(r.Wire) != want[n] {
					t.Errorf("turn %d differs: %q and %q", n, r.Wire, want[n])
				}
			}
		})
	}
	all.Wait()
	other := s.Maker(bench.Wire, "t", 43)
	same := 0
	for n := range int64(turns) {
		if other.Fill(n, &r); string(r.Wire) == want[n] {
			same++
		}
	}
	if same > turns/2 {
		t.Errorf("%d of %d turns are the same with another seed", same, turns)
	}
}

func TestExpectationsJudgeAnswers(t *testing.T) {
	for _, c := range []struct {
		expect       string
		status       int
		body         string
		fine, wanted bool
	}{
		{"", 399, "", true, false},
		{"", 400, "", false, false},
		{"status = 404", 404, "", true, false},
		{"status = 404", 200, "", false, false},
		{`status = ["2xx", 404, "500-502"]`, 501, "", true, false},
		{`status = ["2xx", 404, "500-502"]`, 503, "", false, false},
		{`body.contains = "ok"`, 200, "it is ok.", true, true},
		{`body.contains = ["ok", "no"]`, 200, "it is ok.", false, true},
		{`body.equals = "ok"`, 200, "ok", true, true},
		{`body.equals = "ok"`, 200, "ok.", false, true},
		{`body.matches = '^\{.*\}$'`, 200, "{}", true, true},
		{`body.matches = '^\{.*\}$'`, 200, "[]", false, true},
		{`body.matches = "a"` + "\n" + `expect.body.contains = "b"`, 200, "ab", true, true},
		{`body.matches = "a"` + "\n" + `expect.body.contains = "b"`, 200, "a", false, true},
	} {
		text := "[[requests]]\npath = \"/\"\n"
		if c.expect != "" {
			text += "expect." + c.expect + "\n"
		}
		e := parts(load(t, text), 0, 0).Expect
		if e.WantsBody() != c.wanted {
			t.Errorf("%s: the body is wanted: %v", c.expect, e.WantsBody())
		}
		if fine := e.StatusFine(c.status) && (!e.WantsBody() || e.Body([]byte(c.body))); fine != c.fine {
			t.Errorf("%s: %d %q is fine: %v, want %v", c.expect, c.status, c.body, fine, c.fine)
		}
	}
}

func TestEveryWrongScenarioIsRefusedWithAllItsProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d wrong files (%v), want at least 12", len(files), err)
	}
	for _, file := range files {
		s, r := Load(file)
		if s != nil || !r.Failed() {
			t.Errorf("%s gave a Scenario; report:\n%s", file, r)
			continue
		}
		testkit.Golden(t, strings.TrimSuffix(file, ".toml")+".golden", r.String())
	}
}

func TestAMissingFileIsAProblemWithoutAPlace(t *testing.T) {
	s, r := Load("testdata/none.toml")
	if want := "testdata/none.toml can't be read: no such file or directory\n\n1 problem\n"; s != nil || r.String() != want {
		t.Errorf("report = %q, want %q", r, want)
	}
}

func TestAScenarioSaysWhatItSends(t *testing.T) {
	s := load(t, mixed)
	want := "7 requests: fixed 14.3%, templated 14.3%, empty post 14.3%, maybe empty 14.3%, maybe empty post 14.3%, file 14.3%, static post 14.3%; users: 3 rows"
	if got := s.String(); got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	unnamed := load(t, "[[requests]]\npath = \"/x\"\n[[requests]]\npath = \"/x\"\nbody = \"b\"\n")
	if got := fmt.Sprint(unnamed.Classes()); got != "[GET /x POST /x]" {
		t.Errorf("the names are %s", got)
	}
}

func TestTheReadmesExamplesLoad(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(examples) != 2 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, e := range examples {
		s := load(t, string(e[1]))
		for n := range int64(20) {
			if r := parts(s, 0, n); len(r.Path) == 0 || r.Method == "" {
				t.Errorf("turn %d of the example is %+v", n, r)
			}
		}
	}
	for _, f := range functions {
		if !bytes.Contains(text, []byte("`${"+f.name)) {
			t.Errorf("the README does not know ${%s}", f.name)
		}
	}
}

func TestARunSendsTheScenario(t *testing.T) {
	s := load(t, `
[[requests]]
name = "good"
weight = 3
path = "/good/${counter}"
body = "n=${counter}"
expect.body.equals = "good"
[[requests]]
name = "bad"
path = "/bad"
expect.status = 404
[[requests]]
name = "wrong"
path = "/wrong"
expect.body.contains = "something else"
`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch n, good := strings.CutPrefix(r.URL.Path, "/good/"); {
		case good && string(body) == "n="+n && r.Method == http.MethodPost:
			fmt.Fprint(w, "good")
		case r.URL.Path == "/wrong" && r.Method == http.MethodGet:
			fmt.Fprint(w, "this")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	report, err := bench.Run(context.Background(), bench.Config{Target: server.URL, Source: s.Source(), Connections: 3, Requests: 500})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Classes) != 3 || report.Requests != 500 {
		t.Fatalf("%d requests of %d classes", report.Requests, len(report.Classes))
	}
	good, bad, wrong := report.Classes[0], report.Classes[1], report.Classes[2]
	if good.OK < 200 || good.Failures.Total() > 0 || bad.OK < 50 || bad.Failures.Total() > 0 {
		t.Errorf("good: %d, %s; bad: %d, %s", good.OK, good.Failures, bad.OK, bad.Failures)
	}
	if wrong.OK > 0 || wrong.Failures[bench.Body] < 50 {
		t.Errorf("wrong: %d, %s", wrong.OK, wrong.Failures)
	}
}
