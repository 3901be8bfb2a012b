package validate_test

import (
	"bytes"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/validate"
)

const order = `{"id":"` + id + `","customer":"Anna","items":[{"sku":"A","n":2}]}`

// answered is what comes of an answer: the fault instead, the bytes that leave, and the remarks.
type answered struct {
	fault *http7.Fault
	body  string
	said  string
}

// answer gives x, which has been asked about, an answer of an endpoint in chunks, and drives the filters as the hall does.
func answer(x *http7.Exchange, steps []http7.Step, status int, fields []string, chunks ...string) answered {
	a := &http7.Answer{}
	a.Reset()
	a.Status, a.Length = status, -1
	if len(chunks) == 0 {
		a.Length = 0
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		a.Header.AddRaw([]byte(name), []byte(value))
	}
	x.Answer = a
	var got answered
	for i := len(steps) - 1; i >= 0; i-- {
		if r := steps[i].Response; r != nil {
			if v := r.Response(x); v.Fault != nil && steps[i].Mode != http7.Observe {
				got.fault = v.Fault
			}
		}
	}
	if got.fault == nil {
		got.body, got.fault = driven(a.Filters, chunks)
	}
	got.said = strings.Join(x.Verdicts, "; ")
	return got
}

// driven passes chunks through the filters with little room, with a pause behind each.
func driven(filters []http7.Filter, chunks []string) (string, *http7.Fault) {
	if len(filters) == 0 {
		return strings.Join(chunks, ""), nil
	}
	var out bytes.Buffer
	push := func(chunk []byte, how http7.How) *http7.Fault {
		for {
			room := make([]byte, 0, 16)
			b, taken, done, fault := filters[0].Write(room, chunk, how)
			if fault != nil {
				return fault
			}
			out.Write(b)
			chunk = chunk[taken:]
			if len(chunk) == 0 && (done || how == http7.More) {
				return nil
			}
		}
	}
	for _, c := range chunks {
		if f := push([]byte(c), http7.More); f != nil {
			return out.String(), f
		}
		if f := push(nil, http7.Flush); f != nil {
			return out.String(), f
		}
	}
	f := push(nil, http7.Last)
	return out.String(), f
}

// An answer of which the document says its status alone was refused for having a body: most documents are like that.
func TestABodyOfWhichNothingIsSaidPasses(t *testing.T) {
	path := written(t, "api.yaml", `openapi: 3.0.3
paths:
  /a:
    get:
      responses:
        "200": {description: ok, headers: {X-Total: {required: true, schema: {type: integer}}}}
        "201": {description: nothing, content: {}}
        4XX: {description: bad}
`)
	for _, c := range []struct {
		status int
		fields []string
		want   string
	}{
		{200, []string{"X-Total: 3", "Content-Type: text/html"}, ""},
		{200, []string{"Content-Type: text/html"}, "header X-Total is missing"},
		{404, nil, ""},
		{201, []string{jsonType}, "body there is one, and none is described"},
		{500, nil, "status 500 is not described"},
	} {
		steps := compile(t, path, func(cfg *validate.Config) { cfg.Responses = "enforce" })
		x := request("GET /a", "")
		if f := ask(&steps[0], x, ""); f != nil {
			t.Fatal(f)
		}
		got := answer(x, steps, c.status, c.fields, "{}")
		if (got.fault != nil) != (c.want != "") || !strings.Contains(got.said, c.want) {
			t.Errorf("%d %q: %v, said %q, want %q", c.status, c.fields, got.fault, got.said, c.want)
		}
	}
}

