//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// field is a name and a value of an explanation.
type field struct{ Name, Value string }

// explanation is what POST /explain answers, as far as it is compared.
type explanation struct {
	Listener string
	Route    *struct{ Name string }
	Policies []struct{ Name, Stage, Mode, Verdict, Why string }
	Action   string
	Split    *struct {
		Key   string
		Sides []struct {
			Upstream string
			Weight   int
			Chosen   bool
		}
	}
	Upstreams []struct {
		Name, Note string
		Endpoints  []struct {
			Address string
			Chance  float64
		}
		Request *struct {
			Method, Target string
			Fields         []field
			Body           int `json:"body_bytes"`
		}
	}
	Answer *struct {
		Status              int
		Fault, Location, By string
		Fields              []field
	}
}

// explain asks the child what would become of a request.
func (c *child) explain(a *inquiry) (*explanation, error) {
	fields := []field{}
	for _, f := range a.fields {
		fields = append(fields, field{f[0], f[1]})
	}
	question, err := json.Marshal(map[string]any{
		"listener": a.listener, "method": a.method, "url": "http://" + a.host + a.target, "header": fields, "body": a.body, "from": a.from,
	})
	if err != nil {
		return nil, err
	}
	res, err := http.Post("http://"+c.at(9901)+"/explain", "application/json", bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		return nil, fmt.Errorf("%s %s: %v", res.Status, answer, err)
	}
	e := &explanation{}
	return e, json.Unmarshal(answer, e)
}

// clients are connections of a test, by the address that they come from and the listener.
type clients struct {
	c    *child
	open map[string]*wire
}

