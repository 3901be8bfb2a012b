//go:build linux

package e2e

import (
	"cmp"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// recital is one tale over one carrier.
type recital struct {
	t     *testing.T
	tale  *tale
	proto string
	url   string // the path of its own URL
	begun time.Time
	calls *messenger

	mu      sync.Mutex
	held    func(n int) // if there is one, the origin answers the nth request when it has returned
	amid    string      // whom the origin waits for before it answers
	script  []string    // what the origin says next in this step
	latest  string      // what it has said last
	beyond  string      // and what it says then, if a step goes on until
	replies []*saying   // of the whole tale
	asked   []sight     // in this step
	stray   []sight     // beyond the script
}

// sight is a request as the origin saw it.
type sight struct {
	method, target string
	header         http.Header
}

func newRecital(t *testing.T, tale *tale, i int, proto string, o *scripted, calls *messenger) *recital {
	on := tale.on
	if on == "" {
		on = "c"
	}
	run := &recital{t: t, tale: tale, proto: proto, begun: time.Now(), calls: calls, url: fmt.Sprintf("/%s/%d-%c", on, i, proto[5])}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tales[run.url] = run
	return run
}

// answer is the origin's answer to r. It returns when what holds it has, and when who comes amid has been answered.
func (g *recital) answer(r *http.Request) (raw string, last bool) {
	raw, last, hold := g.saying(r)
	hold()
	return raw, last
}

func (g *recital) saying(r *http.Request) (raw string, last bool, hold func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	amid, held := g.amid, g.held
	g.amid = ""
	seen, text := sight{r.Method, r.RequestURI, r.Header.Clone()}, g.beyond
	seen.header[":method"], seen.header[":target"] = []string{r.Method}, []string{strings.TrimPrefix(r.RequestURI, g.url)}
	switch {
	case len(g.script) > 0:
		text, g.script = g.script[0], g.script[1:]
		g.latest = text
		g.asked = append(g.asked, seen)
	case text == "":
		g.stray = append(g.stray, seen)
		text = "500 | Cache-Control: no-store"
	}
	now := sayingOf(told(text, g.url, g.begun), len(g.replies)+1, g.url)
	now.method = r.Method
	g.replies = append(g.replies, now)
	n := len(g.replies)
	raw, last = now.raw(time.Now().UTC().Format(http.TimeFormat))
	return raw, last, func() {
		if held != nil {
			held(n)
		}
		if amid != "" {
			g.calls.call(g.t, g.proto, g.url, told(amid, g.url, g.begun), "")
		}
	}
}

// tell goes through the steps until one fails.
func (g *recital) tell() {
	for i := range g.tale.steps {
		if problems := g.step(&g.tale.steps[i]); len(problems) > 0 {
			g.t.Fatalf("step %d: %s", i+1, strings.Join(problems, "\n\t"))
		}
	}
}

func (g *recital) step(s *step) (problems []string) {
	g.mu.Lock()
	first := len(g.replies)
	g.asked, g.stray, g.script, g.beyond, g.amid = nil, nil, nil, "", s.amid
	switch {
	case s.until: // what was fetched behind may be fetched once more meanwhile
		g.beyond = cmp.Or(s.origin, g.latest)
	case s.origin == "die": // a request that dies with a connection that was idle is sent once more
		g.script, g.beyond = []string{s.origin}, s.origin
	case s.crowd > 0:
		g.script, g.beyond = []string{s.origin}, s.then
	case s.then != "":
		g.script = []string{s.origin, s.then}
	case s.origin != "":
		g.script = []string{s.origin}
	}
	script := slices.Clone(g.script)
	g.mu.Unlock()
	ask := told(s.ask, g.url, g.begun)
	switch {
	case s.until:
		eventually(g.t, g.tale.name+" "+s.got, func() bool {
			got, method := g.calls.call(g.t, g.proto, g.url, ask, s.body)
			problems = g.judge(s, &got, method, first)
			return len(problems) == 0
		})
		return nil
	case s.crowd > 0:
		problems = g.crowd(s, ask, first)
	default:
		got, method := g.calls.call(g.t, g.proto, g.url, ask, s.body)
		problems = g.judge(s, &got, method, first)
	}
	if s.behind {
		eventually(g.t, "the origin is asked again", func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			return len(g.script) == 0
		})
	}
	return append(problems, g.saw(s, script)...)
}

