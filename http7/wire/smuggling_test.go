package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

// obfuscated are Transfer-Encoding fields by which request smuggling has made two servers disagree
// (T-Reqs, HTTP Desync Attacks and their successors). Each stands beside a Content-Length: what
// isn't refused must not have been a Transfer-Encoding at all, under any reading that is in use.
var obfuscated = []string{
	"Transfer-Encoding: chunked",
	"Transfer-Encoding:chunked",
	"Transfer-Encoding:\tchunked",
	"Transfer-Encoding:  chunked",
	"Transfer-Encoding: chunked ",
	"Transfer-Encoding: chunked\t",
	"Transfer-Encoding : chunked",
	"Transfer-Encoding\t:chunked",
	"Transfer-Encoding\x00: chunked",
	"Transfer-Encoding\v: chunked",
	"Transfer-Encoding\xa0: chunked",
	" Transfer-Encoding: chunked",
	"\tTransfer-Encoding: chunked",
	"\x00Transfer-Encoding: chunked",
	"X: y\nTransfer-Encoding: chunked",
	"X: y\rTransfer-Encoding: chunked",
	"X: y\r\rTransfer-Encoding: chunked",
	"X: y\r\n Transfer-Encoding: chunked",
	"Transfer-Encoding:\r\n chunked",
	"Transfer-Encoding:\n chunked",
	"Transfer-Encoding\r\n: chunked",
	"Transfer-Encoding: \x00chunked",
	"Transfer-Encoding: chunked\x00",
	"Transfer-Encoding: \vchunked",
	"Transfer-Encoding: chunked\v",
	"Transfer-Encoding: \fchunked",
	"Transfer-Encoding: \x7fchunked",
	"Transfer-Encoding: \xffchunked",
	"Transfer-Encoding: \xa0chunked",
	"Transfer-Encoding: chu\rnked",
	"Transfer-Encoding: \"chunked\"",
	"Transfer-Encoding: 'chunked'",
	"Transfer-Encoding: chunked;",
	"Transfer-Encoding: chunked;x=y",
	"Transfer-Encoding: chunked, identity",
	"Transfer-Encoding: identity, chunked",
	"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
	"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
	"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
	"Transfer-Encoding: chunked, cow",
	"Transfer-Encoding: cow, chunked",
	"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
	"Transfer-Encoding: ,chunked",
	"Transfer-Encoding: chunked,",
	"Transfer-Encoding: xchunked",
	"Transfer-Encoding: chunkedx",
	"Transfer-Encoding: chunk",
	"Transfer-Encoding: CHUNKED",
	"Transfer-Encoding: c\u212Ahunked",
	"Transfer-Encoding:",
	"Transfer-Encoding",
	"Transfer-Encoding chunked",
	"TRANSFER-ENCODING: chunked",
	"tRANSFER-ENCODING: chunked",
	"Tran\u017Ffer-Encoding: chunked",
	"Content-Length: 4",
	"Content-Length: 5",
	"Content-Length : 5",
	"content-length: 05",
	"Content-Length\x00: 5",
	"Content-Length: 4\x00",
	"Content-Length: 4, 5",
	"X: y\nContent-Length: 5",
	"X: y\r\n Content-Length: 5",
}

func TestLengthBesideAnotherFramingIsRefused(t *testing.T) {
	for _, field := range obfuscated {
		for _, fields := range []string{"Content-Length: 4\r\n" + field, field + "\r\nContent-Length: 4"} {
			in := post + fields + "\r\n\r\n"
			if got := feed(requests(&lim), in); got == "" || got[0] != '!' {
				t.Errorf("request %q: got %s, want it refused", in, got)
			}
			in = ok + fields + "\r\n\r\n"
			if got := feed(responses(&lim, "GET"), in); got == "" || got[0] != '!' {
				t.Errorf("answer %q: got %s, want it refused", in, got)
			}
		}
	}
}

