// Package peers compares Weir with the other proxies of a machine: same work, same minute, same core.
//
// `weir bench peers` calls Run. One thread of this process is both the load and the endpoint and is pinned to one
// core; the proxies are child processes pinned to another. Each round gives one of them the same closed loop of
// keep-alive connections and divides the processor time of all its processes by the answers that came. The rounds
// of the proxies are interleaved, so that a machine whose speed drifts is the same machine for all.
//
// It installs nothing: it uses the peers that it finds. Measuring works on Linux alone.
package peers

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Options say what to compare and for how long. The zero value of each field means its default.
type Options struct {
	// Weir is the binary to run as `weir run -c FILE`. Default: none; Weir is then left out.
	Weir string
	// WeirName tells several builds apart in the table. Default: "weir".
	WeirName string
	// Only names the peers to compare with. Default: every peer that is found.
	Only []string
	// Scenarios names what to measure. Default: bare and fields.
	Scenarios []string
	// Rounds is how often each proxy is measured in each scenario. Default: 9.
	Rounds int
	// Round is how long one measurement lasts, Warmup (default 500ms) aside. Default: 2s.
	Round, Warmup time.Duration
	// Connections is the number of keep-alive connections. Default: 64.
	Connections int
	// IdleConnections (default 10,000) send IdleRequests (default 100) each in the scenario "idle", and then
	// nothing for IdleWait (default 30s).
	IdleConnections, IdleRequests int
	IdleWait                      time.Duration
	// Progress receives a line for each round. Default: none.
	Progress io.Writer
}

// Scenario is one kind of work.
type Scenario struct {
	// Name is how Options ask for it; About says it in a few words.
	Name, About string
	// Fields follow Host in each request, as lines without their CRLF.
	Fields []string
	// AnswerBytes is the size of the answer's body.
	AnswerBytes int
	// PerConnection is how many answers an upstream connection must carry in a round, lest the round measure
	// connecting; a slow machine gets up to four times Options.Round for them. 0: not judged.
	PerConnection float64
	// Idle measures the memory of connections that do nothing, once, instead of rounds of work.
	Idle bool
}

// Scenarios returns what Run can measure.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "bare", About: "a request with Host alone, 1 KiB answers", AnswerBytes: 1 << 10, PerConnection: 1000},
		{Name: "fields", About: "a request with ten more fields, 1 KiB answers", AnswerBytes: 1 << 10, PerConnection: 1000, Fields: tenFields()},
		{Name: "large", About: "a request with Host alone, 256 KiB answers", AnswerBytes: 256 << 10},
		{Name: "idle", About: "memory of connections that are kept alive and do nothing", AnswerBytes: 1 << 10, Idle: true},
	}
}

// tenFields is what a browser's call of an API looks like.
func tenFields() []string {
	return []string{
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
		"Accept: application/json, text/plain, */*",
		"Accept-Language: en-GB,en;q=0.8,de;q=0.5",
		"Accept-Encoding: gzip, deflate, br, zstd",
		"Referer: https://app.example.com/orders?page=2",
		"Origin: https://app.example.com",
		"Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg",
		"Cookie: session=6f1c0a4e2b9d4c7f; theme=dark; consent=1",
		"X-Request-Id: 0f8fad5b-d9cb-469f-a165-70867728950e",
		"Cache-Control: no-cache",
	}
}

// request is the whole head that a client of s sends.
func (s *Scenario) request() []byte {
	lines := append([]string{"GET /v1/orders/1234?expand=items HTTP/1.1", "Host: api.example.com"}, s.Fields...)
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// answer is the whole message that the endpoint sends.
func (s *Scenario) answer() []byte {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"+
		"Cache-Control: no-store\r\nETag: \"5d8c72a5edda8d6a\"\r\nVary: Accept-Encoding\r\nContent-Length: %d\r\n\r\n", s.AnswerBytes)
	return append([]byte(head), slices.Repeat([]byte("x"), s.AnswerBytes)...)
}

// fill sets the defaults.
func (o *Options) fill() {
	if o.WeirName == "" {
		o.WeirName = "weir"
	}
	if o.Scenarios == nil {
		o.Scenarios = []string{"bare", "fields"}
	}
	if o.Rounds == 0 {
		o.Rounds = 9
	}
	if o.Round == 0 {
		o.Round = 2 * time.Second
	}
	if o.Warmup == 0 {
		o.Warmup = 500 * time.Millisecond
	}
	if o.Connections == 0 {
		o.Connections = 64
	}
	if o.IdleConnections == 0 {
		o.IdleConnections = 10_000
	}
	if o.IdleRequests == 0 {
		o.IdleRequests = 100
	}
	if o.IdleWait == 0 {
		o.IdleWait = 30 * time.Second
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
}

// scenarios resolves the names; an unknown one is an error with the list of names.
func (o *Options) scenarios() ([]Scenario, error) {
	all := Scenarios()
	var chosen []Scenario
	for _, name := range o.Scenarios {
		i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
		if i < 0 {
			names := make([]string, len(all))
			for j := range all {
				names[j] = all[j].Name
			}
			return nil, fmt.Errorf("%w: unknown scenario %q; there are %s", ErrUsage, name, strings.Join(names, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
