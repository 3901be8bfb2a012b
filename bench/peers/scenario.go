package peers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Kind says what travels between the load and the endpoint.
type Kind uint8

// The kinds of work.
const (
	// HTTP is HTTP/1.1 over kept connections.
	HTTP Kind = iota
	// TLS is HTTP over kept TLS 1.3 connections; the proxy's connections to the endpoint are plain.
	TLS
	// H2 is HTTP/2 over kept TLS 1.3 connections, several requests at a time on each; HTTP/1.1 to the endpoint.
	H2
	// Handshake is TLS with a new connection, without resumption, for each request.
	Handshake
	// Echo is a TCP relay: a message goes to the endpoint and comes back, again and again.
	Echo
	// Bulk is a TCP relay: the endpoint sends without end.
	Bulk
	// Idle is HTTP connections that do nothing, after a few requests.
	Idle
)

// Axis is what changes from point to point of a scenario.
type Axis string

// The axes; a scenario without one has the empty Axis and a single point, 0.
const (
	Routes      Axis = "routes"
	Endpoints   Axis = "endpoints"
	Connections Axis = "connections"
)

// Scenario is one kind of work.
type Scenario struct {
	// Name is how Options ask for it; About says it in a few words.
	Name, About string
	Kind        Kind
	// Fields follow Host in each request, as lines without their CRLF.
	Fields []string
	// BodyBytes is the size of each request's body; 0: a GET.
	BodyBytes int
	// AnswerBytes is the size of the answer's body; of the message, where the kind is Echo.
	AnswerBytes int
	// Cache lets the proxy answer from its store, which the first request has filled.
	Cache bool
	// Routes is how many routes by path there are, all visited; 0: one for every path.
	Routes int
	// Paths is how many paths are asked for in turn where one route serves them all; 0: one.
	Paths int
	// Shaped has the proxy edit the fields of requests and answers: set, add and remove.
	Shaped bool
	// Axis and Points make a curve: all proxies are measured anew at each point.
	Axis   Axis
	Points []int
	// Rounds is how often each proxy is measured unless Options say otherwise.
	Rounds int
	// PerConnection is how many answers an upstream connection must carry in a round, lest the round measure
	// connecting; a slow machine gets up to four times Options.Round for them. 0: not judged.
	PerConnection float64
	// Wrk has wrk, where it is installed, do the same in the same rounds.
	Wrk bool
}

const (
	oneKiB = 1 << 10
	// mostAtOnce is how many requests are under way at a time, on whatever number of connections: each may need a
	// connection to the endpoint, and machines allow a process some 20,000 descriptors.
	mostAtOnce = 1000
)

// Scenarios returns what Run can measure, in the order of a whole run.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "small", About: "a request with Host alone, 1 KiB answers", AnswerBytes: oneKiB, Rounds: 7, PerConnection: 100, Wrk: true},
		{Name: "headers", About: "a request with ten more fields, 1 KiB answers", AnswerBytes: oneKiB, Rounds: 7, PerConnection: 100, Fields: tenFields()},
		{Name: "shaped-small", About: "small over 1,000 routes, fields of requests and answers edited", AnswerBytes: oneKiB, Rounds: 7, PerConnection: 100, Routes: 1000, Shaped: true},
		{Name: "shaped-headers", About: "headers over 1,000 routes, fields of requests and answers edited", AnswerBytes: oneKiB, Rounds: 7, PerConnection: 100, Fields: tenFields(), Routes: 1000, Shaped: true},
		{Name: "large", About: "a request with Host alone, 1 MiB answers", AnswerBytes: 1 << 20, Rounds: 5},
		{Name: "upload", About: "POST with a body of 64 KiB, 1 KiB answers", AnswerBytes: oneKiB, BodyBytes: 64 << 10, Rounds: 5},
		{Name: "tls", About: "small over kept TLS 1.3 connections", Kind: TLS, AnswerBytes: oneKiB, Rounds: 5},
		{Name: "h2", About: "small over HTTP/2: 8 connections, 8 requests at a time on each; HTTP/1.1 to the endpoint", Kind: H2, AnswerBytes: oneKiB, Rounds: 5},
		{Name: "handshake", About: "a new TLS 1.3 connection, not resumed, for each small request", Kind: Handshake, AnswerBytes: oneKiB, Rounds: 5},
		{Name: "cache", About: "small, answered from the proxy's store", AnswerBytes: oneKiB, Cache: true, Rounds: 5},
		{Name: "cache-many", About: "cache, of 10,000 objects in turn", AnswerBytes: oneKiB, Cache: true, Paths: 10_000, Rounds: 5},
		{Name: "l4-small", About: "TCP relay, 64 bytes there and back", Kind: Echo, AnswerBytes: 64, Rounds: 5},
		{Name: "l4-bulk", About: "TCP relay, a stream from the endpoint", Kind: Bulk, Rounds: 5},
		{Name: "idle", About: "memory of connections that are kept alive and do nothing", Kind: Idle, AnswerBytes: oneKiB},
		{Name: "scale-routes", About: "small, spread over so many routes by path", AnswerBytes: oneKiB, Rounds: 3, Axis: Routes, Points: []int{1, 100, 10_000}},
		{Name: "scale-endpoints", About: "small, spread over so many endpoints in turn", AnswerBytes: oneKiB, Rounds: 3, Axis: Endpoints, Points: []int{2, 10, 100, 1000}},
		{Name: "scale-conns", About: "small over so many connections, up to 1,000 requests at a time", AnswerBytes: oneKiB, Rounds: 3, Axis: Connections, Points: []int{64, 1000, 10_000}},
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

