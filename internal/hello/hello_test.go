package hello

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// recorder is a connection that keeps what is written and gives in.
type recorder struct {
	net.Conn
	wrote bytes.Buffer
	in    *bytes.Reader
}

func (r *recorder) Write(b []byte) (int, error) { return r.wrote.Write(b) }
func (r *recorder) Read(b []byte) (int, error) {
	if r.in == nil {
		return 0, io.EOF
	}
	return r.in.Read(b)
}

// real returns the hello of crypto/tls with c.
func real(t testing.TB, c *tls.Config) []byte {
	t.Helper()
	var r recorder
	if err := tls.Client(&r, c).Handshake(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return r.wrote.Bytes()
}

// served returns what crypto/tls reads from b as a server; ok is false if it finds no hello.
func served(b []byte) (h Hello, ok bool) {
	seen := errors.New("seen")
	c := &tls.Config{GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		h, ok = Hello{ServerName: strings.ToLower(info.ServerName), ALPN: slices.Clone(info.SupportedProtos)}, true
		return nil, seen
	}}
	_ = tls.Server(&recorder{in: bytes.NewReader(b)}, c).Handshake()
	return h, ok
}

// split puts the message of one record into records of n bytes each.
func split(b []byte, n int) (all []byte) {
	for part := range slices.Chunk(b[recordHead:], n) {
		all = append(all, b[0], b[1], b[2], 0, 0)
		binary.BigEndian.PutUint16(all[len(all)-2:], uint16(len(part)))
		all = append(all, part...)
	}
	return all
}

func configs() map[string]*tls.Config {
	long := make([]string, 300)
	for i := range long {
		long[i] = "protocol-" + strings.Repeat("x", i%40+1)
	}
	return map[string]*tls.Config{
		"today's, with a post-quantum key":  {ServerName: "db.example.com", NextProtos: []string{"h2", "http/1.1"}},
		"without X25519MLKEM768":            {ServerName: "db.example.com", CurvePreferences: []tls.CurveID{tls.X25519}},
		"TLS 1.2 alone":                     {ServerName: "DB.Example.COM", MaxVersion: tls.VersionTLS12},
		"without a name":                    {InsecureSkipVerify: true, NextProtos: []string{"postgresql"}},
		"an address, which is not sent":     {ServerName: "192.0.2.1"},
		"with 300 protocols, over one page": {ServerName: "a.example", NextProtos: long},
		"acme":                              {ServerName: "new.example.com", NextProtos: []string{"acme-tls/1"}},
	}
}

func same(a, b Hello) bool { return a.ServerName == b.ServerName && slices.Equal(a.ALPN, b.ALPN) }

func TestRealHellosReadAsCryptoTLSReadsThem(t *testing.T) {
	for name, c := range configs() {
		whole := real(t, c)
		want, ok := served(whole)
		if !ok {
			t.Fatalf("%s: crypto/tls finds no hello", name)
		}
		for _, n := range []int{len(whole), 1000, 97, 4, 1} {
			b := split(whole, n)
			if got, _, err := Parse(append(b, "what follows"...)); err != nil || !same(got, want) {
				t.Errorf("%s in records of %d: %+v, %v; crypto/tls reads %+v", name, n, got, err, want)
			}
		}
	}
	if h, _, _ := Parse(real(t, configs()["acme"])); !h.Offers("acme-tls/1") || h.Offers("h2") {
		t.Errorf("%+v offers acme-tls/1 alone", h)
	}
}

func TestATruncatedHelloAsksForMoreAndNeverForTooMuch(t *testing.T) {
	for name, c := range configs() {
		whole := real(t, c)
		for _, n := range []int{len(whole), 1500, 50} {
			b := split(whole, n)
			for cut := range len(b) {
				_, need, err := Parse(b[:cut])
				if err != ErrMore || need <= cut || need > len(b) {
					t.Fatalf("%s, %d of %d bytes, records of %d: %v, need %d", name, cut, len(b), n, err, need)
				}
			}
		}
	}
}

func TestFewCallsReadAHelloOfManyRecords(t *testing.T) {
	b := split(real(t, configs()["with 300 protocols, over one page"]), 1000)
	calls := 0
	for have := 0; ; calls++ {
		_, need, err := Parse(b[:have])
		if err == nil {
			break
		}
		have = need
	}
	if records := len(b)/1000 + 1; calls > 2*records+2 {
		t.Errorf("%d calls for %d records", calls, records)
	}
}

// message is a hello in one record, made from its extensions.
func message(extensions ...[]byte) []byte {
	body := append([]byte{3, 3}, make([]byte, 32)...)
	body = append(body, 0, 0, 2, 0x13, 1, 1, 0)
	all := bytes.Join(extensions, nil)
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(all))), all...)
	b := []byte{handshake, 3, 1, 0, 0, clientHello, 0, byte(len(body) >> 8), byte(len(body))}
	binary.BigEndian.PutUint16(b[3:], uint16(4+len(body)))
	return append(b, body...)
}

func extension(kind int, body string) []byte {
	b := []byte{0, byte(kind), 0, byte(len(body))}
	return append(b, body...)
}

