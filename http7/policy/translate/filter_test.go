package translate

import (
	"encoding/base64"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

// frame returns a frame of gRPC.
func frame(flags byte, message string) string {
	n := len(message)
	return string([]byte{flags, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + message
}

var pieces = []int{1, 2, 3, 4, 5, 7, 64, 40_000}

func TestMessagesCrossAndTrailersAreTheLastFrame(t *testing.T) {
	p := compile(t, conf.Enforce)[0]
	messages := frame(0, "hello") + frame(1, "") + frame(0, strings.Repeat("x", 1000))
	trailer := [][2]string{{"grpc-status", "0"}, {"Grpc-Message", ""}, {"x-end", "a"}, {"x-end", "b"}}
	last := frame(0x80, "grpc-status: 0\r\ngrpc-message: \r\nx-end: a\r\nx-end: b\r\n")
	coded := base64.StdEncoding.EncodeToString
	for _, piece := range pieces {
		x, _ := exchange("application/grpc-web", -1)
		if sent, got := through(t, x, p, messages, messages, trailer, piece); sent != messages || got != messages+last {
			t.Errorf("binary in %d: sent %q, got %q", piece, sent, got)
		}
		x, _ = exchange("application/grpc-web-text", -1)
		if sent, got := through(t, x, p, coded([]byte(messages)), messages, trailer, piece); sent != messages || got != coded([]byte(messages+last)) {
			t.Errorf("text in %d: sent %q, got %q", piece, sent, got)
		}
	}
}

func TestAnAnswerWithoutTrailersHasNoLastFrame(t *testing.T) {
	p := compile(t, conf.Enforce)[0]
	for kind, want := range map[string]string{"application/grpc-web": frame(0, "a"), "application/grpc-web-text": "AAAAAAFh"} {
		x, _ := exchange(kind, -1)
		if _, got := through(t, x, p, "", frame(0, "a"), nil, 100); got != want {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
}

func TestTrailersThatFillMoreThanABlockLeaveWhole(t *testing.T) {
	p := compile(t, conf.Enforce)[0]
	long := strings.Repeat("v", 100_000)
	x, _ := exchange("application/grpc-web", -1)
	if _, got := through(t, x, p, "", "", [][2]string{{"x-long", long}}, 32<<10); got != frame(0x80, "x-long: "+long+"\r\n") {
		t.Errorf("got %d bytes", len(got))
	}
	var e encoder
	e.last = make([]byte, 0, mostLast+1)
	if e.reset(false); cap(e.last) != 0 {
		t.Error("the memory is kept")
	}
}

func TestTextIsPaddedWhereTheEndpointPauses(t *testing.T) {
	var e encoder
	e.reset(true)
	e.trailer = new(http7.Header)
	e.trailer.AddRaw([]byte("grpc-status"), []byte("0"))
	room := make([]byte, 0, 100)
	var got []string
	for _, c := range []struct {
		in  string
		how http7.How
	}{{frame(0, "ab"), http7.More}, {"", http7.Flush}, {"", http7.Flush}, {frame(0, "c"), http7.Flush}, {"", http7.Last}} {
		out, taken, done, f := e.Write(room, []byte(c.in), c.how)
		if taken != len(c.in) || !done || f != nil {
			t.Errorf("%q: took %d, done %v, %v", c.in, taken, done, f)
		}
		got = append(got, string(out))
	}
	want := []string{"AAAAAAJh", "Yg==", "", "AAAAAAFj", base64.StdEncoding.EncodeToString([]byte(frame(0x80, "grpc-status: 0\r\n")))}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBrokenRequestsAreRefused(t *testing.T) {
	message := frame(0, "hello")
	for _, c := range []struct {
		what, body string
		text, ok   bool
	}{
		{"nothing", "", false, true},
		{"a message", message, false, true},
		{"two", message + message, false, true},
		{"a compressed one", frame(1, "x"), false, true},
		{"half a head", message[:3], false, false},
		{"half a message", message[:7], false, false},
		{"a flag that there is not", frame(2, "x"), false, false},
		{"trailers", message + frame(0x80, "a: b\r\n"), false, false},
		{"base64", "AAAAAAVoZWxsbw==", true, true},
		{"in pieces", "AA==AAAABQ==aGU=bGxv", true, true},
		{"without padding", "AAAAAAVoZWxsbw", true, false},
		{"bits that are left over", "AAAAAAVoZWxsbx==", true, false},
		{"and by one", "AAAAAARoZWxsb3==", true, false},
		{"padding alone", "====", true, false},
		{"padding within", "AA=A", true, false},
		{"padding too early", "A===", true, false},
		{"of the URL's alphabet", "AAAAAAH_", true, false},
		{"a line end", "AAAA\r\nAAVoZWxsbw==", true, false},
		{"binary for text", message, true, false},
		{"half a message as text", "AAAAAAVoZWxs", true, false},
	} {
		for _, piece := range pieces {
			var d decoder
			d.reset(c.text)
			out, f := drive(&d, []byte(c.body), piece, true)
			if (f == nil) != c.ok || f != nil && f != http7.BadContent {
				t.Errorf("%s in %d: %q, %v", c.what, piece, out, f)
			}
			if c.ok && c.text && out != message {
				t.Errorf("%s in %d: %q", c.what, piece, out)
			}
		}
	}
}

func TestBrokenAnswersAreCut(t *testing.T) {
	for _, text := range []bool{false, true} {
		for _, body := range []string{"hello", frame(0, "hello")[:8], frame(0x80, "grpc-status: 0\r\n"), frame(0, "a") + "\x01"} {
			var e encoder
			e.reset(text)
			e.trailer = new(http7.Header)
			if out, f := drive(&e, []byte(body), 100, false); f != http7.BadAnswerFrame {
				t.Errorf("%q: %q, %v", body, out, f)
			}
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(frame(0, "hello")+frame(1, "")), uint8(3))
	f.Add([]byte(frame(0x80, "grpc-status: 0\r\n")), uint8(1))
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 1}, uint8(6))
	f.Fuzz(func(t *testing.T, body []byte, piece uint8) {
		want, whole := model(body)
		var fr frames
		ok := true
		for at, n := 0, int(piece)+1; ok && at < len(body); at += n {
			ok = fr.follow(body[at:min(at+n, len(body))])
		}
		if ok != want || ok && fr.whole() != whole {
			t.Errorf("%q in %d: %v and whole %v, want %v and %v", body, piece, ok, fr.whole(), want, whole)
		}
	})
}

// model is what frames does, with the whole body at hand.
func model(b []byte) (ok, whole bool) {
	for len(b) > 0 {
		if b[0] > 1 {
			return false, false
		}
		if len(b) < 5 {
			return true, false
		}
		n := int(b[1])<<24 | int(b[2])<<16 | int(b[3])<<8 | int(b[4])
		if len(b)-5 < n {
			return true, false
		}
		b = b[5+n:]
	}
	return true, true
}

func FuzzTextIsReadAsTheStandardLibraryReadsIt(f *testing.F) {
	f.Add("AAAAAAVoZWxsbw==", uint8(3))
	f.Add("AA==AAAABQ==aGU=bGxv", uint8(1))
	f.Add("A===", uint8(9))
	f.Fuzz(func(t *testing.T, text string, piece uint8) {
		want, ok := groups(text)
		var d decoder
		var got []byte
		room, at := make([]byte, 0, 3+int(piece)), 0
		fine := true
		for fine && at < len(text) {
			var out []byte
			var taken int
			out, taken, fine = d.decode(room, []byte(text[at:min(at+1+int(piece), len(text))]))
			got = append(got, out...)
			at += taken
		}
		if fine = fine && d.n == 0; fine != ok || fine && string(got) != want {
			t.Errorf("%q: %q %v, want %q %v", text, got, fine, want, ok)
		}
	})
}

// groups decodes every four characters by themselves.
func groups(text string) (out string, ok bool) {
	strict := base64.StdEncoding.Strict()
	for ; text != ""; text = text[4:] {
		if len(text) < 4 || strings.ContainsAny(text[:4], "\r\n") {
			return "", false
		}
		b, err := strict.DecodeString(text[:4])
		if err != nil {
			return "", false
		}
		out += string(b)
	}
	return out, true
}
