package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"weir/internal/explain"
	"weir/internal/plan"
)

// asked is a gateway that answers questions by what they say.
func asked() Gateway {
	g := (&stub{}).gateway()
	g.Explain = func(q explain.Question) (*explain.Report, error) {
		if q.Listener == "none" {
			return nil, errors.New("no http listener is called none: web")
		}
		return &explain.Report{Listener: "web", Action: explain.Forwarded, Candidates: []explain.Candidate{}, Policies: []explain.Policy{},
			Request: explain.Request{Method: q.Method, Target: q.URL, Client: q.From.String(), Body: int64(len(q.Content()))}}, nil
	}
	g.Plan = func(ctx context.Context, q PlanQuestion) (PlanAnswer, error) {
		switch {
		case q.Config == "bad":
			return PlanAnswer{Problems: []Problem{{Where: q.Name + ":1:1", Text: "is no config"}}}, nil
		case q.Log == "bad":
			return PlanAnswer{}, errors.New("none of 1 lines is one of Weir's access log")
		}
		if q.Config == "slow" {
			if end, has := ctx.Deadline(); !has || time.Until(end) > time.Minute {
				return PlanAnswer{OK: true}, nil
			}
			return PlanAnswer{}, context.DeadlineExceeded
		}
		return PlanAnswer{OK: true, Report: &plan.Report{Old: "weir.toml", New: q.Name, Log: &plan.Log{Lines: int64(strings.Count(q.Log, "\n"))}}}, nil
	}
	return g
}

// question is a call with a body, as a script of an operator sends it.
func question(path, head, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\nHost: localhost\nContent-Type: application/json\n%sContent-Length: %d\n\n%s", path, head, len(body), body)
}

func TestTheClientAsksWhatWouldBecomeOfARequest(t *testing.T) {
	c := client(t, serve(t, config(t, "127.0.0.1:0", ""), asked()), "")
	q := explain.Question{Method: "PUT", URL: "http://a/b", From: netip.MustParseAddr("2001:db8::1")}
	q.SetContent([]byte("\xff\x00"))
	r, err := c.Explain(context.Background(), q)
	if err != nil || !reflect.DeepEqual(r.Request, explain.Request{Method: "PUT", Target: "http://a/b", Client: "2001:db8::1", Body: 2}) {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := c.Explain(context.Background(), explain.Question{Listener: "none", URL: "/"}); err == nil || !strings.Contains(err.Error(), "no http listener is called none: web") {
		t.Errorf("error %v", err)
	}
}

func TestTheClientAsksWhatWouldChange(t *testing.T) {
	c := client(t, serve(t, config(t, "127.0.0.1:0", ""), asked()), "")
	for _, tc := range []struct {
		q    PlanQuestion
		want PlanAnswer
		err  string
	}{
		{PlanQuestion{Config: "x", Log: "1\n2\n"}, PlanAnswer{OK: true, Report: &plan.Report{Old: "weir.toml", New: "new.toml", Log: &plan.Log{Lines: 2}}, Problems: []Problem{}}, ""},
		{PlanQuestion{Name: "a.toml", Config: "bad"}, PlanAnswer{Problems: []Problem{{Where: "a.toml:1:1", Text: "is no config"}}}, ""},
		{PlanQuestion{Config: "x", Log: "bad"}, PlanAnswer{}, "none of 1 lines"},
		{PlanQuestion{Config: " "}, PlanAnswer{}, "there is no config in the body"},
		{PlanQuestion{Config: strings.Repeat(" ", 4<<20) + "x"}, PlanAnswer{}, "the config has more than 4194304 bytes"},
		{PlanQuestion{Config: "slow"}, PlanAnswer{}, "the plan took longer than 1m0s"},
	} {
		a, err := c.Plan(context.Background(), tc.q)
		if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) || !reflect.DeepEqual(a, tc.want) {
			t.Errorf("%+v: got %+v, %v; want %+v, %q", tc.q, a, err, tc.want, tc.err)
		}
	}
}

