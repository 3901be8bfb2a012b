package admin

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// ordered is a gateway that notes the orders it gets.
type ordered struct {
	stub
	got  []string
	err  error
	left int64
}

func (o *ordered) gateway() Gateway {
	g := o.stub.gateway()
	stand := func(order Order, changed bool) (Standing, error) {
		return Standing{
			Upstream: order.Upstream, Changed: changed, InFlight: o.left,
			Endpoints: []EndpointStatus{{Address: order.Endpoint, State: "draining", InFlight: o.left}},
		}, o.err
	}
	g.Assign = func(order Order, d Duty) (Standing, error) {
		o.got = append(o.got, string(d)+" "+order.Upstream+" "+order.Endpoint)
		return stand(order, true)
	}
	g.Standing = func(order Order) (Standing, error) { return stand(order, false) }
	return g
}

const asJSON = " HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"

// post is a POST with a body.
func post(path, body string) string {
	n, _ := json.Marshal(len(body))
	return "POST " + path + asJSON + "Content-Length: " + string(n) + "\n\n" + body
}

func TestAnOrderReachesTheGateway(t *testing.T) {
	o := &ordered{left: 3}
	s := serve(t, config(t, "127.0.0.1:0", ""), o.gateway())
	for _, path := range []string{"/drain", "/maintenance", "/undrain"} {
		res, body := ask(t, s.Addr(), post(path, `{"upstream": "api", "endpoint": "10.0.0.1:80"}`))
		var got Standing
		if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != 200 || got.InFlight != 3 || !got.Changed || got.Endpoints[0].Address != "10.0.0.1:80" {
			t.Errorf("%s: %d %s (%v)", path, res.StatusCode, body, err)
		}
	}
	if want := []string{"drain api 10.0.0.1:80", "maintenance api 10.0.0.1:80", "undrain api 10.0.0.1:80"}; !reflect.DeepEqual(o.got, want) {
		t.Errorf("the gateway got %q, want %q", o.got, want)
	}
}

func TestAWrongOrderIsRefusedAndChangesNothing(t *testing.T) {
	o := &ordered{}
	s := serve(t, config(t, "127.0.0.1:0", ""), o.gateway())
	for _, tc := range []struct {
		body, word string
	}{
		{"", "name the endpoint"},
		{"{}", "name the endpoint"},
		{`{"upstream": "api"}`, "name the endpoint"},
		{`{"endpoint": "a:1"}`, "name the endpoint"},
		{`{"upstream": 5, "endpoint": "a:1"}`, "the body is no order"},
		{`{"upstream": "api", "endpoint": "a:1", "wait": true}`, `unknown field "wait"`},
		{`upstream=api&endpoint=a`, "the body is no order"},
		{`[]`, "the body is no order"},
		{`{"upstream": "api", "endpoint": "a:1"} {}`, "goes on behind"},
	} {
		res, body := ask(t, s.Addr(), post("/drain", tc.body))
		wantProblem(t, tc.body, res, body, 400, tc.word)
	}
	if len(o.got) > 0 {
		t.Errorf("the gateway got %q", o.got)
	}
}

func TestOrdersAreGuardedAsEveryCallThatChanges(t *testing.T) {
	o := &ordered{}
	s := serve(t, config(t, "127.0.0.1:0", "a token of some length"), o.gateway())
	const body = `{"upstream": "api", "endpoint": "a:1"}`
	for _, path := range []string{"/drain", "/undrain", "/maintenance"} {
		right := strings.Replace(post(path, body), "Host: localhost\n", "Host: localhost\nAuthorization: Bearer a token of some length\n", 1)
		for _, tc := range []struct {
			name, raw string
			status    int
		}{
			{"as it should be", right, 200},
			{"without the token", post(path, body), 401},
			{"by another name", strings.Replace(right, "localhost", "evil.example", 1), 403},
			{"from a page", strings.Replace(right, "\n", "\nOrigin: http://evil.example\n", 1), 403},
			{"as a form", strings.Replace(right, "application/json", "application/x-www-form-urlencoded", 1), 415},
			{"by GET", strings.Replace(right, "POST", "GET", 1), 405},
		} {
			if res, body := ask(t, s.Addr(), tc.raw); res.StatusCode != tc.status {
				t.Errorf("%s %s: %d %s, want %d", path, tc.name, res.StatusCode, body, tc.status)
			}
		}
	}
	if len(o.got) != 3 {
		t.Errorf("the gateway got %q, want one order for each call", o.got)
	}
}

func TestWhatIsUnknownIs404AndWhatCantBeIs409(t *testing.T) {
	o := &ordered{err: &UnknownError{Text: `there is no upstream "ap"; did you mean "api"?`}}
	s := serve(t, config(t, "127.0.0.1:0", ""), o.gateway())
	res, body := ask(t, s.Addr(), post("/drain", `{"upstream": "ap", "endpoint": "a:1"}`))
	wantProblem(t, "drain", res, body, 404, `did you mean "api"?`)
	res, body = ask(t, s.Addr(), "GET /endpoint?upstream=ap&endpoint=a:1 HTTP/1.1\nHost: localhost\n\n")
	wantProblem(t, "endpoint", res, body, 404, `did you mean "api"?`)
	res, body = ask(t, s.Addr(), "GET /endpoint?upstream=ap HTTP/1.1\nHost: localhost\n\n")
	wantProblem(t, "endpoint without an endpoint", res, body, 400, "name the endpoint")
	o.err = errors.New("not now")
	res, body = ask(t, s.Addr(), post("/drain", `{"upstream": "api", "endpoint": "a:1"}`))
	wantProblem(t, "drain", res, body, 409, "not now")
}

func TestTheClientOrdersAndAsks(t *testing.T) {
	o := &ordered{left: 2}
	s := serve(t, config(t, "127.0.0.1:0", ""), o.gateway())
	c := client(t, s, "")
	order := Order{Upstream: "api", Endpoint: "unix:/run/a b?&.sock"}
	got, err := c.Assign(context.Background(), order, Drain)
	if err != nil || !got.Changed || got.InFlight != 2 || got.Endpoints[0].Address != order.Endpoint {
		t.Errorf("drain: %+v, %v", got, err)
	}
	o.left = 0
	got, err = c.Standing(context.Background(), order)
	if err != nil || got.Changed || got.InFlight != 0 || got.Endpoints[0].Address != order.Endpoint {
		t.Errorf("standing: %+v, %v", got, err)
	}
	o.err = &UnknownError{Text: "there is no such thing"}
	var unknown *UnknownError
	if _, err = c.Assign(context.Background(), order, Undrain); !errors.As(err, &unknown) || unknown.Text != "there is no such thing" {
		t.Errorf("undrain of what is not there: %v", err)
	}
}

func TestAServerWithoutEndpointsHasNoSuchCalls(t *testing.T) {
	s := serve(t, config(t, "127.0.0.1:0", ""), (&stub{}).gateway())
	res, body := ask(t, s.Addr(), post("/drain", `{"upstream": "api", "endpoint": "a:1"}`))
	wantProblem(t, "drain", res, body, 404, "no such call")
}

func FuzzReadOrder(f *testing.F) {
	f.Add([]byte(`{"upstream": "api", "endpoint": "10.0.0.1:80"}`))
	f.Add([]byte(`{"upstream": "api", "endpoint": "10.0.0.1:80"}x`))
	f.Add([]byte(`{"UPSTREAM": "\ud800", "endpoint": ""}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if o, err := readOrder(body); err == nil && (o.Upstream == "" || o.Endpoint == "") {
			t.Fatalf("%q is taken as %+v", body, o)
		}
	})
}
