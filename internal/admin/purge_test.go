package admin

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// purging is a gateway that notes the purges it gets.
type purging struct {
	stub
	got []Purge
	err error
}

func (p *purging) gateway() Gateway {
	g := p.stub.gateway()
	g.Purge = func(what Purge) (Purged, error) {
		p.got = append(p.got, what)
		return Purged{Kind: what.Kind(), What: what.Tag, Soft: what.Soft, Unseen: what.Key == "https://never.example/"}, p.err
	}
	return g
}

func TestAPurgeReachesTheGateway(t *testing.T) {
	p := &purging{}
	s := serve(t, config(t, "127.0.0.1:0", ""), p.gateway())
	for _, c := range []struct {
		body string
		want Purge
		said string
	}{
		{`{"key": "https://a.example/x?y=1"}`, Purge{Key: "https://a.example/x?y=1"}, `{"kind":"key","what":[],"soft":false}`},
		{`{"key": "https://never.example/"}`, Purge{Key: "https://never.example/"}, `{"kind":"key","what":[],"soft":false,"unseen":true}`},
		{`{"prefix": "http://a.example", "soft": true}`, Purge{Prefix: "http://a.example", Soft: true}, `{"kind":"prefix","what":[],"soft":true}`},
		{`{"tag": "a"}`, Purge{Tag: Tags{"a"}}, `{"kind":"tag","what":["a"],"soft":false}`},
		{`{"tag": ["a", "b/c"], "all": false}`, Purge{Tag: Tags{"a", "b/c"}}, `{"kind":"tag","what":["a","b/c"],"soft":false}`},
		{`{"all": true}`, Purge{All: true}, `{"kind":"all","what":[],"soft":false}`},
	} {
		p.got = nil
		res, body := ask(t, s.Addr(), post("/purge", c.body))
		if res.StatusCode != 200 || len(p.got) != 1 || !reflect.DeepEqual(p.got[0], c.want) {
			t.Errorf("%s: %d %s, the gateway got %+v", c.body, res.StatusCode, body, p.got)
		}
		if got := strings.NewReplacer(" ", "", "\n", "").Replace(body); got != c.said {
			t.Errorf("%s: said %s, want %s", c.body, got, c.said)
		}
	}
}

func TestAWrongPurgeIsRefusedAndPurgesNothing(t *testing.T) {
	p := &purging{}
	s := serve(t, config(t, "127.0.0.1:0", ""), p.gateway())
	for _, c := range []struct{ body, word string }{
		{"", "name what to purge"},
		{"{}", "name what to purge"},
		{`{"soft": true}`, "name what to purge"},
		{`{"all": false}`, "name what to purge"},
		{`{"all": true, "tag": "a"}`, "name what to purge"},
		{`{"key": "https://a/", "prefix": "https://a/"}`, "name what to purge"},
		{`{"tag": []}`, "name what to purge"},
		{`{"tag": ""}`, "is not a tag"},
		{`{"tag": null}`, "is not a tag"},
		{`{"tag": ["a", "b c"]}`, `\"b c\" is not a tag`},
		{`{"tag": "a,b"}`, `\"a,b\" is not a tag`},
		{`{"tag": 5}`, "tag is a text or a list of texts"},
		{`{"key": "/v1/orders"}`, "is not a whole URL"},
		{`{"key": "a.example/v1"}`, "is not a whole URL"},
		{`{"key": "ftp://a.example/v1"}`, "is not a whole URL"},
		{`{"key": "https:///v1"}`, "is not a whole URL"},
		{`{"prefix": "https://u:p@a.example/"}`, "has what no request has"},
		{`{"prefix": "https://a.example/#top"}`, "has what no request has"},
		{`{"key": "https://a.example/%zz"}`, "is not a URL"},
		{`{"keys": ["https://a.example/"]}`, `unknown field \"keys\"`},
		{`{"all": "yes"}`, "the body is no question"},
		{`all`, "the body is no question"},
		{`{"all": true} {}`, "goes on behind"},
	} {
		res, body := ask(t, s.Addr(), post("/purge", c.body))
		wantProblem(t, c.body, res, body, 400, strings.ReplaceAll(c.word, `\"`, `"`))
	}
	if len(p.got) > 0 {
		t.Errorf("the gateway got %+v", p.got)
	}
}

