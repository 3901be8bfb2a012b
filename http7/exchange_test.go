package http7

import (
	"testing"
	"time"
)

func TestReleaseLeavesNothingOfTheExchange(t *testing.T) {
	x := asked(tenFields)
	x.Trailer.AddRaw([]byte("X-T"), []byte("1"))
	x.Body = Body{Length: 3, Collected: []byte("abc"), Whole: true, Filters: make([]Filter, 1, 4)}
	x.Route, x.Consumer, x.RequestID, x.Dry, x.Word = &Route{}, "c", []byte("id"), true, 7
	x.Verdicts = append(x.Verdicts, "edge.headers.request:would set X")
	FaultAnswer(x, NoRoute)
	x.Cause = errHijack
	x.Release()
	if x.Method != nil || x.Target != nil || x.Authority != nil || x.Path != nil || x.Query != nil || x.RequestID != nil {
		t.Error("the request line is left")
	}
	if x.Request.Len()+x.Trailer.Len()+len(x.Body.Filters)+len(x.Body.Collected)+len(x.Verdicts) != 0 || x.Body.Present() || x.Body.Whole {
		t.Error("fields, body or verdicts are left")
	}
	if x.Route != nil || x.Answer != nil || x.Fault != nil || x.Cause != nil || x.Consumer != "" || x.Dry || x.Word != 0 {
		t.Error("what was decided is left")
	}
	if a := x.LocalAnswer(200); a.Header.Len() != 0 || a.Source != nil || a.Length != 0 || a.Reason != nil || !a.Local || x.Answer != a {
		t.Errorf("the next answer begins as %+v", a)
	}
}

func TestADetachedRequestRefersToNothingOfItsExchange(t *testing.T) {
	x := asked("X-A: 1\r\n")
	x.Route = &Route{Upstream: "up"}
	d := x.Detach()
	for _, b := range [][]byte{x.Method, x.Target, x.Authority, x.Path, x.Request.raw} {
		for i := range b {
			b[i] = 'z'
		}
	}
	if string(d.Method) != "GET" || string(d.Target) != "/ping?a=1" || string(d.Path) != "/ping" || string(d.Authority) != "api.example.com" {
		t.Errorf("got %s %s %s %s", d.Method, d.Target, d.Path, d.Authority)
	}
	if lines(&d.Header) != "X-A: 1\r\n" || d.Upstream != "up" {
		t.Errorf("got %q to %q", lines(&d.Header), d.Upstream)
	}
	if new(Exchange).Detach().Upstream != "" {
		t.Error("an upstream without a route")
	}
}

func TestVerdictsSayWhatTheyAskFor(t *testing.T) {
	at := time.Unix(7, 0)
	for _, c := range []struct{ got, want Verdict }{
		{Continue, Verdict{}},
		{Refuse(NoRoute), Verdict{Act: Reply, Fault: NoRoute}},
		{Answered(), Verdict{Act: Reply}},
		{NeedBody(-1), Verdict{Act: Need, Bytes: -1}},
		{WaitUntil(at), Verdict{Act: Wait, Until: at}},
	} {
		if c.got != c.want {
			t.Errorf("got %+v, want %+v", c.got, c.want)
		}
	}
	if s := Throttle.String(); s != "limit" {
		t.Errorf("the stage limit is called %s", s)
	}
}

func TestADetachedRequestHasTheTargetThatTheEndpointGets(t *testing.T) {
	for _, c := range []struct{ target, path, query, out, want string }{
		{"/a?b", "/a", "b", "", "/a?b"},
		{"/a?", "/a", "", "", "/a?"},
		{"/%61?b", "/a", "b", "/a?b", "/a?b"},
		{"/a?b", "/a", "b", "/rewritten", "/rewritten"},
		{"http://h/a?b", "/a", "b", "", "/a?b"},
		{"http://h", "/", "-", "", "/"},
		{"*", "*", "-", "", "*"},
		{"http://h", "*", "-", "", "*"},
	} {
		x := &Exchange{Target: []byte(c.target), Path: []byte(c.path)}
		if c.query != "-" {
			x.Query = []byte(c.query)
		}
		if c.out != "" {
			x.Out = []byte(c.out)
		}
		if got := string(x.Detach().Target); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.target, got, c.want)
		}
	}
}