func TestQuestionsAreGuardedAsCallsThatChangeSomething(t *testing.T) {
	const token = "0123456789abcdef"
	s := serve(t, config(t, "127.0.0.1:0", token), asked())
	auth := "Authorization: Bearer " + token + "\n"
	for _, path := range []string{"/explain", "/plan"} {
		for _, tc := range []struct {
			about, raw string
			status     int
			word       string
		}{
			{"no token", question(path, "", "{}"), 401, "token"},
			{"another page", question(path, auth+"Origin: http://evil.example\n", "{}"), 403, "another origin"},
			{"another host", strings.Replace(question(path, auth, "{}"), "localhost", "evil.example", 1), 403, "Host"},
			{"another type", strings.Replace(question(path, auth, "{}"), "application/json", "text/plain", 1), 415, "application/json"},
			{"another method", "GET " + path + " HTTP/1.1\nHost: localhost\n" + auth + "\n", 405, "POST"},
			{"no body", question(path, auth, ""), 400, "no question such as"},
			{"no JSON", question(path, auth, "hello"), 400, "no question such as"},
			{"an unknown key", question(path, auth, `{"metod": "GET"}`), 400, "metod"},
			{"more behind it", question(path, auth, `{"url": "/", "config": "x"} {}`), 400, ""},
			{"two objects", question(path, auth, `{}{}`), 400, "goes on behind"},
		} {
			res, body := ask(t, s.Addr(), tc.raw)
			wantProblem(t, path+": "+tc.about, res, body, tc.status, tc.word)
		}
	}
}

func TestOnlyQuestionsWithTheTokenMayBeLong(t *testing.T) {
	const token = "0123456789abcdef"
	s := serve(t, config(t, "127.0.0.1:0", token), asked())
	auth := "Authorization: Bearer " + token + "\n"
	plan := func(n int) string {
		b, err := json.Marshal(PlanQuestion{Config: "x", Log: strings.Repeat("x\n", n/2)})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, tc := range []struct {
		about, path, head, body string
		status                  int
		word                    string
	}{
		{"a long log", "/plan", auth, plan(3 << 20), 200, ""},
		{"one without the token", "/plan", "", plan(100 << 10), 413, "over 64 KiB"},
		{"one that is too long", "/plan", auth, plan(30 << 20), 413, "over 32 MiB"},
		{"a long content", "/explain", auth, `{"url": "/", "body": "` + strings.Repeat("x", 1<<20) + `"}`, 200, ""},
		{"one that is too long", "/explain", auth, `{"url": "/", "body": "` + strings.Repeat("x", 3<<20) + `"}`, 413, "over 2 MiB"},
		{"another call", "/reload", auth, strings.Repeat(" ", 100<<10), 413, "over 64 KiB"},
	} {
		// A server that has read enough closes at once: only the head is sent of what it refuses.
		raw := question(tc.path, tc.head, tc.body)
		if tc.status == 413 {
			raw, _, _ = strings.Cut(raw, "\n\n")
			raw += "\n\n"
		}
		res, body := ask(t, s.Addr(), raw)
		if tc.status == 200 && res.StatusCode != 200 {
			t.Errorf("%s: %d %s", tc.about, res.StatusCode, body)
		} else if tc.status != 200 {
			wantProblem(t, tc.about, res, body, tc.status, tc.word)
		}
	}
}

func TestOnePlanIsMadeAtATime(t *testing.T) {
	g, begun, release := asked(), make(chan struct{}), make(chan struct{})
	g.Plan = func(context.Context, PlanQuestion) (PlanAnswer, error) {
		close(begun)
		<-release
		return PlanAnswer{OK: true, Report: &plan.Report{}}, nil
	}
	s := serve(t, config(t, "127.0.0.1:0", ""), g)
	done := make(chan error)
	go func() { // the first question; ends when it is released
		_, err := client(t, s, "").Plan(context.Background(), PlanQuestion{Config: "x"})
		done <- err
	}()
	<-begun
	res, body := ask(t, s.Addr(), question("/plan", "", `{"config": "x"}`))
	wantProblem(t, "a second one", res, body, 503, "another plan")
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAWeirThatCannotBeAskedSaysSo(t *testing.T) {
	c := client(t, serve(t, config(t, "127.0.0.1:0", ""), (&stub{}).gateway()), "")
	if _, err := c.Explain(context.Background(), explain.Question{URL: "/"}); err == nil || !strings.Contains(err.Error(), "no such call") {
		t.Errorf("error %v", err)
	}
}

// FuzzQuestion feeds bodies to both calls: they are answered or refused, and nothing else happens.
func FuzzQuestion(f *testing.F) {
	for _, b := range []string{`{}`, `{"url":"/","from":"::1","body_base64":"AA=="}`, `{"config":"x","log":"y"}`, `{"from":1}`, `[]`, "\xff"} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var q explain.Question
		if err := readJSON(body, &q, ""); err == nil {
			again, err := json.Marshal(q)
			if err != nil {
				t.Fatalf("%s is read as %+v, which can't be written: %v", body, q, err)
			}
			var same explain.Question
			if err := readJSON(again, &same, ""); err != nil || !reflect.DeepEqual(same.From, q.From) || same.URL != q.URL {
				t.Errorf("%s is read as %+v and again as %+v, %v", body, q, same, err)
			}
		}
		var p PlanQuestion
		_ = readJSON(body, &p, "") // that it returns is all
	})
}
