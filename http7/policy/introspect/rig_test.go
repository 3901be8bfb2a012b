package introspect

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

const (
	id     = "weir:1"      // what must be escaped before it is joined with the secret
	secret = "s3cret &+%é" // a text that every coding changes
)

// authority is an authorisation server: it knows tokens, and who may ask.
type authority struct {
	url   string
	calls atomic.Int32

	mu      sync.Mutex
	tokens  map[string]string // what is answered of each; others are not active
	status  int
	raw     string        // answered in place of anything else, if it is not empty
	hold    chan struct{} // calls wait until it is closed, if it is not nil
	begun   chan struct{} // told of each call, if it is not nil
	trouble []string      // what calls had that they should not
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{tokens: map[string]string{}, status: 200}
	s := httptest.NewServer(http.HandlerFunc(a.answer))
	t.Cleanup(s.Close)
	a.url = s.URL + "/introspect"
	return a
}

func (a *authority) answer(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	hold, begun, status, raw := a.hold, a.begun, a.status, a.raw
	a.mu.Unlock()
	a.calls.Add(1)
	if begun != nil {
		begun <- struct{}{}
	}
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	text := a.judge(r)
	if raw != "" {
		text = raw
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client may have left
}

// judge answers as RFC 7662 has it, and notes what a client must not do.
func (a *authority) judge(r *http.Request) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	wrong := func(what string) { a.trouble = append(a.trouble, what) }
	if r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		wrong(r.Method + " " + r.URL.String())
	}
	name, password, basic := r.BasicAuth()
	if basic {
		// RFC 6749 §2.3.1: both are forms' values.
		if name != "weir%3A1" || password != "s3cret+%26%2B%25%C3%A9" {
			wrong("Basic " + name + " " + password)
		}
	} else if r.PostFormValue("client_id") != id || r.PostFormValue("client_secret") != secret {
		wrong("client_id " + r.PostFormValue("client_id"))
	}
	if hint := r.PostFormValue("token_type_hint"); hint != "access_token" {
		wrong("hint " + hint)
	}
	if text, known := a.tokens[r.PostFormValue("token")]; known {
		return text
	}
	return `{"active":false}`
}

// knows makes a token active, with members besides.
func (a *authority) knows(t testing.TB, token string, members map[string]any) {
	t.Helper()
	all := map[string]any{"active": true, "sub": "alice", "client_id": "app", "scope": "read write"}
	for name, value := range members {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	doc, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	a.say(token, string(doc))
}

func (a *authority) say(token, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[token] = text
}

func (a *authority) fails(status int, raw string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.raw = status, raw
}

// world is a policy with what a gateway gives it.
type world struct {
	steps   []http7.Step
	checker *checker
	turn    *policy.Turn
	*policytest.Process
}

// use compiles a config with changes, as a reload does: the turn before ends behind it.
func (w *world) use(t testing.TB, a *authority, change func(*Config)) {
	t.Helper()
	c := Default()
	c.URL, c.ClientID, c.ClientSecret = a.url, id, conf.SecretText(secret)
	c.Timeout = conf.Dur(5 * time.Second)
	if change != nil {
		change(&c)
	}
	before := w.turn
	needs := w.Needs()
	w.turn = needs.Turn
	steps, err := Compile(&c, "edge", needs)
	if err != nil {
		t.Fatal(err)
	}
	w.steps, w.checker = steps, steps[0].Request.(*checker)
	if before != nil {
		before.End()
	}
}

func worldOf(t testing.TB, a *authority, change func(*Config)) *world {
	t.Helper()
	w := &world{Process: policytest.NewProcess()}
	w.use(t, a, change)
	t.Cleanup(func() {
		w.turn.End()
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.trouble) > 0 {
			t.Errorf("the server saw %q", a.trouble)
		}
	})
	return w
}

// asked is an exchange with that token behind Bearer.
func asked(token string) *http7.Exchange {
	x := &http7.Exchange{Method: []byte("GET"), Target: []byte("/"), Path: []byte("/"), Authority: []byte("h")}
	if token != "" {
		x.Request.AddRaw([]byte("Authorization"), []byte("Bearer "+token))
	}
	return x
}

// says is what the policy says of a token: "alice", or the fault's name; remarks for nobody.
func (w *world) says(token string) string {
	x := asked(token)
	return verdict(x, w.steps[0].Request.Request(x))
}

func verdict(x *http7.Exchange, v http7.Verdict) string {
	switch {
	case v.Act == http7.Reply:
		return v.Fault.Name
	case x.Identified():
		return x.Consumer
	}
	return strings.Join(x.Verdicts, " ")
}
