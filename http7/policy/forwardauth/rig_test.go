package forwardauth

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

// service is what is asked: it writes down the questions and answers as the test says.
type service struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string
	answer http.HandlerFunc
}

func newService(t testing.TB, answer http.HandlerFunc) *service {
	s := &service{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
		for name, values := range r.Header {
			if name != "User-Agent" && name != "Accept-Encoding" {
				fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(values, " | "))
			}
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		slices.Sort(lines[1:])
		s.mu.Lock()
		s.asked = append(s.asked, strings.Join(lines, "\n"))
		s.mu.Unlock()
		s.answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// calls returns how often it was asked.
func (s *service) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// says answers with a status and fields.
func says(status int, body string, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(fields); i += 2 {
			w.Header().Add(fields[i], fields[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func configured(url string, change func(*Config)) *Config {
	c := Default()
	c.URL, c.Copy, c.Consumer, c.Groups, c.Scopes = url, []string{"X-User", "X-Team"}, "X-User", "X-Groups", "X-Scope"
	if change != nil {
		change(&c)
	}
	return &c
}

// compiled returns the steps of a config that is right, and the process that they are of.
func compiled(t testing.TB, url string, change func(*Config)) ([]http7.Step, *policytest.Process) {
	t.Helper()
	p := policytest.NewProcess()
	steps, err := Compile(configured(url, change), "edge", p.Needs())
	if err != nil {
		t.Fatal(err)
	}
	return steps, p
}

// clocked makes the steps' time the test's own.
func clocked(steps []http7.Step, now func() time.Time) { steps[0].Request.(*asker).now = now }

// cached is a change that remembers answers for a minute.
func cached(c *Config) { c.Cache = conf.Dur(time.Minute) }

const request = "GET /orders/7?full=1 HTTP/1.1\nHost: api.example.com\nAuthorization: Bearer abc\nCookie: a=b\nX-User: forged\nX-Other: 1\n\n"
const answer = "HTTP/1.1 200 OK\nContent-Length: 0\n\n"