func TestAnswersAreHeldAgainstTheirSchemas(t *testing.T) {
	const list, one, made = "GET /v1/orders", "GET /v1/orders/" + id, "POST /v1/orders"
	jsons := []string{jsonType}
	total := []string{jsonType, "X-Total: 3"}
	for _, c := range []struct {
		ask    string
		status int
		fields []string
		body   string
		want   string // "" is right; else what is said
	}{
		{one, 200, jsons, order, ""},
		{one, 200, jsons, `{"id":"` + id + `"}`, `lacks "customer", "items"`},
		{one, 200, jsons, strings.Replace(order, `"id":"`+id+`",`, "", 1), `lacks "id"`},
		{one, 200, jsons, "{", "not one JSON value"},
		{one, 200, []string{"Content-Type: text/html"}, "<p>", "body its type is not described"},
		{one, 200, nil, order, "its type is not described"},
		{one, 200, nil, "", ""},
		{one, 404, jsons, "{}", "status 404 is not described"},
		{list, 200, total, "[" + order + "]", ""},
		{list, 200, total, "[" + order + ",1]", "/1 is a number, must be an object"},
		{list, 200, jsons, "[]", "header X-Total is missing"},
		{list, 200, []string{jsonType, "X-Total: many"}, "[]", "header X-Total is a string, must be an integer"},
		{list, 418, []string{"Content-Type: application/problem+json"}, "{}", ""},
		{list, 418, []string{"Content-Type: application/problem+json"}, "[]", "must be an object"},
		{made, 201, nil, "", ""},
		{made, 201, jsons, "{}", ""}, // nothing is said of its body
		{made, 599, nil, "", ""},
		{"HEAD /v1/orders/" + id, 200, jsons, "", ""},
		{one, 304, nil, "", ""}, // as the client has asked, of what is described
	} {
		for _, mode := range []string{"observe", "enforce"} {
			steps, p := counted(t, orders, func(cfg *validate.Config) { cfg.Responses = mode })
			if len(steps) != 2 {
				t.Fatalf("%d steps", len(steps))
			}
			body := ""
			if strings.HasPrefix(c.ask, "POST") {
				body = good
			}
			x := request(c.ask, body, jsonType)
			if f := ask(&steps[0], x, body); f != nil {
				t.Fatalf("%s: %v", c.ask, f)
			}
			var chunks []string
			if c.body != "" {
				chunks = []string{c.body[:len(c.body)/2], c.body[len(c.body)/2:]}
			}
			got := answer(x, steps, c.status, c.fields, chunks...)
			wrong := c.want != ""
			if (got.fault != nil) != (wrong && mode == "enforce") || !strings.Contains(got.said, c.want) || !wrong && got.said != "" {
				t.Errorf("%s, %d %.60s, %s: %v, %s; want %q", c.ask, c.status, c.body, mode, got.fault, got.said, c.want)
			}
			if got.fault == nil && got.body != c.body || got.fault != nil && got.body != "" {
				t.Errorf("%s, %d, %s: %q leaves", c.ask, c.status, mode, got.body)
			}
			if n := p.Count("edge.validate.responses invalid"); (n == 1) != wrong {
				t.Errorf("%s, %d, %s: counted %d", c.ask, c.status, mode, n)
			}
		}
	}
}

func TestAnAnswerThatIsTooLongPassesAndIsSaidToHave(t *testing.T) {
	long := "[" + strings.Repeat(order+",", 30) + "1]"
	for _, mode := range []string{"observe", "enforce"} {
		steps := compile(t, orders, func(c *validate.Config) { c.Responses, c.BodyLimit = mode, mustSize(t, "1KiB") })
		x := request("GET /v1/orders", "")
		if f := ask(&steps[0], x, ""); f != nil {
			t.Fatal(f)
		}
		got := answer(x, steps, 200, []string{jsonType, "X-Total: 3"}, long[:700], long[700:1500], long[1500:])
		if got.fault != nil || got.body != long || got.said != "edge.validate.responses:not looked at: too large" {
			t.Errorf("%s: %v, %d bytes of %d, %s", mode, got.fault, len(got.body), len(long), got.said)
		}
	}
}

func TestACodedAnswerIsReadAndLeavesAsItIs(t *testing.T) {
	for body, want := range map[string]string{order: "", `{"customer":1}`: "lacks"} {
		coded := gzipped(t, body)
		steps := compile(t, orders, func(c *validate.Config) { c.Responses = "observe" })
		x := request("GET /v1/orders/"+id, "")
		if f := ask(&steps[0], x, ""); f != nil {
			t.Fatal(f)
		}
		got := answer(x, steps, 200, []string{jsonType, "Content-Encoding: gzip"}, coded)
		if got.body != coded || !strings.Contains(got.said, want) || want == "" && got.said != "" {
			t.Errorf("%s: %s", body, got.said)
		}
	}
}

