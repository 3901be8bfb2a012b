package admin

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// client returns a client of s, with the port that the system chose.
func client(t *testing.T, s *Server, token string) *Client {
	t.Helper()
	address := s.Addr().String()
	if s.Addr().Network() == "unix" {
		address = "unix:" + address
	}
	c, err := NewClient(config(t, address, token))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheClientGetsVerdictsOverTCPAndSockets(t *testing.T) {
	const token = "a token of some length"
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "unix:" + filepath.Join(t.TempDir(), "s")} {
		for _, want := range []Verdict{
			{OK: true, Generation: 7, Problems: []Problem{}},
			{OK: false, Generation: 6, Problems: []Problem{
				{Where: "weir.toml:42:8", Key: "routes[2].upstream", Text: `there is no upstream "oders"`, Hint: `did you mean "orders"?`},
				{Text: "listeners.web.address :80: bind: permission denied"}, {Text: "unused", Warning: true},
			}},
		} {
			s := serve(t, config(t, address, token), (&stub{verdict: want}).gateway())
			got, err := client(t, s, token).Reload(context.Background())
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %+v, %v; want %+v", address, got, err, want)
			}
			s.Close()
		}
	}
}

func TestTheClientReadsTheStatusAsItWasGiven(t *testing.T) {
	st := &stub{}
	s := serve(t, config(t, "127.0.0.1:0", ""), st.gateway())
	got, err := client(t, s, "").Status(context.Background())
	want := st.gateway().Status()
	want.Ready = true
	want.fill()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestTheClientSaysWhatTheServerSaid(t *testing.T) {
	s := serve(t, config(t, "127.0.0.1:0", "the right token here"), (&stub{}).gateway())
	_, err := client(t, s, "a wrong one").Reload(context.Background())
	if err == nil || !strings.Contains(err.Error(), "401 Unauthorized: send the admin token") {
		t.Errorf("error %v", err)
	}
}

func TestAServerThatIsNotThereIsAnErrorWithItsAddress(t *testing.T) {
	for _, address := range []string{"127.0.0.1:1", "unix:" + filepath.Join(t.TempDir(), "none")} {
		c, err := NewClient(config(t, address, ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Status(context.Background()); err == nil || !strings.Contains(err.Error(), "admin server at "+address) {
			t.Errorf("%s: error %v", address, err)
		}
	}
}

func TestTheContextsDeadlineEndsACall(t *testing.T) {
	g, release := (&stub{}).gateway(), make(chan struct{})
	g.Reload = func(context.Context) Verdict { <-release; return Verdict{} }
	s := serve(t, config(t, "127.0.0.1:0", ""), g)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := client(t, s, "").Reload(ctx)
	close(release)
	if err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("error %v", err)
	}
}

func TestTheClientFindsTheServerOfAConfig(t *testing.T) {
	for address, host := range map[string]string{
		"127.0.0.1:9901": "127.0.0.1:9901", "10.0.0.7:1": "10.0.0.7:1", ":9901": "127.0.0.1:9901", "0.0.0.0:9901": "127.0.0.1:9901",
		"[::]:9901": "[::1]:9901", "unix:/run/weir.sock": "localhost", "off": "",
	} {
		c, err := NewClient(config(t, address, ""))
		if (err == nil) != (host != "") || err == nil && c.host != host {
			t.Errorf("%s: %+v, %v; want %q", address, c, err, host)
		}
	}
	if _, err := NewClient(Config{}); err == nil {
		t.Error("no address: no error")
	}
}

func TestTargetsAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:9901": "127.0.0.1:9901", "http://127.0.0.1:9901": "127.0.0.1:9901", "http://localhost:9901/": "localhost:9901",
		"unix:/run/weir.sock": "unix:/run/weir.sock", "https://127.0.0.1:9901": "", "9901": "",
	} {
		a, err := ParseTarget(text)
		if (err == nil) != (want != "") || a.String() != want {
			t.Errorf("%q is read as %q, %v; want %q", text, a, err, want)
		}
	}
}

func TestProblemsReadWell(t *testing.T) {
	for want, p := range map[string]Problem{
		"text":                                  {Text: "text"},
		"weir.toml:1:2: a.b: text\n  hint: try": {Where: "weir.toml:1:2", Key: "a.b", Text: "text", Hint: "try"},
		"warning: a.b: text":                    {Key: "a.b", Text: "text", Warning: true},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// FuzzHost feeds hosts from outside to the guard: only an IP address or localhost may pass.
func FuzzHost(f *testing.F) {
	for _, h := range []string{"localhost:1", "127.0.0.1", "[::1]:2", "[::1", "evil.example:80", "::1", "1.2.3.4:x", "[fe80::1%25lo]:1", ""} {
		f.Add(h)
	}
	a := Default().Address
	f.Fuzz(func(t *testing.T, host string) {
		if !hostAllowed(a, host) {
			return
		}
		name := hostOnly(host)
		if strings.ToLower(name) != "localhost" && strings.Trim(name, "0123456789abcdefABCDEF:.%") != "" && !strings.Contains(name, "%") {
			t.Errorf("%q is allowed", host)
		}
	})
}
