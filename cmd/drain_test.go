package cmd

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"weir/internal/admin"
)

// held is an endpoint that keeps every request until it is told to answer.
type held struct {
	addr    string
	arrived chan struct{}
	answer  func()
}

func hold(t *testing.T) *held {
	t.Helper()
	release := make(chan struct{})
	h := &held{arrived: make(chan struct{}, 8), answer: sync.OnceFunc(func() { close(release) })}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h.arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "late")
	}))
	t.Cleanup(s.Close)
	t.Cleanup(h.answer)
	h.addr = s.Listener.Addr().String()
	return h
}

func draining(endpoint string) string {
	return "[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nupstream = \"api\"\n[upstreams.api]\nendpoints = \"" + endpoint + "\"\n"
}

func TestADrainSaysWhatIsLeftAndWaitsForIt(t *testing.T) {
	h := hold(t)
	s := run(t, draining(h.addr))
	answered := make(chan string, 1)
	go func() { answered <- s.get("web") }() // ends with the answer
	<-h.arrived
	got := weir(t, "", "drain", "-c", s.path, "api", h.addr)
	if want := "api: " + h.addr + " is draining, 1 in flight\n"; got.code != Fine || got.out != want {
		t.Errorf("drain: %+v, want %q", got, want)
	}
	got = weir(t, "", "drain", "-c", s.path, "api", h.addr, "--wait", "--timeout", "300ms")
	if want := "api: " + h.addr + " is already draining, 1 in flight\n"; got.code != Bad || got.out != want {
		t.Errorf("drain that is not over in time: %+v, want %q", got, want)
	}
	waited := make(chan result, 1)
	go func() { waited <- weir(t, "", "drain", "-c", s.path, "api", h.addr, "--wait", "--json") }() // ends with the command
	h.answer()
	got = <-waited
	var st admin.Standing
	if err := json.Unmarshal([]byte(got.out), &st); err != nil || got.code != Fine || st.InFlight != 0 || st.Endpoints[0].State != "draining" {
		t.Errorf("drain --wait: %+v, %v", got, err)
	}
	if body := <-answered; body != "late" {
		t.Errorf("the request was answered %q", body)
	}
	got = weir(t, "", "undrain", "-c", s.path, "api", h.addr)
	if want := "api: " + h.addr + " is ready, 0 in flight\n"; got.code != Fine || got.out != want {
		t.Errorf("undrain: %+v, want %q", got, want)
	}
}

func TestADrainedEndpointStaysSoAcrossAReload(t *testing.T) {
	h := hold(t)
	s := run(t, draining(h.addr))
	if got := weir(t, "", "drain", "--maintenance", "-c", s.path, "api", h.addr); got.code != Fine || !strings.Contains(got.out, "is maintenance") {
		t.Fatalf("drain --maintenance: %+v", got)
	}
	if got := weir(t, "", "reload", "-c", s.path); got.code != Fine {
		t.Fatalf("reload: %+v", got)
	}
	if got := weir(t, "", "status", "-c", s.path); !strings.Contains(got.out, h.addr+"  maintenance") || !strings.Contains(got.out, "an operator's order") {
		t.Errorf("status: %+v", got)
	}
}

func TestAnOrderForWhatIsNotThereSaysWhatWasMeant(t *testing.T) {
	h := hold(t)
	s := run(t, draining(h.addr))
	_, port, _ := net.SplitHostPort(h.addr)
	for _, c := range []struct{ line, want string }{
		{"drain apo " + h.addr, `there is no upstream "apo"; did you mean "api"?`},
		{"undrain apo " + h.addr, `there is no upstream "apo"; did you mean "api"?`},
		{"drain api 127.0.0.2:" + port, `there is no endpoint "127.0.0.2:` + port + `" in upstream api; there is "` + h.addr + `"`},
		{"drain api nonsense", `there is no endpoint "nonsense" in upstream api; there is "` + h.addr + `"`},
	} {
		if got := weir(t, filepath.Dir(s.path), strings.Fields(c.line)...); got.code != Bad || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: %+v, want %q", c.line, got, c.want)
		}
	}
	if got := weir(t, "", "drain", "api"); got.code != WrongUsage {
		t.Errorf("drain without an endpoint: %+v", got)
	}
	if got := weir(t, "", "drain", "--admin", "unix:/nowhere/c.sock", "api", "a:1"); got.code != CouldNotRun || !strings.Contains(got.err, "is Weir running") {
		t.Errorf("drain without a Weir: %+v", got)
	}
}

func TestOneLineSaysWhatAnOrderCameTo(t *testing.T) {
	for _, c := range []struct {
		st   admin.Standing
		want string
	}{
		{admin.Standing{Upstream: "api", Changed: true, InFlight: 2, Endpoints: []admin.EndpointStatus{{Address: "a:1", State: "draining", Operator: "draining"}}}, "api: a:1 is draining, 2 in flight\n"},
		{admin.Standing{Upstream: "api", Changed: true, Endpoints: []admin.EndpointStatus{{Address: "a:1", State: "down", Operator: "draining"}}}, "api: a:1 is down (and draining), 0 in flight\n"},
		{admin.Standing{Upstream: "api", Endpoints: []admin.EndpointStatus{{Address: "b:1", State: "ready"}, {Address: "a:1", State: "ready"}}}, "api: a:1, b:1 is already ready, 0 in flight\n"},
		{admin.Standing{Upstream: "api", Changed: true, Endpoints: []admin.EndpointStatus{{Address: "a:1", State: "ready"}, {Address: "b:1", State: "down"}}}, "api: a:1, b:1 is in several states, see weir status, 0 in flight\n"},
		{admin.Standing{Upstream: "api", Changed: true, Endpoints: []admin.EndpointStatus{{Address: "a:1", State: "absent", Operator: "draining"}}}, "api: a:1 is absent (and draining), 0 in flight\n"},
		{admin.Standing{Upstream: "api", Changed: true, Endpoints: []admin.EndpointStatus{{Address: "a:1", State: "absent"}}}, "api: a:1 is absent, 0 in flight\n"},
	} {
		var out strings.Builder
		if err := (&program{out: &out}).tellStanding(false, &c.st); err != nil || out.String() != c.want {
			t.Errorf("got %q, %v; want %q", out.String(), err, c.want)
		}
	}
}

func TestAShellCompletesUpstreamsAndEndpoints(t *testing.T) {
	h := hold(t)
	s := run(t, draining(h.addr))
	for _, c := range []struct{ line, want string }{
		{"drain -c " + s.path + " ", "api\tewma\n:4\n"},
		{"undrain -c " + s.path + " api ", h.addr + "\tready\n:4\n"},
		{"drain -c " + s.path + " nope ", ":4\n"},
		{"drain -c " + s.path + " api " + h.addr + " ", ":4\n"},
		{"drain --admin unix:/nowhere/d.sock ", ":4\n"},
	} {
		args := append([]string{"__complete"}, strings.Split(c.line, " ")...)
		if got := weir(t, "", args...); got.out != c.want {
			t.Errorf("%s completes to %q, want %q", c.line, got.out, c.want)
		}
	}
}
