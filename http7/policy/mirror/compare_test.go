package mirror

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// comparing is a mirror that compares.
func comparing(ignore ...string) Config {
	c := config()
	c.Compare, c.Ignore = true, ignore
	return c
}

// reply is an answer as a test writes it.
type reply struct {
	status int
	lines  string
	body   string
}

func (r reply) answer() *http7.Answer { return answerOf(r.status, r.lines, r.body) }

const asJSON = "Content-Type: application/json"

// compared passes one request whose two answers these are, and returns the difference, if there is one.
func compared(t *testing.T, c Config, method string, live, shadow reply) (st Stats, found []Difference, log string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, c)
		s.reply = func(*http7.Detached) (*http7.Answer, *http7.Fault) { return shadow.answer(), nil }
		visit{method: method, answer: live.answer()}.pass(s.step)
		st = s.stats()
		found, log = s.pool.Differences("site"), s.log.String()
	})
	return st, found, log
}

func TestAnswersAreCompared(t *testing.T) {
	text := func(body string) reply { return reply{200, "Content-Type: text/plain", body} }
	doc := func(body string) reply { return reply{200, asJSON, body} }
	for _, c := range []struct {
		what         string
		live, shadow reply
		ignore       []string
		want         string // where, live, mirror; "" for equal
	}{
		{"the same", text("a"), text("a"), nil, ""},
		{"no body", text(""), text(""), nil, ""},
		{"status", reply{200, "", ""}, reply{500, "", ""}, nil, "status 200 500"},
		{"a field", reply{301, "Location: /a", ""}, reply{301, "Location: /b", ""}, nil, "header Location /a /b"},
		{"a field that is missing", reply{301, "Location: /a", ""}, reply{301, "", ""}, nil, "header Location /a "},
		{"a field that is empty there", reply{301, "Location: ", ""}, reply{301, "", ""}, nil, "header Location  "},
		{"a field of two lines", reply{200, "Location: a\nLocation: b", ""}, reply{200, "Location: a, b", ""}, nil, ""},
		{"fields that nobody chose", reply{200, "Date: 1\nETag: x", ""}, reply{200, "Date: 2\nX-Host: y", ""}, nil, ""},
		{"bytes", text("hello"), text("hallo"), nil, `body byte 1 of 5: "hello" byte 1 of 5: "hallo"`},
		{"bytes that end", text("hello"), text("hell"), nil, `body byte 4 of 5: "hello" byte 4 of 4: "hell"`},
		{"text is not JSON", text(`{"a":1}`), text(`{"a": 1}`), nil, `body byte 5 of 7: "{\"a\":1}" byte 5 of 8: "{\"a\": 1}"`},

		{"order and space", doc(`{"a":1,"b":[1,2]}`), doc("{ \"b\" : [1, 2],\n\"a\":1}"), nil, ""},
		{"numbers", doc(`[1, 10, 0.5, -0, 1e2, 12e-1]`), doc(`[1.0, 1e1, 5e-1, 0, 100, 1.20]`), nil, ""},
		{"escapes", doc(`{"é":"\u00e9\/"}`), doc(`{"\u00e9":"é/"}`), nil, ""},
		{"a value", doc(`{"a":{"b":[1,{"c":2}]}}`), doc(`{"a":{"b":[1,{"c":3}]}}`), nil, "body a.b.1.c 2 3"},
		{"a kind", doc(`{"a":"1"}`), doc(`{"a":1}`), nil, `body a "1" 1`},
		{"null is something", doc(`{"a":null}`), doc(`{}`), nil, "body a null "},
		{"null is not false", doc(`{"a":null}`), doc(`{"a":false}`), nil, "body a null false"},
		{"an object for an array", doc(`{"a":[]}`), doc(`{"a":{}}`), nil, "body a [] {}"},
		{"one more", doc(`{"a":1}`), doc(`{"a":1,"b":2}`), nil, "body b  2"},
		{"an element more", doc(`[1]`), doc(`[1,2]`), nil, "body 1  2"},
		{"the order of elements", doc(`[1,2]`), doc(`[2,1]`), nil, "body 0 1 2 +1"},
		{"the whole", doc(`1`), doc(`2`), nil, "body 1 2"},
		{"a large number, exactly", doc(`9007199254740993`), doc(`9007199254740992`), nil, "body 9007199254740993 9007199254740992"},
		{"broken on one side", doc(`{"a":1}`), doc(`{"a":1`), nil, `body byte 6 of 7: "{\"a\":1}" byte 6 of 6: "{\"a\":1"`},
		{"broken alike", doc(`{"a":1`), doc(`{"a":1`), nil, ""},
		{"something behind", doc(`1`), doc(`1 2`), nil, `body byte 1 of 1: "1" byte 1 of 3: "1 2"`},
		{"+json", reply{200, "Content-Type: application/hal+json;v=1", `{"a":1}`}, reply{200, "Content-Type: application/hal+json;v=1", `{"a":1.0}`}, nil, ""},

		{"ignored", doc(`{"at":1,"a":2}`), doc(`{"at":2,"a":2}`), []string{"at"}, ""},
		{"ignored where it is missing", doc(`{"at":1,"a":2}`), doc(`{"a":2}`), []string{"at"}, ""},
		{"ignored with all below", doc(`{"m":{"x":1}}`), doc(`{"m":[7]}`), []string{"m"}, ""},
		{"ignored in elements", doc(`[{"id":1},{"id":2}]`), doc(`[{"id":3},{"id":4}]`), []string{"*.id"}, ""},
		{"ignored in one element", doc(`[{"id":1},{"id":2}]`), doc(`[{"id":3},{"id":4}]`), []string{"0.id"}, "body 1.id 2 4"},
		{"ignored elsewhere", doc(`{"a":{"id":1}}`), doc(`{"a":{"id":2}}`), []string{"id", "b.id", "a.id.x"}, "body a.id 1 2"},
		{"several", doc(`{"a":1,"b":1,"c":1}`), reply{201, asJSON, `{"a":2,"b":2,"c":2}`}, []string{"b"}, "status 200 201 +2"},
	} {
		st, found, _ := compared(t, comparing(c.ignore...), "GET", c.live, c.shadow)
		got := ""
		if len(found) > 0 {
			d := found[0]
			got = d.Where + " " + d.Live + " " + d.Mirror
			if d.More > 0 {
				got += fmt.Sprint(" +", d.More)
			}
		}
		if got != c.want || (st.Equal == 1) != (c.want == "") || (st.Different == 1) != (c.want != "") || st.Unequalled != 0 {
			t.Errorf("%s: %q, want %q (%+v)", c.what, got, c.want, st)
		}
	}
}

