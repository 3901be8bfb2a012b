package translate

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/testkit"
)

// compile returns the step of a section that translates gRPC-Web.
func compile(t testing.TB, mode conf.Mode) []http7.Step {
	t.Helper()
	steps, err := Compile(&Config{Mode: mode, Request: grpcWeb}, "web")
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// call returns the head of a call, with "\n" for line ends.
func callHead(method, fields string) string {
	return method + " /echo.Echo/Say HTTP/1.1\nHost: h\n" + fields + "\n"
}

func TestTheEndpointSeesOrdinaryGRPC(t *testing.T) {
	steps := compile(t, conf.Enforce)
	for _, c := range []struct{ what, method, fields, want string }{
		{"binary", "POST", "Content-Type: application/grpc-web\nX-Grpc-Web: 1\n", "Content-Type: application/grpc\n"},
		{"with a suffix", "POST", "Content-Type: application/grpc-web+proto\n", "Content-Type: application/grpc+proto\n"},
		{"text", "POST", "Content-Type: application/grpc-web-text\n", "Content-Type: application/grpc\n"},
		{"text with a suffix", "POST", "Content-Type: application/grpc-web-text+json\n", "Content-Type: application/grpc+json\n"},
		{"in capitals, with parameters", "POST", "Content-Type: Application/gRPC-Web+proto ; charset=utf-8\n", "Content-Type: application/grpc+proto\n"},
		{"as libraries send it", "POST", "User-Agent: Mozilla/5.0\nAccept: application/grpc-web-text\nX-User-Agent: grpc-web-javascript/0.1\nX-Grpc-Web: 1\nContent-Type: application/grpc-web-text\nGrpc-Timeout: 1S\nAuthorization: Bearer x\n",
			"User-Agent: grpc-web-javascript/0.1\nContent-Type: application/grpc\nGrpc-Timeout: 1S\nAuthorization: Bearer x\n"},
		{"gRPC itself", "POST", "Content-Type: application/grpc\nX-User-Agent: a\nAccept: b\n", "Content-Type: application/grpc\nX-User-Agent: a\nAccept: b\n"},
		{"another type", "POST", "Content-Type: application/grpc-webby\n", "Content-Type: application/grpc-webby\n"},
		{"another text", "POST", "Content-Type: application/grpc-web-textual\n", "Content-Type: application/grpc-web-textual\n"},
		{"no type", "POST", "X-Grpc-Web: 1\n", "X-Grpc-Web: 1\n"},
		{"another method", "PUT", "Content-Type: application/grpc-web\n", "Content-Type: application/grpc-web\n"},
	} {
		if r := testkit.Policy(t, steps, callHead(c.method, c.fields), ""); r.Request != "Host: h\n"+c.want {
			t.Errorf("%s: got %q, want %q", c.what, r.Request, c.want)
		}
	}
}

func TestTheClientSeesTheKindOfGRPCWebThatItTakes(t *testing.T) {
	steps := compile(t, conf.Enforce)
	const binary, text = "Content-Type: application/grpc-web+proto\n", "Content-Type: application/grpc-web-text\n"
	for _, c := range []struct{ what, request, answer, want string }{
		{"as it asked", binary, "application/grpc+proto", "application/grpc-web+proto"},
		{"text as it asked", text, "application/grpc", "application/grpc-web-text"},
		{"the suffix is the endpoint's", text, "application/grpc+json", "application/grpc-web-text+json"},
		{"anything", text + "Accept: */*\n", "application/grpc", "application/grpc-web-text"},
		{"text for a binary call", binary + "Accept: application/grpc-web-text+proto\n", "application/grpc", "application/grpc-web-text"},
		{"binary for a call of text", text + "Accept: text/html, application/grpc-web;q=0.9, application/grpc-web-text\n", "application/grpc", "application/grpc-web"},
		{"the second field", text + "Accept: text/html\nAccept: ,application/grpc-web\n", "application/grpc", "application/grpc-web"},
		{"an error of something before it", binary, "text/html", "text/html"},
		{"gRPC-Web already", binary, "application/grpc-web-text", "application/grpc-web-text"},
		{"an ordinary call's", "Content-Type: application/grpc\n", "application/grpc", "application/grpc"},
	} {
		r := testkit.Policy(t, steps, callHead("POST", c.request), "HTTP/1.1 200 OK\nContent-Type: "+c.answer+"\n\n")
		if want := "Content-Type: " + c.want + "\n"; r.Answer != want {
			t.Errorf("%s: got %q, want %q", c.what, r.Answer, want)
		}
	}
}

func TestFaultsAreToldInTheClientsKindAtAnyTime(t *testing.T) {
	refusing := http7.Step{Name: "p.refuse", Stage: http7.Rewrite, Request: refuser{}}
	steps := compile(t, conf.Enforce)
	for _, order := range [][]http7.Step{{refusing, steps[0]}, {steps[0], refusing}} {
		r := testkit.Policy(t, order, callHead("POST", "Content-Type: application/grpc-web-text+proto\n"), "")
		if r.Status != 200 || r.Body != "" || !strings.Contains(r.Answer, "Content-Type: application/grpc-web-text+proto\ngrpc-status: 3\ngrpc-message: The request") {
			t.Errorf("got %d %q %q", r.Status, r.Answer, r.Body)
		}
	}
}

type refuser struct{}

func (refuser) Request(*http7.Exchange) http7.Verdict { return http7.Refuse(http7.BadContent) }

func TestAnAnswerOfTrailersAloneHasNoFrames(t *testing.T) {
	p := compile(t, conf.Enforce)[0]
	for _, c := range []struct {
		length  int64
		filters int
	}{{0, 0}, {-1, 1}, {5, 1}} {
		x, a := exchange("application/grpc-web", c.length)
		p.Request.Request(x)
		a.Header.AddRaw([]byte("grpc-status"), []byte("5"))
		p.Response.Response(x)
		if got := string(a.Header.AppendLines(nil, 0)); len(a.Filters) != c.filters || got != "Content-Type: application/grpc-web\r\ngrpc-status: 5\r\n" {
			t.Errorf("length %d: %d filters, head %q", c.length, len(a.Filters), got)
		}
		p.End.End(x, 0)
	}
}

// exchange is a call of that type, answered with gRPC of a length.
func exchange(kind string, length int64) (*http7.Exchange, *http7.Answer) {
	x := &http7.Exchange{Method: []byte("POST")}
	x.Request.AddRaw([]byte("Content-Type"), []byte(kind))
	x.Body.Length = -1
	a := &http7.Answer{Status: 200, Length: length}
	a.Header.AddRaw([]byte("Content-Type"), []byte("application/grpc"))
	x.Answer = a
	return x, a
}

func TestObserveSaysWhatItWouldDoAndChangesNothing(t *testing.T) {
	steps := compile(t, conf.Observe)
	if steps[0].Mode != http7.Observe || !slices.Equal(steps[0].Reads, []string{"header:content-type"}) {
		t.Errorf("got %+v", steps[0])
	}
	for _, c := range []struct {
		kind string
		want []string
	}{
		{"application/grpc-web", []string{"web.translate:would translate gRPC-Web"}},
		{"application/grpc", nil},
	} {
		r := testkit.Policy(t, steps, callHead("POST", "Content-Type: "+c.kind+"\nX-Grpc-Web: 1\n"), "")
		if !slices.Equal(r.Remarks, c.want) || r.Request != "Host: h\nContent-Type: "+c.kind+"\nX-Grpc-Web: 1\n" {
			t.Errorf("%s: remarks %q, request %q", c.kind, r.Remarks, r.Request)
		}
	}
}

func TestADryRunEditsTheHeadAndTakesNothing(t *testing.T) {
	p := compile(t, conf.Enforce)[0]
	x, _ := exchange("application/grpc-web", -1)
	x.Dry = true
	p.Request.Request(x)
	if got := string(x.Request.Get(http7.ContentType)); got != "application/grpc" || len(x.Body.Filters) != 0 || x.Kept(p.Request) != nil {
		t.Errorf("%q, %d filters", got, len(x.Body.Filters))
	}
	p.End.End(x, 0)
}

// through passes a body through a call's filters with rooms and pieces of the given size, and returns what the
// endpoint and the client get of it.
func through(t testing.TB, x *http7.Exchange, p http7.Step, request, answer string, trailer [][2]string, piece int) (sent, got string) {
	t.Helper()
	p.Request.Request(x)
	defer p.End.End(x, 0)
	sent, f := drive(x.Body.Filters[0], []byte(request), piece, false)
	if f != nil {
		t.Fatalf("the request: %v", f)
	}
	p.Response.Response(x)
	for _, line := range trailer {
		x.Answer.Trailer.AddRaw([]byte(line[0]), []byte(line[1]))
	}
	got, f = drive(x.Answer.Filters[0], []byte(answer), piece, false)
	if f != nil {
		t.Fatalf("the answer: %v", f)
	}
	if x.Answer.Trailer.Len() > 0 {
		t.Error("the trailers are sent twice")
	}
	return sent, got
}

// drive passes in through f as the hall does, in pieces, and returns what leaves.
func drive(f http7.Filter, in []byte, piece int, flush bool) (string, *http7.Fault) {
	var all []byte
	room := make([]byte, 0, max(piece, 4))
	call := func(chunk []byte, how http7.How) *http7.Fault {
		for {
			out, taken, done, fault := f.Write(room[:0], chunk, how)
			if fault != nil {
				return fault
			}
			all = append(all, out...)
			if chunk = chunk[taken:]; len(chunk) == 0 && (done || how == http7.More) {
				return nil
			}
		}
	}
	for chunk := range slices.Chunk(in, piece) {
		if f := call(bytes.Clone(chunk), http7.More); f != nil {
			return string(all), f
		}
		if flush {
			if f := call(nil, http7.Flush); f != nil {
				return string(all), f
			}
		}
	}
	f2 := call(nil, http7.Last)
	return string(all), f2
}