// ask sends a request and returns the answer.
func (cs *clients) ask(t *testing.T, a *inquiry) *http.Response {
	t.Helper()
	key := a.from + a.listener
	w := cs.open[key]
	if w == nil {
		port := map[string]int{"web": 8080, "strict": 8081}[a.listener]
		nc, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(a.from)}}).DialContext(t.Context(), "tcp", cs.c.at(port))
		if err != nil {
			t.Fatal(err)
		}
		w = &wire{Conn: nc, t: t, r: bufio.NewReader(nc)}
		cs.open[key] = w
	}
	_ = w.SetDeadline(time.Now().Add(time.Minute)) // what is closed shows in the write
	w.send(a.raw())
	res, err := http.ReadResponse(w.r, &http.Request{Method: a.method})
	if err != nil {
		t.Fatalf("no answer to\n%.1000s\n%v", a.raw(), err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	if res.Close {
		w.Close()
		delete(cs.open, key)
	}
	return res
}

// explained is a request, what was said of it before, and what became of it.
type explained struct {
	inquiry *inquiry
	said    *explanation
	status  int
	header  http.Header
}

// scene is a Weir with the config of a landscape, and its recorders.
type scene struct {
	*landscape
	c         *child
	recorders []*recorder
	clients   *clients
}

func newScene(t *testing.T, seed uint64, routes int) *scene {
	t.Helper()
	t.Logf("seed %d", seed)
	s := &scene{landscape: &landscape{Rand: rand.New(rand.NewPCG(seed, 5))}}
	var vars []string
	for _, name := range []string{"one", "two", "three", "shadow"} {
		r := newRecorder(t, name)
		s.recorders = append(s.recorders, r)
		vars = append(vars, name, r.addr)
	}
	s.c = prepare(t, s.config(routes), vars...)
	s.c.launch(binary, "run", "-c", s.c.file)
	s.c.awaitReady()
	s.clients = &clients{s.c, map[string]*wire{}}
	return s
}

// compareExplained makes n requests, each explained before, and compares.
func compareExplained(t *testing.T, seed uint64, n int) {
	s := newScene(t, seed, 60)
	kept := make([]explained, n)
	for i := range kept {
		a := s.inquiry(i)
		said, err := s.c.explain(a)
		if err != nil {
			t.Fatalf("%v\n%.1000s", err, a.raw())
		}
		res := s.clients.ask(t, a)
		if res.Close { // net/http takes the field out
			res.Header.Set("Connection", "close")
		}
		kept[i] = explained{a, said, res.StatusCode, res.Header}
	}
	actions := map[string]int{}
	for i, r := range s.records(t, n) {
		k := &kept[i]
		actions[k.said.Action]++
		if wrong := s.compare(k, &r); wrong != "" {
			said, _ := json.MarshalIndent(k.said, "", " ")
			t.Fatalf("%s\nrequest %d from %s to %s\n%.2000s\nexplained as\n%s\nlogged as %+v\nanswered %d %v", wrong, i, k.inquiry.from, k.inquiry.listener, k.inquiry.raw(), said, r, k.status, k.header)
		}
	}
	t.Logf("%d requests: %v", n, actions)
	if n := s.c.metrics().value("weir_panics_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

var sequence = regexp.MustCompile(`[?&]seq=(\d+)$`)

// records returns the lines of the access log in the order of the requests.
func (s *scene) records(t *testing.T, n int) []record {
	t.Helper()
	out := make([]record, n)
	for _, line := range logLines(t, filepath.Join(s.c.dir, "access.log"), n) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		var i int
		if m := sequence.FindStringSubmatch(r.Target); m == nil {
			t.Fatalf("a line of no request: %s", line)
		} else if _, err := fmt.Sscan(m[1], &i); err != nil {
			t.Fatal(err)
		}
		out[i] = r
	}
	return out
}

// compare says where what was said of a request is not what became of it.
func (s *scene) compare(k *explained, r *record) string {
	e := k.said
	route := ""
	if e.Route != nil {
		route = e.Route.Name
	}
	switch {
	case e.Listener != r.Listener:
		return "the listener is not the same"
	case route != r.Route:
		return "the route is not the same"
	}
	if wrong := compareVerdicts(e, r); wrong != "" {
		return wrong
	}
	if e.Answer != nil {
		return compareAnswer(k, r)
	}
	return s.compareOutgoing(k, r)
}

// compareVerdicts looks at the remarks of those that act on requests. What is said of answers is only known once
// there is one.
func compareVerdicts(e *explanation, r *record) string {
	onRequest := func(name string) bool {
		return strings.HasSuffix(name, "headers.request") || strings.HasSuffix(name, "request_id") || name == "rewrite"
	}
	var said, logged []string
	for _, p := range e.Policies {
		if p.Why != "" && onRequest(p.Name) {
			for what := range strings.SplitSeq(p.Why, "; ") {
				said = append(said, p.Name+":"+what)
			}
		}
	}
	for _, v := range r.Verdicts {
		if onRequest(v[0]) {
			logged = append(logged, v[0]+":"+v[1])
		}
	}
	if !slices.Equal(said, logged) {
		return fmt.Sprintf("the verdicts are not the same: %q and %q", said, logged)
	}
	return ""
}

func compareAnswer(k *explained, r *record) string {
	a := k.said.Answer
	switch {
	case r.Attempts != 0:
		return "an endpoint was asked"
	case a.Status != k.status || a.Status != r.Status:
		return "the status is not the same"
	case a.Fault != r.Fault:
		return "the fault is not the same"
	case drawn(a.Location) != drawn(k.header.Get("Location")):
		return "the location is not the same"
	}
	for _, f := range a.Fields {
		if f.Name != "Date" && !slices.Contains(k.header.Values(f.Name), f.Value) && drawn(f.Value) != drawn(k.header.Get(f.Name)) {
			return "the field " + f.Name + " is not the same"
		}
	}
	return ""
}

// drawing is what is another one each time: ids, and the time that is left.
var drawing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|(?m)^X-Timeout-Ms: \d+`)

func drawn(text string) string { return drawing.ReplaceAllString(text, "(drawn)") }

// compareOutgoing compares the request as it would leave with the one that came.
func (s *scene) compareOutgoing(k *explained, r *record) string {
	if r.Attempts != 1 || k.status != 200 {
		return "it was not answered by an endpoint at once"
	}
	seq := k.inquiry.fields[0][1]
	var got recorded
	for _, rec := range s.recorders {
		if one, ok := rec.take(seq); ok && rec.addr == r.Endpoint {
			got = one
		}
	}
	for _, u := range k.said.Upstreams {
		if u.Name != r.Upstream {
			continue
		}
		var fit []string
		for _, e := range u.Endpoints {
			if e.Chance > 0 {
				fit = append(fit, e.Address)
			}
		}
		switch {
		case !slices.Contains(fit, r.Endpoint):
			return fmt.Sprintf("%s is not among the endpoints %q", r.Endpoint, fit)
		case u.Request == nil:
			return "there is no request as it would leave"
		}
		head := u.Request.Method + " " + u.Request.Target + " HTTP/1.1\r\n"
		for _, f := range u.Request.Fields {
			head += f.Name + ": " + f.Value + "\r\n"
		}
		if head += "\r\n"; drawn(head) != drawn(got.head) {
			return fmt.Sprintf("the request would leave as\n%q\nand left as\n%q", drawn(head), drawn(got.head))
		}
		if len(got.body) != u.Request.Body || got.body != k.inquiry.body {
			return "the content is not the same"
		}
		return ""
	}
	return r.Upstream + " is not among the upstreams"
}

// fewer is a third of n requests, one after the other, under the race detector: it sees no more in the rest, and without it all
// are made.
func fewer(n int) int {
	if raceDetector {
		return n / 3
	}
	return n
}

// What is said of a request is what becomes of it.
func TestExplainSaysWhatHappens(t *testing.T) {
	t.Parallel()
	compareExplained(t, 1, fewer(2000))
}

// To explain requests moves no counter, and leaves no line in the access log.
func TestExplainConsumesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2, 60)
	for i := range 50 { // so that there are counters
		s.clients.ask(t, s.inquiry(i))
	}
	file := filepath.Join(s.c.dir, "access.log")
	logLines(t, file, 50)
	before := s.settled(t)
	for i := range fewer(1000) {
		if _, err := s.c.explain(s.inquiry(50 + i)); err != nil {
			t.Fatal(err)
		}
	}
	after := s.settled(t)
	for _, series := range []map[string]float64{before, after} {
		for name := range series {
			if before[name] != after[name] {
				t.Errorf("%s was %v and is %v", name, before[name], after[name])
			}
		}
	}
	if text, err := os.ReadFile(file); err != nil || bytes.Count(text, []byte("\n")) != 50 {
		t.Errorf("the access log has %d lines for 50 requests, %v", bytes.Count(text, []byte("\n")), err)
	}
}

// settled returns the metrics but those of the process and of the admin server, once they stand still.
func (s *scene) settled(t *testing.T) scrape {
	t.Helper()
	eventually(t, "nothing is in flight", func() bool {
		m := s.c.metrics()
		return m.sum("weir_endpoint_in_flight") == 0 && m.sum("weir_mirror_in_flight")+m.sum("weir_mirror_waiting") == 0
	})
	m := s.c.metrics()
	for name := range m {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "weir_admin_") {
			delete(m, name)
		}
	}
	return m
}