func TestWhatCanNotBeComparedIsNoDifference(t *testing.T) {
	big := strings.Repeat("x", 70<<10)
	plain := func(body string) reply { return reply{200, "", body} }
	coded := func(coding, body string) reply { return reply{200, "Content-Encoding: " + coding, body} }
	for _, c := range []struct {
		what         string
		method       string
		live, shadow reply
		want         Stats
	}{
		{"both too large", "", plain(big), plain(big + "y"), Stats{Unequalled: 1}},
		{"one too large", "", plain(big), plain("x"), Stats{Unequalled: 1}},
		{"too large, and the status", "", plain(big), reply{500, "", big}, Stats{Different: 1}},
		{"bodies of HEAD", "HEAD", plain(""), plain(""), Stats{Equal: 1}},
		{"gzip", "", coded("gzip", zipped("hello", 1)), coded("gzip", zipped("hello", 9)), Stats{Equal: 1}},
		{"gzip on one side", "", coded("GZIP", zipped("hello", 1)), plain("hello"), Stats{Equal: 1}},
		{"gzip of other things", "", coded("gzip", zipped("hello", 1)), coded("gzip", zipped("hallo", 1)), Stats{Different: 1}},
		{"gzip that is broken", "", coded("gzip", "oh"), coded("gzip", zipped("hello", 1)), Stats{Unequalled: 1}},
		{"gzip that becomes too large", "", coded("gzip", zipped(big, 1)), coded("gzip", zipped(big, 9)), Stats{Unequalled: 1}},
		{"another coding, the same bytes", "", coded("br", "abc"), coded("br", "abc"), Stats{Equal: 1}},
		{"another coding, other bytes", "", coded("br", "abc"), coded("br", "abd"), Stats{Unequalled: 1}},
		{"two codings", "", coded("br", "abc"), coded("zstd", "abd"), Stats{Unequalled: 1}},
		{"a coding twice", "", coded("gzip\nContent-Encoding: br", "abc"), coded("gzip\nContent-Encoding: br", "abd"), Stats{Unequalled: 1}},
	} {
		st, _, _ := compared(t, comparing(), c.method, c.live, c.shadow)
		if st.Equal != c.want.Equal || st.Different != c.want.Different || st.Unequalled != c.want.Unequalled {
			t.Errorf("%s: %+v, want %+v", c.what, st, c.want)
		}
	}
}