func TestHellosThatLieAreRefused(t *testing.T) {
	name := extension(extServerName, "\x00\x0c\x00\x00\x09a.example")
	if h, _, err := Parse(message(name)); err != nil || h.ServerName != "a.example" {
		t.Fatalf("%+v, %v", h, err)
	}
	for what, b := range map[string]struct {
		in   []byte
		want error
	}{
		"no extensions at all":         {message()[:5+4+2+32+1+4+2], ErrMore},
		"a name twice":                 {message(name, name), ErrMalformed},
		"two names in one list":        {message(extension(0, "\x00\x08\x00\x00\x01a\x00\x00\x01b")), ErrMalformed},
		"an empty name":                {message(extension(0, "\x00\x03\x00\x00\x00")), ErrMalformed},
		"an empty list of names":       {message(extension(0, "\x00\x00")), ErrMalformed},
		"a name with a dot at its end": {message(extension(0, "\x00\x05\x00\x00\x02a.")), ErrMalformed},
		"a name with a zero byte":      {message(extension(0, "\x00\x06\x00\x00\x03a\x00b")), ErrMalformed},
		"a name with a space":          {message(extension(0, "\x00\x06\x00\x00\x03a b")), ErrMalformed},
		"a list longer than it is":     {message(extension(0, "\x00\x05\x00\x00\x09a")), ErrMalformed},
		"bytes behind the list":        {message(extension(0, "\x00\x04\x00\x00\x01a!")), ErrMalformed},
		"an empty protocol":            {message(extension(16, "\x00\x01\x00")), ErrMalformed},
		"no protocols":                 {message(extension(16, "\x00\x00")), ErrMalformed},
		"protocols twice":              {message(extension(16, "\x00\x02\x01x"), extension(16, "\x00\x02\x01y")), ErrMalformed},
		"an extension that is cut":     {message([]byte{0, 16, 0, 9, 1}), ErrMalformed},
		"a server's hello":             {[]byte{22, 3, 3, 0, 4, 2, 0, 0, 0}, ErrMalformed},
		"an empty record":              {[]byte{22, 3, 1, 0, 0}, ErrMalformed},
		"an alert amid the records":    {[]byte{22, 3, 1, 0, 1, 1, 21, 3, 1, 0, 2}, ErrMalformed},
		"a record over 16 KiB":         {[]byte{22, 3, 1, 0x40, 1}, ErrMalformed},
		"a message over the limit":     {[]byte{22, 3, 1, 0x40, 0, 1, 0, 0x80, 0}, ErrTooLong},
		"a request":                    {[]byte("GET / HTTP/1.1\r\n"), ErrNotTLS},
		"SSL 2":                        {[]byte{0x80, 0x2e, 1, 3, 1}, ErrNotTLS},
		"a PROXY header":               {[]byte("PROXY TCP4 "), ErrNotTLS},
		"nothing yet":                  {nil, ErrMore},
	} {
		if h, _, err := Parse(b.in); err != b.want {
			t.Errorf("%s: %+v, %v, want %v", what, h, err, b.want)
		}
	}
}

func TestAnotherKindOfNameIsPassedOver(t *testing.T) {
	b := message(extension(0, "\x00\x09\x07\x00\x01?\x00\x00\x02ok"))
	if h, _, err := Parse(b); err != nil || h.ServerName != "ok" {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestAHelloWithoutExtensionsHasNoName(t *testing.T) {
	b := message()
	b = b[:len(b)-2]
	b[4] -= 2
	b[8] -= 2
	if h, _, err := Parse(b); err != nil || h.ServerName != "" || h.ALPN != nil {
		t.Errorf("%+v, %v", h, err)
	}
}

// FuzzParse: never a crash, never a different answer once more bytes came, and what crypto/tls takes
// reads the same here.
func FuzzParse(f *testing.F) {
	for _, c := range configs() {
		b := real(f, c)
		f.Add(b)
		f.Add(split(b, 100))
	}
	f.Add(message(extension(extServerName, "\x00\x0c\x00\x00\x09a.example"), extension(16, "\x00\x03\x02h2")))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, need, err := Parse(b)
		if err == ErrMore && (need <= len(b) || need > MaxLen) {
			t.Fatalf("%d bytes need %d", len(b), need)
		}
		if err == nil && len(b) < 4<<10 {
			sooner(t, b, h)
		}
		if want, ok := served(b); ok && err == nil && !same(h, want) {
			t.Fatalf("%+v, but crypto/tls reads %+v", h, want)
		}
	})
}

// sooner checks that no beginning of b says anything but ErrMore or h.
func sooner(t *testing.T, b []byte, h Hello) {
	for cut := 0; cut < len(b); cut += 1 + len(b)/200 {
		if got, _, err := Parse(b[:cut]); err != ErrMore && (err != nil || !same(got, h)) {
			t.Fatalf("%d of %d bytes: %+v, %v; all of them: %+v", cut, len(b), got, err, h)
		}
	}
}

func TestAHelloInOneRecordIsNotCopied(t *testing.T) {
	b := real(t, &tls.Config{ServerName: "db.example.com"})
	if n := testing.AllocsPerRun(100, func() { _, _, _ = Parse(b) }); n > 1 { // the name
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	hello := real(b, &tls.Config{ServerName: "db.example.com", NextProtos: []string{"h2", "http/1.1"}})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse(hello); err != nil {
			b.Fatal(err)
		}
	}
}
