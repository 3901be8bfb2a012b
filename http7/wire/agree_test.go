package wire

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

// mutate changes a few bytes of a sample, or joins it with parts of another.
func mutate(rng *rand.Rand, from []sample) string {
	b := []byte(from[rng.IntN(len(from))].in)
	for range rng.IntN(4) {
		at := rng.IntN(len(b) + 1)
		switch rng.IntN(5) {
		case 0:
			b = slices.Insert(b, at, spice[rng.IntN(len(spice))]...)
		case 1:
			b = slices.Delete(b, at, min(len(b), at+1+rng.IntN(3)))
		case 2:
			if at < len(b) {
				b[at] = byte(rng.IntN(256))
			}
		case 3:
			other := []byte(from[rng.IntN(len(from))].in)
			b = slices.Insert(b, at, other[rng.IntN(len(other)+1):]...)
		case 4:
			b = slices.Insert(b, at, b[:rng.IntN(len(b)+1)]...)
		}
	}
	return string(b)
}

var spice = func() (s [][]byte) {
	for _, x := range []string{"\r\n", "\r", "\n", "\x00", " ", "\t", ":", ",", ";", "=", "\"", "%", "%4", "%41", "[", "]", "::", "1.2.3.4",
		"0", "5", "f", "\\", "@", "/", "?", "#", "_", "\x7f", "\xff", "HTTP/1.0", "HTTP/1.1", "http://", "CONNECT ", "OPTIONS ", "HEAD ",
		"Host: b\r\n", "Connection: x, close\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 1\r\n", "X: 1\r\n", "\r\n\r\n", "0\r\n\r\n", "1\r\nx\r\n"} {
		s = append(s, []byte(x))
	}
	return s
}()

// sameRequest compares the codec with the reference: both refuse, or both read the same. The
// reference doesn't know "needs more" from "refused"; but a head with an empty line needs nothing.
func sameRequest(t *testing.T, in string, cut int) {
	t.Helper()
	want, ok := refRequest(in, &lim)
	got := headOnly(feed(requests(&lim), in))
	checkSame(t, in, got, want, ok)
	if again := headOnly(feed(requests(&lim), in, cut)); again != got {
		t.Fatalf("%q cut at %d\n  got %s\nfirst %s", in, cut, again, got)
	}
	if ok {
		rewriteRequest(t, in)
	}
}

// headOnly strips what follows the head: how much there is depends on the cut.
func headOnly(got string) string {
	head, _, _ := strings.Cut(got, " behind: ")
	return head
}

// checkSame compares what the codec says of a head with what the reference does.
func checkSame(t *testing.T, in, got, want string, ok bool) {
	t.Helper()
	refused := got == "" || got[0] == '!' && !strings.Contains(got, " ") // "!" may begin a method too
	if refused == ok || ok && got != want {
		t.Fatalf("%q\n      codec %s\n  reference %s (accepts: %v)", in, got, want, ok)
	}
	if _, behind, _ := strings.Cut(strings.TrimLeft(in, "\r\n"), "\r\n"); got == "" && strings.Contains("\r\n"+behind, "\r\n\r\n") {
		t.Fatalf("%q: the codec waits for more of a whole head", in)
	}
}

// rewriteRequest writes an accepted head and reads it again: nothing may change.
func rewriteRequest(t *testing.T, in string) {
	t.Helper()
	var p, p2 RequestParser
	var r, r2 Request
	var h, h2 http7.Header
	if _, f := p.Parse([]byte(in), &lim, &r, &h); f != nil {
		t.Fatal(f)
	}
	out := AppendRequestLine(nil, r.Method, r.Target)
	if len(r.Authority) == 0 {
		return // an HTTP/1.0 request without Host; forward gives it one
	}
	out = h.AppendLines(out, 0)
	if r.Frame.Kind == Chunked {
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	}
	out = append(out, "\r\n"...)
	wide := Limits{HeadBytes: 2 * lim.HeadBytes, Fields: 2 * lim.Fields, TargetBytes: lim.TargetBytes}
	n, f := p2.Parse(out, &wide, &r2, &h2)
	if f != nil || n != len(out) {
		t.Fatalf("%q\nwritten as %q\nis read to %d of %d with %v", in, out, n, len(out), f)
	}
	r.Proto, r.KeepAlive, r.Continue, r.Trailers, r.Upgrade = r2.Proto, r2.KeepAlive, r2.Continue, r2.Trailers, r2.Upgrade
	if got, want := showRequest(&r2, &h2), showRequest(&r, &h); got != want {
		t.Fatalf("%q\nwritten as %q\n got %s\nwant %s", in, out, got, want)
	}
}