func zipped(text string, level int) string {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write([]byte(text)) // to memory
	_ = w.Close()
	return b.String()
}

func TestOnlyAnEndpointsWholeAnswerIsCompared(t *testing.T) {
	for _, c := range []struct {
		what  string
		v     visit
		reply func(*http7.Detached) (*http7.Answer, *http7.Fault)
	}{
		{"Weir answered", visit{}, nil},
		{"the client left", visit{cut: true, answer: answerOf(200, "", "x")}, nil},
		{"the mirror failed", visit{answer: answerOf(200, "", "x")}, refusing},
		{"the mirror's answer was cut", visit{answer: answerOf(200, "", "x")}, func(*http7.Detached) (*http7.Answer, *http7.Fault) {
			a := answerOf(200, "", "")
			a.Length, a.Source = -1, &script{states: []http7.State{http7.Chunk, http7.Failure}}
			return a, nil
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t, comparing())
			s.reply = c.reply
			c.v.pass(s.step)
			if st := s.stats(); st.Unequalled != 1 || st.Equal+st.Different != 0 || st.Sent != 1 {
				t.Errorf("%s: %+v", c.what, st)
			}
		})
	}
}

// seeded are fifty ways in which a shadow may answer otherwise than base does.
func seeded() (base reply, others []reply) {
	base = reply{200, asJSON + "\nCache-Control: max-age=60\nLocation: /orders/7", order(func(int, string) string { return "" })}
	for _, status := range []int{201, 202, 204, 301, 400, 401, 403, 404, 500, 503} {
		others = append(others, reply{status, base.lines, base.body})
	}
	for _, lines := range []string{
		"Content-Type: text/json\nCache-Control: max-age=60\nLocation: /orders/7",
		asJSON + "\nCache-Control: max-age=61\nLocation: /orders/7",
		asJSON + "\nCache-Control: max-age=60\nLocation: /orders/8",
		asJSON + "\nCache-Control: max-age=60",
		asJSON + "\nLocation: /orders/7",
		"Cache-Control: max-age=60\nLocation: /orders/7",
		asJSON + "; charset=latin1\nCache-Control: max-age=60\nLocation: /orders/7",
		asJSON + "\nCache-Control: max-age=60\nCache-Control: private\nLocation: /orders/7",
	} {
		others = append(others, reply{200, lines, base.body})
	}
	for line := range 8 { // each value of each line of the order, changed one at a time
		for _, name := range []string{"sku", "price", "count", "tags"} {
			others = append(others, reply{200, base.lines, order(func(i int, n string) string {
				if i == line && n == name {
					return map[string]string{"sku": `"other"`, "price": "9.990000001", "count": "null", "tags": `["b","a"]`}[name]
				}
				return ""
			})})
		}
	}
	return base, others
}

// order writes a document of eight lines; change may give a member of a line another value.
func order(change func(line int, name string) string) string {
	var b strings.Builder
	b.WriteString(`{"id":7,"at":"2026-01-01T00:00:00Z","items":[`)
	for i := range 8 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		for j, m := range [][2]string{{"sku", fmt.Sprintf(`"s-%d"`, i)}, {"price", "9.99"}, {"count", fmt.Sprint(i)}, {"tags", `["a","b"]`}} {
			if j > 0 {
				b.WriteByte(',')
			}
			value := m[1]
			if v := change(i, m[0]); v != "" {
				value = v
			}
			fmt.Fprintf(&b, "%q:%s", m[0], value)
		}
		b.WriteByte('}')
	}
	b.WriteString(`],"total":null}`)
	return b.String()
}

func TestFiftySeededDifferencesAreFound(t *testing.T) {
	base, others := seeded()
	if len(others) != 50 {
		t.Fatalf("%d are seeded, want 50", len(others))
	}
	c := comparing("at")
	c.Headers = append(c.Headers, "Cache-Control")
	for i, other := range others {
		st, found, _ := compared(t, c, "GET", base, other)
		if st.Different != 1 || len(found) != 1 || found[0].Where == "" {
			t.Errorf("seed %d (%d %q): %+v", i, other.status, other.lines, st)
		}
	}
}

