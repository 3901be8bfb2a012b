package waf_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/http7/policy/waf"
)

// process has compiled the core rule set once for all tests.
var process = policytest.NewProcess()

// counting is a process with counters of its own that takes the rule set from the others.
func counting() *policytest.Process {
	p := policytest.NewProcess()
	p.Kept = process.Kept
	return p
}

// step compiles the default section as edit has changed it.
func step(t testing.TB, edit func(c *waf.Config)) *http7.Step {
	t.Helper()
	c := waf.Default()
	if edit != nil {
		edit(&c)
	}
	steps, err := waf.Compile(&c, "edge", process.Needs())
	if err != nil || len(steps) != 1 {
		t.Fatalf("%v, %v", steps, err)
	}
	return &steps[0]
}

// exchange makes x the request r.
func exchange(r request) *http7.Exchange {
	x := &http7.Exchange{Conn: &http7.Conn{}, Proto: http7.HTTP11, Client: netip.MustParseAddr("192.0.2.7")}
	fill(x, r)
	return x
}

func fill(x *http7.Exchange, r request) {
	x.Method, x.Target, x.Authority = []byte(r.method), []byte(r.target), []byte("api.example.com")
	path, query, _ := strings.Cut(r.target, "?")
	x.Path, x.Query = []byte(path), []byte(query)
	x.Request.AddRaw([]byte("Host"), x.Authority)
	agent, accept := true, true
	for i := 0; i < len(r.fields); i += 2 {
		x.Request.AddRaw([]byte(r.fields[i]), []byte(r.fields[i+1]))
		agent = agent && r.fields[i] != "User-Agent"
		accept = accept && r.fields[i] != "Accept"
	}
	if agent {
		x.Request.AddRaw([]byte("User-Agent"), []byte("okhttp/4.12.0"))
	}
	if accept {
		x.Request.AddRaw([]byte("Accept"), []byte("application/json"))
	}
	if r.contentType != "" {
		x.Request.AddRaw([]byte("Content-Type"), []byte(r.contentType))
	}
	x.Body.Length = int64(len(r.body))
}

// ask asks s about x as the hall does, whose request has that body. It ends what s has begun.
func ask(s *http7.Step, x *http7.Exchange, body string) *http7.Fault {
	v := s.Request.Request(x)
	if v.Act == http7.Need {
		n := len(body)
		if v.Bytes >= 0 {
			n = min(n, int(v.Bytes))
		}
		x.Body.Collected, x.Body.Whole = []byte(body)[:n], n == len(body)
		v = s.Request.(http7.Resumer).Resume(x, http7.BodyReady)
	}
	s.End.End(x, x.Word)
	return v.Fault
}

// attack is one request that is to be stopped.
type attack struct {
	class, where string
	request
}

// attacks puts every payload into the places where an attacker would try it.
func attacks() (all []attack) {
	for class, payloads := range map[string][]string{
		"sql injection": sqlInjections, "cross-site scripting": crossSiteScripts,
		"file inclusion": fileInclusions, "command injection": commandInjections,
	} {
		for _, p := range payloads {
			all = append(all, carried(class, p)...)
		}
	}
	for _, agent := range scanners {
		all = append(all, attack{"scanner", "header", request{method: "GET", target: "/v1/orders", fields: []string{"User-Agent", agent, "Accept", "*/*"}}})
	}
	slices.SortStableFunc(all, func(a, b attack) int { return strings.Compare(a.class, b.class) })
	return all
}

// carried are the requests that carry p.
func carried(class, p string) []attack {
	form := query("id", "7", "q", p)
	doc, err := json.Marshal(map[string]any{"id": 7, "filter": map[string]any{"q": p}})
	if err != nil {
		panic(err)
	}
	return []attack{
		{class, "query", request{method: "GET", target: "/v1/orders?id=7&q=" + url.QueryEscape(p)}},
		{class, "form", request{method: "POST", target: "/v1/orders", contentType: "application/x-www-form-urlencoded", body: form}},
		{class, "json", request{method: "PUT", target: "/v1/orders/7", contentType: "application/json", body: string(doc)}},
	}
}

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