const (
	hostName = "api.example.com"
	target   = "/v1/orders/1234?expand=items"
)

// requests are what the clients send, in turn: whole messages, one for each of so many routes (0: one for all), or
// of the scenario's paths.
func (s *Scenario) requests(routes int) [][]byte {
	if s.Kind == Echo || s.Kind == Bulk {
		return [][]byte{slices.Repeat([]byte("weir"), max(1, s.AnswerBytes/4))}
	}
	if routes == 0 {
		routes = s.Paths
	}
	paths := prefixes(routes)
	if routes == 0 {
		paths = []string{""}
	}
	all := make([][]byte, len(paths))
	for i, path := range paths {
		all[i] = s.request(path)
	}
	return all
}

func (s *Scenario) request(prefix string) []byte {
	method, fields := "GET", s.Fields
	if s.BodyBytes > 0 {
		method = "POST"
		fields = append([]string{"Content-Type: application/octet-stream", fmt.Sprintf("Content-Length: %d", s.BodyBytes)}, fields...)
	}
	if s.Kind == Handshake {
		fields = append([]string{"Connection: close"}, fields...)
	}
	lines := append([]string{method + " " + prefix + target + " HTTP/1.1", "Host: " + hostName}, fields...)
	head := strings.Join(lines, "\r\n") + "\r\n\r\n"
	return append([]byte(head), slices.Repeat([]byte("u"), s.BodyBytes)...)
}

// prefixes are the paths of n routes.
func prefixes(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("/r%05d", i)
	}
	return all
}

// answer is the whole message that the endpoint sends.
func (s *Scenario) answer() []byte {
	date, may, vary := "Mon, 05 Jan 2026 10:00:00 GMT", "no-store", "Vary: Accept-Encoding\r\n"
	if s.Cache {
		// An old Date would be the answer's age (RFC 9111 §4.2.3), and it would be stale when it comes.
		date, may, vary = time.Now().UTC().Format(http.TimeFormat), "max-age=3600", ""
	}
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/json\r\n"+
		"Cache-Control: %s\r\nETag: \"5d8c72a5edda8d6a\"\r\n%sContent-Length: %d\r\n\r\n", date, may, vary, s.AnswerBytes)
	return append([]byte(head), slices.Repeat([]byte("x"), s.AnswerBytes)...)
}

// unit is what CPU is divided by.
func (s *Scenario) unit() string {
	switch s.Kind {
	case Bulk:
		return "MiB"
	case Echo:
		return "message"
	}
	return "request"
}

// points are where s is measured.
func (s *Scenario) points() []int {
	if s.Axis == "" {
		return []int{0}
	}
	return s.Points
}

// hasDirect says whether the load measures the endpoint by itself: it speaks no TLS, stores nothing, has one set of
// routes, and both ends of 10,000 connections would be too many for one process.
func (s *Scenario) hasDirect() bool {
	return s.Kind != TLS && s.Kind != H2 && s.Kind != Handshake && !s.Cache && s.Axis == ""
}