func sameResponse(t *testing.T, in, method string, cut int) {
	t.Helper()
	want, ok := refResponse(in, method, &lim)
	got := headOnly(feed(responses(&lim, method), in))
	if !strings.HasPrefix(in, "\r\n") {
		checkSame(t, in, got, want, ok)
	}
	if again := headOnly(feed(responses(&lim, method), in, cut)); again != got {
		t.Fatalf("%q cut at %d\n  got %s\nfirst %s", in, cut, again, got)
	}
	if ok {
		rewriteResponse(t, in, method)
	}
}

func rewriteResponse(t *testing.T, in, method string) {
	t.Helper()
	var p, p2 ResponseParser
	var r, r2 Response
	var h, h2 http7.Header
	if _, f := p.Parse([]byte(in), &lim, []byte(method), &r, &h); f != nil {
		t.Fatal(f)
	}
	out := h.AppendLines(AppendStatusLine(nil, r.Status, r.Reason), 0)
	if r.Frame.Kind == Chunked {
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	}
	out = append(out, "\r\n"...)
	wide := Limits{HeadBytes: 2 * lim.HeadBytes, Fields: 2 * lim.Fields}
	if n, f := p2.Parse(out, &wide, []byte(method), &r2, &h2); f != nil || n != len(out) {
		t.Fatalf("%q\nwritten as %q\nis read to %d of %d with %v", in, out, n, len(out), f)
	}
	r.Proto, r.KeepAlive = r2.Proto, r2.KeepAlive
	if len(r.Reason) == 0 {
		r.Reason = r2.Reason
	}
	if got, want := showResponse(&r2, &h2), showResponse(&r, &h); got != want {
		t.Fatalf("%q\nwritten as %q\n got %s\nwant %s", in, out, got, want)
	}
}

func sameBody(t *testing.T, in string, cut int) {
	t.Helper()
	want, ok := refBody(in)
	got := readBody(Frame{Kind: Chunked}, http7.Client, in)
	if len(in) > 4<<10 && ok && got == "!bad_chunk" {
		return // extensions may be too large; the reference doesn't know
	}
	if got[0] == '!' == ok || ok && got != want {
		t.Fatalf("%q\n      codec %s\n  reference %s (accepts: %v)", in, got, want, ok)
	}
	if again := readBody(Frame{Kind: Chunked}, http7.Client, in[:cut], in[cut:]); again != got {
		t.Fatalf("%q cut at %d\n  got %s\nfirst %s", in, cut, again, got)
	}
}

// sameTarget compares targets and authorities alone, in each place where they can stand.
func sameTarget(t *testing.T, target, authority string) {
	t.Helper()
	for _, method := range []string{"GET", "OPTIONS", "CONNECT"} {
		sameRequest(t, method+" "+target+" HTTP/1.1\r\nHost: "+authority+"\r\n\r\n", len(target)/2)
	}
	if got, want := isAuthority([]byte(authority)), refAuthority(latin1(authority)); got != want {
		t.Fatalf("authority %q: the codec says %v, the reference %v", authority, got, want)
	}
}

func TestCodecAgreesWithTheGrammar(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	heads := slices.Concat(requestLines, requestFields, requestHops, requestFrames, requestTargets, requestHosts)
	answers := slices.Concat(statusLines, answerFields, answerFrames, headAnswers)
	rounds := 20000
	if testing.Short() {
		rounds = 1000
	}
	for range rounds {
		in := mutate(rng, heads)
		sameRequest(t, in, rng.IntN(len(in)+1))
		in = mutate(rng, answers)
		sameResponse(t, in, []string{"GET", "HEAD", "CONNECT"}[rng.IntN(3)], rng.IntN(len(in)+1))
		in = mutate(rng, chunkedBodies)
		sameBody(t, in, rng.IntN(len(in)+1))
	}
}

// randomAddress draws from the alphabet of addresses, so that many are nearly right.
func randomAddress(rng *rand.Rand) string {
	parts := []string{"::", ":", "1", "ffff", "12345", "1.2.3.4", "256.1.1.1", "0", "a:", "b:", "c:", ".", "01.2.3.4"}
	var s strings.Builder
	for range rng.IntN(10) {
		s.WriteString(parts[rng.IntN(len(parts))])
	}
	return "[" + s.String() + "]"
}

func TestAddressesAgreeWithTheGrammar(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	accepted, n := 0, 50_000
	if testing.Short() {
		n = 10_000
	}
	for range n {
		a := randomAddress(rng)
		got, want := isAuthority([]byte(a)), refAuthority(a)
		if got != want {
			t.Fatalf("%q: the codec says %v, the reference %v", a, got, want)
		}
		if got {
			accepted++
		}
	}
	if accepted < 100 {
		t.Fatalf("only %d addresses were right: the test says little", accepted)
	}
}