func TestAPurgeIsGuardedAsEveryCallThatChanges(t *testing.T) {
	p := &purging{}
	s := serve(t, config(t, "127.0.0.1:0", "a token of some length"), p.gateway())
	const body = `{"all": true}`
	right := strings.Replace(post("/purge", body), "Host: localhost\n", "Host: localhost\nAuthorization: Bearer a token of some length\n", 1)
	for _, c := range []struct {
		name, raw string
		status    int
	}{
		{"as it should be", right, 200},
		{"without the token", post("/purge", body), 401},
		{"by another name", strings.Replace(right, "localhost", "evil.example", 1), 403},
		{"from a page", strings.Replace(right, "\n", "\nOrigin: http://evil.example\n", 1), 403},
		{"as a form", strings.Replace(right, "application/json", "application/x-www-form-urlencoded", 1), 415},
		{"by GET", strings.Replace(right, "POST", "GET", 1), 405},
		{"by PURGE", strings.Replace(right, "POST", "PURGE", 1), 405},
	} {
		if res, body := ask(t, s.Addr(), c.raw); res.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, res.StatusCode, body, c.status)
		}
	}
	if len(p.got) != 1 {
		t.Errorf("the gateway got %d purges, want one", len(p.got))
	}
}

func TestWhatAGatewaySaysOfAPurgeIsToldWithItsStatus(t *testing.T) {
	p := &purging{err: &UnknownError{Text: "there is no cache"}}
	s := serve(t, config(t, "127.0.0.1:0", ""), p.gateway())
	res, body := ask(t, s.Addr(), post("/purge", `{"all": true}`))
	wantProblem(t, "without a cache", res, body, 404, "there is no cache")
	p.err = errors.New("no listener lets this path through")
	res, body = ask(t, s.Addr(), post("/purge", `{"all": true}`))
	wantProblem(t, "a path that can't be", res, body, 400, "no listener lets")
}

func TestTheClientPurges(t *testing.T) {
	p := &purging{}
	s := serve(t, config(t, "127.0.0.1:0", ""), p.gateway())
	c := client(t, s, "")
	want := Purge{Tag: Tags{"a", "b"}, Soft: true}
	got, err := c.Purge(context.Background(), want)
	if err != nil || got.Kind != "tag" || !got.Soft || len(got.What) != 2 || !reflect.DeepEqual(p.got, []Purge{want}) {
		t.Errorf("got %+v, %v; the gateway got %+v", got, err, p.got)
	}
	p.err = &UnknownError{Text: "there is no cache"}
	var unknown *UnknownError
	if _, err = c.Purge(context.Background(), want); !errors.As(err, &unknown) {
		t.Errorf("without a cache: %v", err)
	}
}

func TestAServerWithoutACacheHasNoPurge(t *testing.T) {
	s := serve(t, config(t, "127.0.0.1:0", ""), (&stub{}).gateway())
	res, body := ask(t, s.Addr(), post("/purge", `{"all": true}`))
	wantProblem(t, "purge", res, body, 404, "no such call")
}

func FuzzReadPurge(f *testing.F) {
	f.Add([]byte(`{"key": "https://a.example/x?y=1"}`))
	f.Add([]byte(`{"tag": ["a", "b"], "soft": true}`))
	f.Add([]byte(`{"tag": null, "all": true}`))
	f.Add([]byte(`{"PREFIX": "http://[::1]:80/%41"} `))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := readPurge(body)
		if err != nil {
			return
		}
		if p.Kind() == "" {
			t.Fatalf("%q is taken as %+v", body, p)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := readPurge(text); err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%q is %+v, and then %+v, %v", body, p, again, err)
		}
	})
}
