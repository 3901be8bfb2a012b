package errorpages

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/testkit"
)

// folder writes files and returns their folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pages compiles a table whose files are "name" for a file of that name with the text "<name>".
func pages(t testing.TB, table Config) []http7.Step {
	t.Helper()
	files, c := map[string]string{}, Config{}
	for _, list := range table {
		for _, name := range list {
			files[name] = "<" + name + ">"
		}
	}
	dir := folder(t, files)
	for key, list := range table {
		for _, name := range list {
			c[key] = append(c[key], filepath.Join(dir, name))
		}
	}
	steps, err := Compile(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

const request = "GET / HTTP/1.1\nHost: h\n"

// refuser answers with its fault.
type refuser struct{ fault *http7.Fault }

func (r refuser) Request(*http7.Exchange) http7.Verdict { return http7.Refuse(r.fault) }

// ask returns what a client gets: the page, or "own" for the answer as it was.
func ask(t *testing.T, steps []http7.Step, request, answer string) string {
	t.Helper()
	if answer != "" {
		answer += "\n"
	}
	r := testkit.Policy(t, steps, request+"\n", answer)
	if strings.HasPrefix(r.Body, "<") {
		return r.Body
	}
	return "own"
}

func TestTheSmallestSetOfStatusesThatHoldsTheStatusDecides(t *testing.T) {
	steps := pages(t, Config{"4xx": {"4xx.html"}, "404": {"404.html"}, "500-504": {"500.html"}, "502,503": {"502.html"}})
	for status, want := range map[string]string{
		"404 Not Found": "<404.html>", "403 Forbidden": "<4xx.html>", "500 Oh": "<500.html>", "503 Busy": "<502.html>",
		"505 Version": "own", "200 OK": "own", "302 Found": "own",
	} {
		if got := ask(t, steps, request, "HTTP/1.1 "+status+"\nContent-Length: 0\n"); got != want {
			t.Errorf("%s: got %q, want %q", status, got, want)
		}
	}
}

func TestAcceptDecidesBetweenPagesAndTheAnswerAsItIs(t *testing.T) {
	steps := pages(t, Config{"5xx": {"e.html", "e.json"}})
	endpoint := func(media string) string {
		return "HTTP/1.1 502 Bad Gateway\nContent-Type: " + media + "\nContent-Length: 10\n"
	}
	for _, c := range []struct{ what, accept, own, want string }{
		{"no preference: the endpoint's own stays", "", "text/html", "own"},
		{"nor is it asked for more", "*/*", "text/plain", "own"},
		{"its type is not accepted", "text/html", "application/json", "<e.html>"},
		{"JSON is liked better", "application/json, text/html;q=0.9", "text/html", "<e.json>"},
		{"the same type stays", "application/json", "application/json; charset=utf-8", "own"},
		{"a browser and a JSON error", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "application/json", "<e.html>"},
		{"nothing is acceptable", "image/png", "text/plain", "own"},
		{"all of a kind", "text/*;q=0.5, application/json;q=0.4", "image/png", "<e.html>"},
		{"the more specific decides", "*/*;q=1, text/html;q=0.1, text/plain;q=0.2", "text/plain", "<e.json>"},
		{"refused by name", "text/html;q=0, */*;q=0.5", "text/html", "<e.json>"},
		{"several fields", "text/plain;q=0.1\nAccept: application/json", "text/plain", "<e.json>"},
		{"broken weights mean nothing", "text/html;q=nan", "text/plain", "own"},
		{"without a type there is nothing to like", "*/*", "", "<e.html>"},
		{"a parameter that we don't have", "text/html;level=1, application/json;q=0.1", "image/png", "<e.json>"},
		{"a charset is no other type", "text/html;charset=utf-8, application/json;q=0.1", "image/png", "<e.html>"},
	} {
		req, answer := request, endpoint(c.own)
		if c.accept != "" {
			req += "Accept: " + c.accept + "\n"
		}
		if c.own == "" {
			answer = "HTTP/1.1 502 Bad Gateway\nContent-Length: 10\n"
		}
		if got := ask(t, steps, req, answer); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestAFaultsProblemBodyGivesWayAtATie(t *testing.T) {
	steps := append(pages(t, Config{"5xx": {"e.html", "e.json"}}), http7.Step{Name: "no", Request: refuser{http7.UpstreamReset}})
	for accept, want := range map[string]string{
		"":                         "<e.html>",
		"*/*":                      "<e.html>",
		"application/json":         "<e.json>",
		"application/problem+json": "own",
		"application/problem+json;q=0.5, text/html;q=0.4": "own",
		"application/problem+json;q=0.5, text/html;q=0.5": "<e.html>",
		"image/png": "own",
	} {
		req := request
		if accept != "" {
			req += "Accept: " + accept + "\n"
		}
		if got := ask(t, steps, req, ""); got != want {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
}

func TestTheHeadStaysButForWhatDescribesTheBody(t *testing.T) {
	steps := pages(t, Config{"4xx": {"e.html"}, "503": {"e.html"}})
	for _, c := range []struct{ what, answer, want string }{
		{"an endpoint's", "HTTP/1.1 401 Unauthorized\nServer: s\nWWW-Authenticate: Basic\nContent-Type: application/json\nContent-Length: 9\nContent-Encoding: gzip\n" +
			"ETag: \"a\"\nLast-Modified: x\nContent-Disposition: attachment\nContent-Language: de\nContent-MD5: x\nSet-Cookie: a=1\nCache-Control: no-store\nSet-Cookie: b=2\nContent-Range: bytes 0-1/2\n",
			"Server: s\nWWW-Authenticate: Basic\nSet-Cookie: a=1\nCache-Control: no-store\nSet-Cookie: b=2\nContent-Type: text/html; charset=utf-8\nVary: Accept\n"},
		{"of a range", "HTTP/1.1 416 Range\nContent-Type: application/json\nContent-Length: 9\nContent-Range: bytes */5\nVary: Origin\n",
			"Content-Range: bytes */5\nVary: Origin\nContent-Type: text/html; charset=utf-8\nVary: Accept\n"},
		{"that varies already", "HTTP/1.1 404 No\nContent-Length: 0\nVary: Origin, ACCEPT\n", "Vary: Origin, ACCEPT\nContent-Type: text/html; charset=utf-8\n"},
		{"that is not replaced", "HTTP/1.1 404 No\nContent-Type: text/html\nContent-Length: 7\n", "Content-Type: text/html\nContent-Length: 7\nVary: Accept\n"},
		{"that is no error", "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 7\n", "Content-Type: text/html\nContent-Length: 7\n"},
	} {
		r := testkit.Policy(t, steps, request+"Accept: text/html\n\n", c.answer+"\n")
		if r.Answer != c.want {
			t.Errorf("%s: got %q, want %q", c.what, r.Answer, c.want)
		}
	}
	refused := append(steps[:1:1], http7.Step{Name: "no", Request: refuser{http7.Overloaded}})
	r := testkit.Policy(t, refused, request+"\n", "")
	if want := "Retry-After: 1\nContent-Type: text/html; charset=utf-8\nVary: Accept\n"; !strings.HasSuffix(r.Answer, want) || !strings.Contains(r.Answer, "Proxy-Status: ") || r.Status != 503 {
		t.Errorf("a fault: got %d %q, want 503 and %q with Proxy-Status", r.Status, r.Answer, want)
	}
}

func TestHEADHasTheFieldsAndTheLengthOfGET(t *testing.T) {
	steps := pages(t, Config{"404": {"e.html"}})
	for _, c := range []struct{ answer, length string }{
		{"HTTP/1.1 404 No\nContent-Type: application/json\nContent-Length: 9\n", "8"},
		{"HTTP/1.1 404 No\nContent-Length: 0\n", "8"},
	} {
		x := &http7.Exchange{Method: []byte("HEAD"), Answer: &http7.Answer{}}
		x.Request.AddRaw([]byte("Accept"), []byte("text/html"))
		x.Answer.Status = 404
		_, fields, _ := strings.Cut(c.answer, "\n")
		for f := range strings.Lines(fields) {
			name, value, _ := strings.Cut(strings.TrimSpace(f), ": ")
			x.Answer.Header.AddRaw([]byte(name), []byte(value))
		}
		steps[0].Request.Request(x)
		steps[0].Response.Response(x)
		chunk, state, _ := x.Answer.Source.Next()
		if x.Answer.Length != 8 || len(chunk) != 0 || state != http7.End || !x.Answer.Local {
			t.Errorf("%q: length %d, chunk %q", c.answer, x.Answer.Length, chunk)
		}
		steps[0].End.End(x, 0)
	}
}

func TestTheClientsAcceptCountsEvenIfRewriteEditsIt(t *testing.T) {
	steps := pages(t, Config{"404": {"e.html", "e.json"}})
	x := &http7.Exchange{Method: []byte("GET")}
	x.Request.AddRaw([]byte("Accept"), []byte("application/json"))
	steps[0].Request.Request(x)
	x.Request.Set(accept, []byte("text/html"))
	http7.FaultAnswer(x, http7.NoRoute)
	steps[0].Response.Response(x)
	if got := string(x.Answer.Header.Get(http7.ContentType)); got != "application/json" {
		t.Errorf("got %q", got)
	}
	steps[0].End.End(x, 0)
	if x.Kept(steps[0].Request) != nil {
		t.Error("it is kept past the end")
	}
}

func TestGRPCIsOfferedNothing(t *testing.T) {
	steps := pages(t, Config{"5xx": {"e.html"}})
	r := testkit.Policy(t, steps, request+"Content-Type: application/grpc+proto\n\n", "HTTP/1.1 503 No\nContent-Length: 0\n\n")
	if r.Answer != "Content-Length: 0\n" {
		t.Errorf("got %q", r.Answer)
	}
}

func TestValuesInPagesAreTextAndNothingElse(t *testing.T) {
	const text = "{status}|{title}|{request_id}|{other}{status|a{color:red}|{{title}}"
	evil := "<b>\"&\\\x01\xff"
	for _, c := range []struct{ name, want string }{
		{"a.html", "502|Bad Gateway|&lt;b&gt;&#34;&amp;\\\x01\ufffd|{other}{status|a{color:red}|{Bad Gateway}"},
		{"a.xml", "502|Bad Gateway|&lt;b&gt;&#34;&amp;\\\x01\ufffd|{other}{status|a{color:red}|{Bad Gateway}"},
		{"a.json", `502|Bad Gateway|<b>\u0022&\u005c\u0001` + "\ufffd|{other}{status|a{color:red}|{Bad Gateway}"},
		{"a.txt", "502|Bad Gateway|<b>\"&\\\x01\ufffd|{other}{status|a{color:red}|{Bad Gateway}"},
	} {
		steps, err := Compile(Config{"502": {filepath.Join(folder(t, map[string]string{c.name: text}), c.name)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := &http7.Exchange{Method: []byte("GET"), RequestID: []byte(evil)}
		http7.FaultAnswer(x, http7.UpstreamReset)
		steps[0].Response.Response(x)
		chunk, _, _ := x.Answer.Source.Next()
		if string(chunk) != c.want || x.Answer.Length != int64(len(chunk)) {
			t.Errorf("%s: got %q, want %q", c.name, chunk, c.want)
		}
	}
}

func TestTheTitleIsTheFaultsOrTheStatuss(t *testing.T) {
	teapot := &http7.Fault{Name: "tea", Status: 418, Title: "No <coffee>"}
	dir := folder(t, map[string]string{"a.html": "{title}"})
	steps, err := Compile(Config{"4xx,5xx": {filepath.Join(dir, "a.html")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		status int
		fault  *http7.Fault
		want   string
	}{{418, teapot, "No &lt;coffee&gt;"}, {404, nil, "Not Found"}, {599, nil, "Error"}} {
		x := &http7.Exchange{Method: []byte("GET")}
		if c.fault != nil {
			http7.FaultAnswer(x, c.fault)
		} else {
			x.LocalAnswer(c.status)
		}
		steps[0].Response.Response(x)
		if chunk, _, _ := x.Answer.Source.Next(); string(chunk) != c.want {
			t.Errorf("%d: got %q, want %q", c.status, chunk, c.want)
		}
	}
}

func TestFilesThatAreNoPagesAreRefusedByName(t *testing.T) {
	dir := folder(t, map[string]string{"big.html": strings.Repeat("x", maxPage+1), "latin.html": "caf\xe9", "a.exe": "x", "full.html": strings.Repeat("x", maxPage)})
	for name, want := range map[string]string{
		"missing.html": "missing.html\" can't be read: no such file", "big.html": "more than 1MiB", "latin.html": "is not UTF-8",
		"a.exe": "does not tell its media type", "": "does not tell its media type",
	} {
		steps, err := Compile(Config{"404": {filepath.Join(dir, name)}}, &Files{})
		var bad *conf.BadValue
		if !errors.As(err, &bad) || steps != nil || !strings.Contains(bad.Text, want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "d.html"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(Config{"404": {filepath.Join(dir, "d.html")}}, nil); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: got %v", err)
	}
	if _, err := Compile(Config{"404": {filepath.Join(dir, "full.html")}}, nil); err != nil {
		t.Errorf("a full one: got %v", err)
	}
}

func TestRoutesWithTheSameTableShareAStepAndOthersSharePages(t *testing.T) {
	dir := folder(t, map[string]string{"a.html": "a", "b.html": "b"})
	a, b := filepath.Join(dir, "a.html"), filepath.Join(dir, "b.html")
	var files Files
	compile := func(c Config) []http7.Step {
		steps, err := Compile(c, &files)
		if err != nil {
			t.Fatal(err)
		}
		return steps
	}
	one, two, other := compile(Config{"404": {a}, "5xx": {b}}), compile(Config{"5xx": {b}, "404": {a}}), compile(Config{"404": {b}})
	if &one[0] != &two[0] || &one[0] == &other[0] {
		t.Error("equal tables are not one step, or others are")
	}
	if len(files.pages) != 2 || one[0].Response.(*policy).offers[1].pages[0] != other[0].Response.(*policy).offers[0].pages[0] {
		t.Errorf("%d pages were read", len(files.pages))
	}
	if none := compile(nil); none != nil {
		t.Errorf("an empty table gives %v", none)
	}
}

func TestCheckFindsWhatIsWrongWithATable(t *testing.T) {
	for _, c := range []struct {
		table Config
		want  string
	}{
		{Config{"404": {"/a.html", "/a.json"}, "4xx": {"/a.html"}, "500-599": {"/A.HTM"}}, ""},
		{Config{"not found": {"/a.html"}}, `"not found": "not found" is not a set of statuses`},
		{Config{"200-404": {"/a.html"}}, `200-404: 200 is not an error`},
		{Config{"404,405": {"/a.html"}, "405,406": {"/a.html"}}, `"405,406": "405,406" and "404,405" both hold 405`},
		{Config{"404": {}}, `404: there is no file`},
		{Config{"404": {"/a.html", "/b"}}, `404[1]: "/b" does not tell its media type`},
		{Config{"404": {"/a.html", "/b.htm"}}, `404[1]: "/b.htm" and "/a.html" are both text/html`},
		{Config{"404": {"/none.html"}, "5xx": {"/none.txt", "/latin.html"}}, `404[0]: "/none.html" can't be read: gone` +
			`5xx[0]: "/none.txt" can't be read: gone` + `5xx[1]: "/latin.html" is not UTF-8`},
	} {
		p := conf.NewProblems()
		p.ReadBy(func(path string) ([]byte, error) {
			switch {
			case strings.HasPrefix(path, "/none"):
				return nil, errors.New("gone")
			case path == "/latin.html":
				return []byte("caf\xe9"), nil
			}
			return []byte("page"), nil
		})
		c.table.Check(p)
		got := ""
		for _, pr := range p.List() {
			got += pr.Path.String() + ": " + pr.Text
		}
		if got != c.want {
			t.Errorf("%v: got %q, want %q", c.table, got, c.want)
		}
	}
	if Default() != nil {
		t.Error("there are pages by default")
	}
}

func FuzzQuality(f *testing.F) {
	for _, s := range []string{"text/html, */*;q=0.1", "text/*;q=0", "text/html;level=1;q=0.5", "*/*", "", ",", "text/html ;charset=x"} {
		f.Add(s, "text/html")
	}
	f.Fuzz(func(t *testing.T, accept, media string) {
		q := quality([]byte(accept), media)
		if q < 0 || q > 1000 {
			t.Fatalf("%q likes %q by %d", accept, media, q)
		}
		// What is added for a type that nobody has changes nothing, once there is a list at all.
		if strings.EqualFold(media, "x-none/x-none") {
			return
		}
		if more := quality([]byte("x-none/x-none;q=0.123, "+accept), media); quality([]byte("x-other/x"), media) == 0 && more != q && q != 1000 {
			t.Fatalf("%q likes %q by %d, and by %d with another type before it", accept, media, q, more)
		}
	})
}

func TestARequestThatIsAnsweredWellAllocatesNothing(t *testing.T) {
	steps := pages(t, Config{"5xx": {"e.html"}})
	x, a := &http7.Exchange{Method: []byte("GET")}, &http7.Answer{Status: 200}
	value := []byte("text/html,application/xhtml+xml,*/*;q=0.8")
	if n := testing.AllocsPerRun(1000, func() {
		x.Release()
		x.Request.Add(accept, value)
		x.Answer = a
		steps[0].Request.Request(x)
		steps[0].Response.Response(x)
		steps[0].End.End(x, 0)
	}); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}

func BenchmarkAnsweredWell(b *testing.B) { benchmark(b, 200) }
func BenchmarkPage(b *testing.B)         { benchmark(b, 502) }

// benchmark passes answers of one status through the policy.
func benchmark(b *testing.B, status int) {
	dir := folder(b, map[string]string{"e.html": strings.Repeat("<p>sorry</p>", 300) + "{status} {request_id}"})
	steps, err := Compile(Config{"5xx": {filepath.Join(dir, "e.html")}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	x, f := &http7.Exchange{}, *http7.UpstreamReset
	f.Status = status
	method, id := []byte("GET"), []byte("0198c0de-0000-7000-8000-000000000000")
	value := []byte("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	b.ReportAllocs()
	for b.Loop() {
		x.Release()
		x.Method, x.RequestID = method, id
		x.Request.Add(accept, value)
		steps[0].Request.Request(x)
		http7.FaultAnswer(x, &f)
		steps[0].Response.Response(x)
		steps[0].End.End(x, 0)
	}
}