// By CGI's rules these are framing fields too, so they never reach an endpoint.
func TestFramingWithUnderscoresDoesNotPass(t *testing.T) {
	for _, field := range []string{"Transfer_Encoding: chunked", "Content_Length: 9", "transfer_ENCODING: x", "HO_ST: a", "Connection_: x"} {
		in := post + "Content-Length: 4\r\n" + field + "\r\n\r\n"
		if got, want := feed(requests(&lim), in), "POST a / len:4 keep|Host: a;Content-Length: 4"; got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// A second opinion: what the codec accepts, net/http reads alike, if it accepts it at all.
func TestAcceptedRequestsMeanTheSameToNetHTTP(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	heads := slices.Concat(requestLines, requestFields, requestHops, requestFrames, requestTargets, requestHosts)
	compared := 0
	for range 5000 {
		in := strings.TrimLeft(mutate(rng, heads), "\r\n")
		var p RequestParser
		var r Request
		var h http7.Header
		n, f := p.Parse([]byte(in), &lim, &r, &h)
		if n == 0 || f != nil {
			continue
		}
		other, err := http.ReadRequest(bufio.NewReader(strings.NewReader(in[:n])))
		if err != nil {
			continue
		}
		compared++
		want := fmt.Sprint(other.Method, " ", other.Host, " ", other.ContentLength, " ", other.TransferEncoding)
		length, coding := int64(0), []string(nil)
		switch r.Frame.Kind {
		case Length:
			length = r.Frame.Length
		case Chunked:
			length, coding = -1, []string{"chunked"}
		}
		if got := fmt.Sprint(string(r.Method), " ", string(r.Authority), " ", length, " ", coding); got != want {
			t.Fatalf("%q\n    codec %s\n net/http %s", in[:n], got, want)
		}
	}
	if compared < 500 {
		t.Fatalf("only %d requests were compared: the test says little", compared)
	}
}

func TestAcceptedBodiesMeanTheSameToNetHTTP(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	compared := 0
	for range 5000 {
		in := mutate(rng, chunkedBodies)
		got := readBody(Frame{Kind: Chunked}, http7.Client, in)
		if got[0] == '!' {
			continue
		}
		answer := ok + "Transfer-Encoding: chunked\r\n\r\n" + in
		other, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(other.Body)
		if err != nil {
			continue
		}
		compared++
		if want := fmt.Sprintf("%q ", body); !strings.HasPrefix(got, want) {
			t.Fatalf("%q\n    codec %s\n net/http %s", in, got, want)
		}
	}
	if compared < 500 {
		t.Fatalf("only %d bodies were compared: the test says little", compared)
	}
}

// Bodies of any size, in chunks of any size, come through cut at random.
func TestRandomBodiesComeThroughWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		body := make([]byte, rng.IntN(5000))
		for i := range body {
			body[i] = "\r\n0;f x"[rng.IntN(7)]
		}
		var chunked []byte
		for rest := body; len(rest) > 0; {
			n := 1 + rng.IntN(min(len(rest), 1000))
			chunked = AppendChunk(chunked, rest[:n])
			rest = rest[n:]
		}
		chunked = AppendLastChunk(chunked, nil)
		comesThrough(t, rng, Frame{Kind: Chunked}, chunked, body)
		comesThrough(t, rng, Frame{Kind: Length, Length: int64(len(body))}, body, body)
		comesThrough(t, rng, Frame{Kind: UntilClose}, body, body)
	}
}

func comesThrough(t *testing.T, rng *rand.Rand, f Frame, wire, body []byte) {
	t.Helper()
	var fr Framer
	fr.Reset(f, nil, http7.Upstream)
	var got []byte
	for at := 0; at < len(wire); {
		b := wire[at:min(len(wire), at+1+rng.IntN(700))]
		chunk, n, s, fault := fr.Next(b)
		if s == http7.Failure || s == http7.End && n == 0 {
			t.Fatalf("kind %d: state %d, fault %v at %d of %d", f.Kind, s, fault, at, len(wire))
		}
		got = append(got, chunk...)
		at += n
	}
	if fault := fr.Finish(); fault != nil || !bytes.Equal(got, body) {
		t.Fatalf("kind %d: %d of %d bytes came, fault %v", f.Kind, len(got), len(body), fault)
	}
}
