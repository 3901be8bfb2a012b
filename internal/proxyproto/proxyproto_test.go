package proxyproto

import (
	"encoding/binary"
	"hash/crc32"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestLinesOfVersion1(t *testing.T) {
	for in, want := range map[string]Header{
		"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n":         {Version: 1, Source: ap("192.0.2.1:56324"), Destination: ap("192.0.2.2:443")},
		"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n":       {Version: 1, Source: ap("255.255.255.255:65535"), Destination: ap("0.0.0.0:0")},
		"PROXY TCP6 2001:db8::1 2001:DB8::2 1 2\r\n":           {Version: 1, Source: ap("[2001:db8::1]:1"), Destination: ap("[2001:db8::2]:2")},
		"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n": {Version: 1, Source: ap("192.0.2.1:1"), Destination: ap("192.0.2.2:2")},
		"PROXY UNKNOWN\r\n":                             {Version: 1},
		"PROXY UNKNOWN ffff:f::ffff whatever 65535\r\n": {Version: 1},
	} {
		h, n, err := Parse([]byte(in + "GET /"))
		if err != nil || n != len(in) || !reflect.DeepEqual(h, want) {
			t.Errorf("%q: %+v, %d, %v", in, h, n, err)
		}
	}
}

func TestLinesThatVersion1DoesNotAllow(t *testing.T) {
	for in, want := range map[string]error{
		"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n":         ErrMalformed,
		"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 \r\n":      ErrMalformed,
		"PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n":      ErrMalformed,
		"PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n":           ErrMalformed,
		"PROXY TCP4 192.0.2.1 192.0.2.2 056324 443\r\n":      ErrMalformed,
		"PROXY TCP4 192.0.2.1 192.0.2.2 +5 443\r\n":          ErrMalformed,
		"PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n":       ErrMalformed,
		"PROXY TCP4 192.0.2.01 192.0.2.2 1 443\r\n":          ErrMalformed,
		"PROXY TCP4 2001:db8::1 192.0.2.2 1 443\r\n":         ErrMalformed,
		"PROXY TCP6 192.0.2.1 192.0.2.2 1 443\r\n":           ErrMalformed,
		"PROXY TCP6 fe80::1%eth0 fe80::2 1 443\r\n":          ErrMalformed,
		"PROXY UDP4 192.0.2.1 192.0.2.2 1 443\r\n":           ErrMalformed,
		"PROXY UNKNOWNS\r\n":                                 ErrMalformed,
		"PROXY \r\n":                                         ErrMalformed,
		"PROXY \n":                                           ErrMalformed,
		"PROXY UNKNOWN " + strings.Repeat("x", 107) + "\r\n": ErrTooLong,
		"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n":             ErrNone,
		"PROXYTCP4 192.0.2.1 192.0.2.2 1 2\r\n":              ErrNone,
		"GET / HTTP/1.1\r\n":                                 ErrNone,
		"P":                                                  ErrMore,
		"PROXY TCP4 192.0.2.1":                               ErrMore,
		"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r":         ErrMore,
		"PROXY UNKNOWN " + strings.Repeat("x", 107-14):       ErrTooLong,
		"":                    ErrMore,
		"POST / HTTP/1.1\r\n": ErrNone,
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n":            ErrMalformed,
		"PROXY TCP4 192.0.2.1\x00 192.0.2.2 1 2\r\n":          ErrMalformed,
		"PROXY TCP4 ::ffff:192.0.2.1 192.0.2.2 1 2\r\n":       ErrMalformed,
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 PROXY TCP4 x\r\n": ErrMalformed,
	} {
		if h, _, err := Parse([]byte(in)); err != want {
			t.Errorf("%q: %+v, %v, want %v", in, h, err, want)
		}
	}
}

// v2 is a header of version 2 made by hand.
func v2(command, family byte, body string) []byte {
	b := append([]byte(nil), signature2...)
	b = append(b, command, family, byte(len(body)>>8), byte(len(body)))
	return append(b, body...)
}

const four = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x02" // 192.0.2.1:1 to 192.0.2.2:2

func TestHeadersOfVersion2(t *testing.T) {
	source, destination := ap("192.0.2.1:1"), ap("192.0.2.2:2")
	six := "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" + "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x02" + "\x00\x01\x00\x02"
	pad := func(s string) string { return s + strings.Repeat("\x00", 108-len(s)) }
	for what, c := range map[string]struct {
		in   []byte
		want Header
	}{
		"IPv4":                        {v2(proxied, 0x11, four), Header{Source: source, Destination: destination}},
		"IPv6":                        {v2(proxied, 0x21, six), Header{Source: ap("[2001:db8::1]:1"), Destination: ap("[2001:db8::2]:2")}},
		"unix":                        {v2(proxied, 0x31, pad("/run/a")+pad("\x00b")), Header{Unix: true, SourcePath: "/run/a", DestinationPath: "@b"}},
		"unix without names":          {v2(proxied, 0x31, pad("")+pad("")), Header{Unix: true}},
		"unspecified":                 {v2(proxied, 0, ""), Header{}},
		"unspecified, with a host":    {v2(proxied, 0, "\x02\x00\x01a"), Header{Authority: "a"}},
		"a datagram's":                {v2(proxied, 0x12, four), Header{}},
		"local":                       {v2(local, 0, ""), Header{}},
		"local, what it says ignored": {v2(local, 0x11, four+"\x02\x00\x01a"), Header{}},
		"local of any family":         {v2(local, 0xff, "?"), Header{}},
		"host and protocol":           {v2(proxied, 0x11, four+"\x02\x00\x09a.example\x01\x00\x02h2"), Header{Source: source, Destination: destination, Authority: "a.example", ALPN: "h2"}},
		"unknown kinds, twice":        {v2(proxied, 0x11, four+"\xea\x00\x01a\xea\x00\x01b\x04\x00\x00\x04\x00\x03abc"), Header{Source: source, Destination: destination}},
		"an id":                       {v2(proxied, 0x11, four+"\x05\x00\x02\x00\xff"), Header{Source: source, Destination: destination, UniqueID: []byte{0, 255}}},
		"TLS": {v2(proxied, 0x11, four+"\x20\x00\x1d\x03\x00\x00\x00\x00\x21\x00\x07TLSv1.3\x22\x00\x02cn\x23\x00\x06AES128"),
			Header{Source: source, Destination: destination, TLS: &TLS{Version: "TLSv1.3", Cipher: "AES128", ClientCert: true, Verified: true, CommonName: "cn"}}},
		"TLS, not verified":  {v2(proxied, 0x11, four+"\x20\x00\x05\x03\x00\x00\x00\x13"), Header{Source: source, Destination: destination, TLS: &TLS{ClientCert: true}}},
		"TLS, resumed":       {v2(proxied, 0x11, four+"\x20\x00\x05\x05\x00\x00\x00\x00"), Header{Source: source, Destination: destination, TLS: &TLS{InSession: true, Verified: true}}},
		"TLS without a cert": {v2(proxied, 0x11, four+"\x20\x00\x05\x01\x00\x00\x00\x00"), Header{Source: source, Destination: destination, TLS: &TLS{}}},
		"no TLS":             {v2(proxied, 0x11, four+"\x20\x00\x05\x00\x00\x00\x00\x00"), Header{Source: source, Destination: destination}},
	} {
		c.want.Version = 2
		h, n, err := Parse(append(c.in, "\x16\x03\x01"...))
		if err != nil || n != len(c.in) || !reflect.DeepEqual(h, c.want) {
			t.Errorf("%s: %+v, %d, %v; want %+v", what, h, n, err, c.want)
		}
	}
}

func TestHeadersThatVersion2DoesNotAllow(t *testing.T) {
	for what, c := range map[string]struct {
		in   []byte
		want error
	}{
		"version 1 in binary":         {v2(0x11, 0x11, four), ErrMalformed},
		"version 3":                   {v2(0x31, 0x11, four), ErrMalformed},
		"command 2":                   {v2(0x22, 0x11, four), ErrMalformed},
		"family 4":                    {v2(proxied, 0x41, four), ErrMalformed},
		"protocol 3":                  {v2(proxied, 0x13, four), ErrMalformed},
		"a protocol of no family":     {v2(proxied, 0x01, four), ErrMalformed},
		"a family of no protocol":     {v2(proxied, 0x10, four), ErrMalformed},
		"addresses that are cut":      {v2(proxied, 0x11, four[:11]), ErrMalformed},
		"IPv4 that says IPv6":         {v2(proxied, 0x21, four), ErrMalformed},
		"a value's head that is cut":  {v2(proxied, 0x11, four+"\x02\x00"), ErrMalformed},
		"a value that is cut":         {v2(proxied, 0x11, four+"\x02\x00\x05abcd"), ErrMalformed},
		"two hosts":                   {v2(proxied, 0x11, four+"\x02\x00\x01a\x02\x00\x01b"), ErrMalformed},
		"an id of 129 bytes":          {v2(proxied, 0x11, four+"\x05\x00\x81"+strings.Repeat("x", 129)), ErrMalformed},
		"a checksum of three bytes":   {v2(proxied, 0x11, four+"\x03\x00\x03abc"), ErrMalformed},
		"a checksum that is wrong":    {v2(proxied, 0x11, four+"\x03\x00\x04abcd"), ErrChecksum},
		"TLS that is cut":             {v2(proxied, 0x11, four+"\x20\x00\x04\x01\x00\x00\x00"), ErrMalformed},
		"TLS with a value that's cut": {v2(proxied, 0x11, four+"\x20\x00\x07\x01\x00\x00\x00\x00\x21\x00"), ErrMalformed},
		"TLS with two names":          {v2(proxied, 0x11, four+"\x20\x00\x0d\x03\x00\x00\x00\x00\x22\x00\x01a\x22\x00\x01b"), ErrMalformed},
		"over the limit":              {v2(proxied, 0x11, four+strings.Repeat("\x04\x00\xff"+strings.Repeat("x", 255), 16)), ErrTooLong},
		"over the limit, local":       {v2(local, 0, strings.Repeat("x", MaxHeader)), ErrTooLong},
		"a signature that is cut":     {signature2[:11], ErrMore},
		"a head that is cut":          {v2(proxied, 0x11, four)[:15], ErrMore},
		"a body that is cut":          {v2(proxied, 0x11, four)[:27], ErrMore},
		"an almost signature":         {[]byte("\r\n\r\n\x00\r\nQUIT\r"), ErrNone},
	} {
		if h, _, err := Parse(c.in); err != c.want {
			t.Errorf("%s: %+v, %v, want %v", what, h, err, c.want)
		}
	}
}

func TestTheChecksumCoversTheWholeHeader(t *testing.T) {
	b := v2(proxied, 0x11, four+"\x02\x00\x01a\x03\x00\x04\x00\x00\x00\x00\x01\x00\x02h2")
	at := len(b) - 5 - 4
	binary.BigEndian.PutUint32(b[at:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	if h, _, err := Parse(b); err != nil || h.Authority != "a" || h.ALPN != "h2" {
		t.Fatalf("%+v, %v", h, err)
	}
	for i := headLen; i < len(b); i++ {
		lie := append([]byte(nil), b...)
		lie[i] ^= 1
		if _, _, err := Parse(lie); err == nil {
			t.Errorf("byte %d changed, and nobody minds", i)
		}
	}
}

// headers are some that can be written.
func headers() map[string]Header {
	return map[string]Header{
		"IPv4":    {Source: ap("192.0.2.1:1"), Destination: ap("192.0.2.2:65535")},
		"IPv6":    {Source: ap("[2001:db8::1]:1"), Destination: ap("[2001:db8::2]:2")},
		"unix":    {Unix: true, SourcePath: "@client", DestinationPath: "/run/weir.sock"},
		"nothing": {},
		"all": {Source: ap("192.0.2.1:1"), Destination: ap("192.0.2.2:2"), Authority: "a.example", ALPN: "h2", UniqueID: []byte("0123"),
			TLS: &TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", ClientCert: true, Verified: true, CommonName: "partner"}},
	}
}

func TestWhatIsWrittenReadsTheSame(t *testing.T) {
	for name, want := range headers() {
		for version := 1; version <= 2; version++ {
			b := Append([]byte("x"), version, &want)
			h, n, err := Parse(append(b[1:], "data"...))
			want := want
			if want.Unix {
				want = Header{} // HAProxy resets connections that say so
			}
			if want.Version = version; version == 1 {
				want = Header{Version: 1, Source: want.Source, Destination: want.Destination}
			}
			if err != nil || n != len(b)-1 || !reflect.DeepEqual(h, want) {
				t.Errorf("%s, version %d: %q reads as %+v, %v; want %+v", name, version, b, h, err, want)
			}
		}
	}
}

func TestBytesOfWhatIsWritten(t *testing.T) {
	for _, c := range []struct {
		h    Header
		want string
	}{
		{Header{Source: ap("192.0.2.1:56324"), Destination: ap("192.0.2.2:443")}, "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"},
		{Header{Source: ap("[::ffff:192.0.2.1]:1"), Destination: ap("192.0.2.2:2")}, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"},
		{Header{Source: ap("192.0.2.1:1"), Destination: ap("[2001:db8::2]:2")}, "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n"},
		{Header{Source: ap("[fe80::1%eth0]:1"), Destination: ap("[fe80::2%eth0]:2")}, "PROXY TCP6 fe80::1 fe80::2 1 2\r\n"},
		{Header{}, "PROXY UNKNOWN\r\n"},
		{Header{Unix: true}, "PROXY UNKNOWN\r\n"},
	} {
		if got := string(Append(nil, 1, &c.h)); got != c.want {
			t.Errorf("%+v: %q, want %q", c.h, got, c.want)
		}
	}
	// Both were PROXY of another family than IP's, which HAProxy refuses: each request was a 502.
	for _, h := range []Header{{Authority: "a", TLS: &TLS{}}, {Unix: true, SourcePath: "/client", DestinationPath: "/run/x"}} {
		if got, want := string(Append(nil, 2, &h)), string(v2(local, 0, "")); got != want {
			t.Errorf("%+v: %q, want %q", h, got, want)
		}
	}
	h := Header{Source: ap("192.0.2.1:1"), Destination: ap("192.0.2.2:2"), Authority: "a"}
	if got, want := string(Append(nil, 2, &h)), string(v2(proxied, 0x11, four+"\x02\x00\x01a")); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLocalHeadersNameNobody(t *testing.T) {
	for version := 1; version <= 2; version++ {
		b := AppendLocal(nil, version)
		h, n, err := Parse(b)
		if err != nil || n != len(b) || !h.Local() {
			t.Errorf("version %d: %+v, %d, %v", version, h, n, err)
		}
	}
}

func TestTextsThatDoNotFitAreLeftOut(t *testing.T) {
	long := strings.Repeat("x", 600)
	h := Header{Authority: long, ALPN: long, UniqueID: []byte(long), TLS: &TLS{Version: long, CommonName: "cn"}, Source: ap("192.0.2.1:1"), Destination: ap("192.0.2.2:2")}
	got, _, err := Parse(Append(nil, 2, &h))
	if err != nil || got.Authority != "" || got.ALPN != "" || got.UniqueID != nil || got.TLS.Version != "" || got.TLS.CommonName != "cn" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAddressesAsNetHasThem(t *testing.T) {
	for _, c := range []struct {
		source, destination net.Addr
		want                string // of version 1
	}{
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 2}, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "lo", Port: 1}, &net.TCPAddr{IP: net.ParseIP("::1"), Port: 2}, "PROXY TCP6 fe80::1 ::1 1 2\r\n"},
		{&net.UnixAddr{Net: "unix"}, &net.UnixAddr{Net: "unix", Name: "/run/x"}, "PROXY UNKNOWN\r\n"},
		{&net.IPAddr{}, &net.IPAddr{}, "PROXY UNKNOWN\r\n"},
	} {
		var h Header
		h.Set(c.source, c.destination)
		if got := string(Append(nil, 1, &h)); got != c.want {
			t.Errorf("%v to %v: %q, want %q", c.source, c.destination, got, c.want)
		}
		if source, _ := h.Addrs(); h.Local() != (source == nil) || source != nil && source.String() != plainly(c.source) {
			t.Errorf("%v came back as %v", c.source, source)
		}
	}
}

// plainly is an address without its zone.
func plainly(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		return plain(t.AddrPort()).String()
	}
	return a.String()
}

// FuzzParse: never a crash, no other answer for the beginning of a header than "more", nothing that
// can't be written again.
func FuzzParse(f *testing.F) {
	for _, h := range headers() {
		f.Add(Append(nil, 1, &h))
		f.Add(Append(nil, 2, &h))
	}
	f.Add([]byte("PROXY UNKNOWN x\r\n"))
	f.Add(v2(proxied, 0x11, four+"\x03\x00\x04abcd"))
	f.Add(v2(proxied, 0x12, four))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := Parse(b)
		if err == ErrMore && (n <= len(b) || n > MaxHeader) || err == nil && n > len(b) || err != nil && err != ErrMore && n != 0 {
			t.Fatalf("%d bytes: %d, %v", len(b), n, err)
		}
		if err != nil {
			return
		}
		for cut := range n {
			if _, need, err := Parse(b[:cut]); err != ErrMore || need > n {
				t.Fatalf("%d of %d bytes: %d, %v", cut, n, need, err)
			}
		}
		again, _, err := Parse(Append(nil, h.Version, &h))
		if err != nil || again.Source != h.Source || again.Destination != h.Destination {
			t.Fatalf("%+v was written as %+v, %v", h, again, err)
		}
	})
}

func TestWritingTakesNoMemory(t *testing.T) {
	all := headers()["all"]
	buf := make([]byte, 0, 512)
	for version := 1; version <= 2; version++ {
		if n := testing.AllocsPerRun(100, func() { buf = Append(buf[:0], version, &all) }); n != 0 {
			t.Errorf("version %d allocates %v times", version, n)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	all := headers()["all"]
	for version, name := range []string{1: "v1", 2: "v2"} {
		if name == "" {
			continue
		}
		header := Append(nil, version, &all)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Parse(header); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