// crowd makes the step's request many times at once.
func (g *recital) crowd(s *step, ask string, first int) (problems []string) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for range s.crowd {
		all.Go(func() {
			got, method := g.calls.call(g.t, g.proto, g.url, ask, s.body)
			p := g.judge(s, &got, method, first)
			mu.Lock()
			defer mu.Unlock()
			problems = append(problems, p...)
		})
	}
	all.Wait()
	return problems
}

// saw judges how often the origin was asked, and what it saw.
func (g *recital) saw(s *step, script []string) (problems []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, text := range script[len(g.asked):] {
		if !strings.HasPrefix(text, "?") {
			problems = append(problems, fmt.Sprintf("the origin was asked %d times, want %d", len(g.asked), len(script)))
			break
		}
	}
	for _, stray := range g.stray {
		problems = append(problems, fmt.Sprintf("the origin was asked, and must not be: %s %s %v", stray.method, stray.target, stray.header))
	}
	if s.sees != "" && len(g.asked) > 0 {
		_, fields := worded(" | " + told(s.sees, g.url, g.begun))
		problems = append(problems, fieldProblems("the origin saw", g.asked[0].header, fields)...)
	}
	return problems
}

// source is the origin's answer that a client must get in a step before which the origin had given so many.
func (g *recital) source(s *step, before int) *saying {
	if !s.until && !s.behind {
		for i := len(g.replies) - 1; i >= before; i-- {
			if g.replies[i].status != 304 {
				return g.replies[i]
			}
		}
	}
	if s.until {
		before = len(g.replies)
	}
	for i := before - 1; i >= 0; i-- {
		if r := g.replies[i]; r.method == "GET" && r.status != 304 && r.status != 0 {
			return r
		}
	}
	return &saying{}
}

// judge says what is wrong with what a client got.
func (g *recital) judge(s *step, got *gotten, method string, first int) (problems []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	source := g.source(s, first)
	word, fields := worded(told(s.got, g.url, g.begun))
	if word == "cut" {
		if got.err == nil && got.status != 502 {
			problems = append(problems, fmt.Sprintf("%d with %q looks whole", got.status, got.body))
		}
		return problems
	}
	if got.err != nil {
		return []string{"no whole answer: " + got.err.Error()}
	}
	if word == "" {
		word = strconv.Itoa(source.status)
	}
	if !slices.Contains(strings.Split(word, ","), strconv.Itoa(got.status)) && word != "*" {
		problems = append(problems, fmt.Sprintf("status %d, want %s: %q %.200s", got.status, word, got.header.Values("Cache-Status"), got.body))
	}
	if got.length >= 0 {
		got.header.Set("Content-Length", strconv.FormatInt(got.length, 10))
	}
	problems = append(problems, g.content(s, got, method, source)...)
	problems = append(problems, fieldProblems("the client got", got.header, fields)...)
	return append(problems, reported(s, got, len(g.replies) > first && !s.behind)...)
}

// content judges the content against that of the answer that it must come from.
func (g *recital) content(s *step, got *gotten, method string, source *saying) []string {
	want := source.body
	if n, err := strconv.Atoi(s.text); err == nil && n <= len(g.replies) {
		want = g.replies[n-1].body
	} else if s.text != "" {
		want = told(s.text, g.url, g.begun)
	}
	switch {
	case s.text == "*" || got.status >= 500 && source.status != got.status || got.status == 416:
		return nil
	case method == "HEAD" || got.status == 304 || got.status == 204:
		want = ""
	case got.status == 206 && source.status != 206:
		return parted(got, want)
	}
	if got.body != want {
		return []string{fmt.Sprintf("content %.80q, want %.80q", got.body, want)}
	}
	return nil
}