// What is wrong with an answer is told alike whether its head shows it or its body, and whether it is refused or not.
func TestAnAnswerIsRefusedByNameForItsBodyToo(t *testing.T) {
	for mode, want := range map[string]http7.Mode{"observe": http7.Observe, "enforce": http7.Enforce} {
		for body, wrong := range map[string]int{order: 0, `{"customer":1}`: 1, "{": 1} {
			steps := compile(t, orders, func(c *validate.Config) { c.Responses = mode })
			x := request("GET /v1/orders/"+id, "")
			if f := ask(&steps[0], x, ""); f != nil {
				t.Fatal(f)
			}
			answer(x, steps, 200, []string{jsonType}, body)
			if len(x.Refused) != wrong {
				t.Errorf("%s, %s: %v", mode, body, x.Refused)
			}
			for _, r := range x.Refused {
				if r.Step != steps[1].Name || r.Mode != want || r.Fault.Name != "invalid_response" || !strings.HasPrefix(r.Cause.Error(), "orders.yaml; body") {
					t.Errorf("%s, %s: %+v", mode, body, r)
				}
			}
			if x.Release(); len(x.Refused) > 0 {
				t.Error("the next exchange has it too")
			}
		}
	}
}

// shouts changes bytes, as a compressor does that has set Content-Encoding before the bytes come.
type shouts struct{ http7.Filter }

func (shouts) Changes() bool { return true }

func TestAnAnswerThatWeirCompressesIsReadBeforeThat(t *testing.T) {
	steps := compile(t, orders, func(c *validate.Config) { c.Responses = "enforce" })
	x := request("GET /v1/orders/"+id, "")
	if f := ask(&steps[0], x, ""); f != nil {
		t.Fatal(f)
	}
	a := &http7.Answer{}
	a.Reset()
	a.Status, a.Length = 200, -1
	a.Header.AddRaw([]byte("Content-Type"), []byte("application/json"))
	a.Header.AddRaw([]byte("Content-Encoding"), []byte("gzip"))
	a.Filters = append(a.Filters, shouts{})
	x.Answer = a
	steps[1].Response.Response(x)
	if len(a.Filters) != 2 || a.Filters[0].Changes() {
		t.Fatalf("%v", a.Filters)
	}
	if body, f := driven(a.Filters[:1], []string{order}); f != nil || body != order {
		t.Errorf("%v, %s", f, body)
	}
}

func TestTheHeadOfAnAnswerWaitsWhereItMayBeRefused(t *testing.T) {
	for mode, holds := range map[string]bool{"observe": false, "enforce": true} {
		steps := compile(t, orders, func(c *validate.Config) { c.Responses = mode })
		x := request("GET /v1/orders/"+id, "")
		if f := ask(&steps[0], x, ""); f != nil {
			t.Fatal(f)
		}
		x.Answer = &http7.Answer{}
		x.Answer.Reset()
		x.Answer.Status, x.Answer.Length = 200, -1
		x.Answer.Header.AddRaw([]byte("Content-Type"), []byte("application/json"))
		steps[1].Response.Response(x)
		h := x.Answer.Filters[0].(http7.Holder)
		if h.Holds() != holds {
			t.Errorf("%s: holds %v", mode, h.Holds())
		}
		if _, f := driven(x.Answer.Filters, []string{order}); f != nil || h.Holds() {
			t.Errorf("%s: %v, holds %v behind the end", mode, f, h.Holds())
		}
	}
}

func TestWeirsOwnAnswersAreNotLookedAt(t *testing.T) {
	steps := compile(t, orders, func(c *validate.Config) { c.Responses = "enforce" })
	x := request("GET /v1/orders/"+id, "")
	if f := ask(&steps[0], x, ""); f != nil {
		t.Fatal(f)
	}
	x.LocalAnswer(503)
	if v := steps[1].Response.Response(x); v.Act != http7.Go || len(x.Verdicts) > 0 {
		t.Errorf("%v, %v", v, x.Verdicts)
	}
}