// respelt is a document as another server may write it: other order, other spelling, another time.
func respelt(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\"total\" : null,\n \"items\": [")
	for line := range 8 {
		if line > 0 {
			b.WriteString(" ,")
		}
		fmt.Fprintf(&b, `{"count": %d.0e0, "tags":["a", "\u0062"], "price":999e-2,"sku":"s\u002d%d"}`, line, line)
	}
	fmt.Fprintf(&b, `], "at":"2026-01-01T00:00:%02dZ", "id": 7.0 }`, i%60)
	return b.String()
}

func TestOfIdenticalServersNothingIsReported(t *testing.T) {
	base, _ := seeded()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, comparing("at"))
		var asked atomic.Int64
		s.reply = func(*http7.Detached) (*http7.Answer, *http7.Fault) {
			n := int(asked.Add(1))
			return reply{200, base.lines + fmt.Sprintf("\nDate: %d", n), respelt(n)}.answer(), nil
		}
		const requests = 2000
		for range requests {
			visit{answer: base.answer()}.pass(s.step)
			if len(s.step.Request.(*mirror).lane.Load().queue) > backlog {
				settle()
			}
		}
		if st := s.stats(); st.Equal != requests || st.Different+st.Unequalled+st.Failed != 0 || s.log.Len() != 0 {
			t.Errorf("%+v, log %q, %+v", st, s.log, s.pool.Differences("site"))
		}
	})
}

func TestADifferenceSaysWhereAndKeepsSecrets(t *testing.T) {
	c := comparing()
	c.Headers = []string{"Set-Cookie"}
	st, found, log := compared(t, c, "POST", reply{200, "Set-Cookie: sid=geheim", "x"}, reply{200, "Set-Cookie: sid=verborgen", "y"})
	if len(found) != 1 || st.Different != 1 {
		t.Fatalf("%+v, %+v", st, found)
	}
	d := found[0]
	if d.Where != "header Set-Cookie" || d.Live != "(secret)" || d.Mirror != "(secret)" || d.More != 1 || d.Method != "POST" || d.Target != "/" || d.Route != "site" || d.Upstream != "next" {
		t.Errorf("%+v", d)
	}
	if strings.Contains(log, "geheim") || !strings.Contains(log, `where="header Set-Cookie" more=1`) {
		t.Errorf("the log says %q", log)
	}
	_, found, log = compared(t, comparing(), "GET", reply{200, asJSON, `{"name":"Ada"}`}, reply{200, asJSON, `{"name":"` + strings.Repeat("é", 200) + `"}`})
	if d := found[0]; d.Live != `"Ada"` || len(d.Mirror) > shownValue+3 || !strings.HasSuffix(d.Mirror, "é…") || strings.Contains(log, "Ada") {
		t.Errorf("%+v, log %q", d, log)
	}
}

func TestTheLastHundredDifferencesAreKeptAndTenASecondLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, comparing())
		s.reply = func(*http7.Detached) (*http7.Answer, *http7.Fault) { return answerOf(500, "", ""), nil }
		for i := range 250 {
			visit{target: fmt.Sprint("/", i), answer: answerOf(200, "", "")}.pass(s.step)
			switch {
			case i%125 == 124:
				time.Sleep(time.Second)
			case i%4 == 0: // one worker keeps the order
				settle()
			}
		}
		list := s.pool.Differences("site")
		if len(list) != 100 || list[0].Target != "/249" || list[99].Target != "/150" {
			t.Errorf("%d are kept, from %s to %s", len(list), list[0].Target, list[len(list)-1].Target)
		}
		if n := strings.Count(s.log.String(), "\n"); n != 20 || !strings.Contains(s.log.String(), "unsaid=115") {
			t.Errorf("%d lines are logged:\n%s", n, s.log)
		}
		if s.pool.Differences("other") != nil {
			t.Error("another route has differences")
		}
	})
}

func TestTheBoundOfWhatIsComparedIsTheConfigs(t *testing.T) {
	c := comparing()
	c.MaxBody = conf.Bytes(8)
	for _, k := range []struct {
		live, shadow string
		want         Stats
	}{
		{"12345678", "12345679", Stats{Different: 1}},
		{"123456789", "123456780", Stats{Unequalled: 1}},
		{"12345678", "123456789", Stats{Unequalled: 1}},
	} {
		st, _, _ := compared(t, c, "GET", reply{200, "", k.live}, reply{200, "", k.shadow})
		if st.Different != k.want.Different || st.Unequalled != k.want.Unequalled {
			t.Errorf("%q and %q: %+v", k.live, k.shadow, st)
		}
	}
}