// parted judges an answer that has parts of whole.
func parted(got *gotten, whole string) []string {
	part := func(at, body string) []string {
		var from, to, of int
		if _, err := fmt.Sscanf(at, "bytes %d-%d/%d", &from, &to, &of); err != nil || from > to || to >= of || of != len(whole) {
			return []string{fmt.Sprintf("Content-Range %q of %d bytes", at, len(whole))}
		}
		if body != whole[from:to+1] {
			return []string{fmt.Sprintf("content %.80q, want %.80q for %s", body, whole[from:to+1], at)}
		}
		return nil
	}
	kind, params, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	if kind != "multipart/byteranges" {
		return part(got.header.Get("Content-Range"), got.body)
	}
	if at := got.header.Get("Content-Range"); at != "" {
		return []string{"Content-Range beside multipart/byteranges: " + at}
	}
	var ranges []string
	for in := multipart.NewReader(strings.NewReader(got.body), params["boundary"]); ; {
		p, err := in.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return []string{fmt.Sprintf("multipart: %v in %.200q", err, got.body)}
		}
		body, err := io.ReadAll(p)
		if problems := part(p.Header.Get("Content-Range"), string(body)); err != nil || problems != nil {
			return append(problems, fmt.Sprint(err))
		}
		ranges = append(ranges, p.Header.Get("Content-Range"))
	}
	got.header["X-Parts"] = ranges
	return nil
}

// members of Cache-Status as this cache writes them (RFC 9211 §2).
var member = regexp.MustCompile(`^weir(; ?(hit|stored|collapsed|fwd=[a-z-]+|fwd-status=\d{3}|ttl=-?\d+|key="[ -~]*"|detail=([A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_|~-]*|"[ -~]*")))*$`)

// reported judges Cache-Status and Age, which every answer from the store has.
func reported(s *step, got *gotten, asked bool) (problems []string) {
	status := strings.Join(got.header.Values("Cache-Status"), ", ")
	if got.status >= 500 || status == "" && strings.Contains(s.got, "Cache-Status") {
		return nil
	}
	at := strings.LastIndex(status, ", ") + 1
	last := strings.TrimSpace(status[at:])
	hit, forwarded := strings.Contains(last, "; hit"), strings.Contains(last, "; fwd=")
	told := strings.Contains(s.got, "Cache-Status") || s.crowd > 0 || s.until // by which way this one came
	switch {
	case !member.MatchString(last) || strings.Count(status, "weir;") != 1 || !forwarded && strings.Contains(last, "fwd-status"):
		problems = append(problems, fmt.Sprintf("Cache-Status %q (RFC 9211 §2)", status))
	case hit && forwarded || !hit && !forwarded && !strings.Contains(last, "; collapsed") || !told && hit == asked:
		problems = append(problems, fmt.Sprintf("Cache-Status %q, and the origin was asked: %v (RFC 9211 §2.1)", status, asked))
	}
	if age := got.header.Values("Age"); hit && (len(age) != 1 || !digits.MatchString(age[0])) {
		problems = append(problems, fmt.Sprintf("Age %q of an answer from the store (RFC 9111 §5.1)", age))
	}
	return problems
}

var digits = regexp.MustCompile(`^\d+$`)

// fieldProblems compares fields: "Name: value" is there, "Name: a..b" a whole number between, "Name: ~text" has the
// text, "Name: !~text" has it not, "!Name" is not there.
func fieldProblems(who string, h http.Header, fields []string) (problems []string) {
	for _, f := range fields {
		name, want, _ := strings.Cut(f, ": ")
		if absent, no := strings.CutPrefix(name, "!"); no {
			if v, there := h[http.CanonicalHeaderKey(absent)]; there {
				problems = append(problems, fmt.Sprintf("%s %s: %q, want none", who, absent, v))
			}
			continue
		}
		values := h[http.CanonicalHeaderKey(name)]
		if name[0] == ':' || name[0] == '+' {
			values = h[name]
		}
		if !agrees(strings.Join(values, ", "), want) || len(values) == 0 {
			problems = append(problems, fmt.Sprintf("%s %s: %q, want %q", who, name, values, want))
		}
	}
	return problems
}

func agrees(value, want string) bool {
	if text, part := strings.CutPrefix(want, "~"); part {
		return strings.Contains(value, text)
	}
	if text, part := strings.CutPrefix(want, "!~"); part {
		return !strings.Contains(value, text)
	}
	if low, high, between := strings.Cut(want, ".."); between {
		n, err := strconv.Atoi(value)
		from, _ := strconv.Atoi(low)
		to, _ := strconv.Atoi(high)
		return err == nil && from <= n && n <= to
	}
	return value == want
}
