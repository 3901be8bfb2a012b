package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// held is an endpoint that answers when it is let go.
func held(t *testing.T) (address string, came, letGo chan struct{}) {
	t.Helper()
	came, letGo = make(chan struct{}, 16), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came <- struct{}{}
		select {
		case <-letGo:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "late")
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), came, letGo
}

// ask sends a request and returns where its answer, or its failure, will come.
func (r *rig) ask(listener string) <-chan string {
	got := make(chan string, 1)
	url := r.url(listener, "/")
	go func() { // ends with the answer
		res, err := r.client.Get(url)
		if err != nil {
			got <- "failed"
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		got <- string(body)
	}()
	return got
}

func TestAStopAnswersWhatHasBegun(t *testing.T) {
	address, came, letGo := held(t)
	r := start(t, "access_log.path = \"-\"\n[listeners.web]\n"+any0+"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \""+address+"\"\n")
	at := r.g.Addr("web").String()
	got := r.ask("web")
	<-came
	r.stop()
	until(t, "it accepts no more", func() bool {
		c, err := net.Dial("tcp", at)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if ok, why := r.g.Ready(); ok || why != "draining" {
		t.Errorf("ready: %v, %q", ok, why)
	}
	if v := r.g.Reload(); v.OK {
		t.Error("a reload was taken while stopping")
	}
	close(letGo)
	if body := <-got; body != "late" {
		t.Errorf("got %q", body)
	}
	<-r.ended
	if !strings.Contains(r.access.String(), `"status":200`) {
		t.Errorf("the last line was lost: %q", r.access)
	}
}

func TestReadinessFailsBeforeAcceptEnds(t *testing.T) {
	r := start(t, "shutdown.delay = \"1h\"\n"+answers("127.0.0.1:0", "still"))
	r.stop()
	until(t, "it is not ready", func() bool { ok, _ := r.g.Ready(); return !ok })
	r.says("web", "/", "still")
	r.g.Cut() // what a second signal does
	<-r.ended
}

func TestWhatOutlastsTheGraceIsCut(t *testing.T) {
	address, came, letGo := held(t)
	defer close(letGo)
	r := start(t, "shutdown.grace = \"50ms\"\n[listeners.web]\n"+any0+"[listeners.raw]\nkind = \"tcp\"\nupstream = \"e\"\n"+any0+
		"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \""+address+"\"\n[upstreams.e]\nendpoints = \""+echo(t)+"\"\n")
	got := r.ask("web")
	<-came
	s := r.session("raw")
	s.echoes("x")
	r.stop()
	<-r.ended
	if body := <-got; body != "failed" {
		t.Errorf("a request that was cut got %q", body)
	}
	s.over()
	if !strings.Contains(r.log.String(), `"cut_sessions":1`) {
		t.Errorf("the log does not count the session that was cut:\n%s", r.log)
	}
}

func TestClientsThatShakeHandsDoNotHoldAStopBeyondItsGrace(t *testing.T) {
	certificate, _ := pair(t, "a.example")
	r := start(t, "shutdown.grace = \"50ms\"\n[listeners.web]\n"+any0+"tls.certificates = ["+certificate+"]\n[[routes]]\nrespond = {}\n")
	c, err := net.Dial("tcp", r.g.Addr("web").String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	until(t, "the connection is there", func() bool { return r.g.Status().Listeners[0].Connections == 1 })
	r.stop()
	<-r.ended // the handshake itself would last 10 s
}

func TestReopenWritesToANewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	r := start(t, "access_log.path = \""+path+"\"\n"+answers("127.0.0.1:0", "x"))
	has := func(file, want string) func() bool {
		return func() bool { b, _ := os.ReadFile(file); return strings.Contains(string(b), want) }
	}
	r.says("web", "/one", "x")
	until(t, "a line", has(path, "/one"))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	r.g.Reopen()
	r.says("web", "/two", "x")
	until(t, "a line in the new file", has(path, "/two"))
	if has(path+".1", "/two")() {
		t.Error("the line went to the old file")
	}
}

func TestWarningsOfAConfigAreLogged(t *testing.T) {
	r := start(t, answers("127.0.0.1:0", "x")+"[upstreams.unused]\nendpoints = \"127.0.0.1:1\"\n")
	if !strings.Contains(r.log.String(), "no route and no listener uses this upstream") {
		t.Errorf("the log is silent:\n%s", r.log)
	}
}

func TestAdminOfReadsAConfigThatIsWrongElsewhere(t *testing.T) {
	t.Setenv("WEIR_TEST_TOKEN", "secret")
	for _, c := range []struct{ text, address, token string }{
		{"", "127.0.0.1:9901", ""},
		{"admin.address = \"unix:/run/w.sock\"\n[listeners.web]\nadress = 1\n", "unix:/run/w.sock", ""},
		{"[admin]\naddress = \"10.0.0.1:1\"\ntoken = { env = \"WEIR_TEST_TOKEN\" }\n[nonsense]\n", "10.0.0.1:1", "secret"},
		{"[admin]\naddress = \"127.0.0.1:7\"\n" + answers(":1", "x"), "127.0.0.1:7", ""},
	} {
		path := filepath.Join(t.TempDir(), "weir.toml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := AdminOf(path)
		if err != nil || got.Address.String() != c.address || got.Token.Reveal() != c.token {
			t.Errorf("%q: %s with token %q, %v; want %s with %q", c.text, got.Address, got.Token.Reveal(), err, c.address, c.token)
		}
	}
	path := filepath.Join(t.TempDir(), "weir.toml")
	_ = os.WriteFile(path, []byte("[admin]\naddress = 5\n"), 0o600)
	if _, err := AdminOf(path); err == nil {
		t.Error("a wrong admin table was taken")
	}
	if _, err := AdminOf(path + ".none"); err == nil {
		t.Error("a file that is not there was taken")
	}
}

func TestAStopUnderLoadTellsEveryClientToClose(t *testing.T) {
	// Each client has one connection and goes on as long as it is not told to close.
	r := start(t, "[listeners.web]\n"+any0+"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \""+endpoint(t, "x")+"\"\n")
	at := r.g.Addr("web").String()
	var answered atomic.Int64
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() { // ends when told to close
			c, err := net.Dial("tcp", at)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			in := bufio.NewReader(c)
			for last := false; !last; answered.Add(1) {
				if last, err = roundTrip(c, in); err != nil {
					t.Error("a request that was begun was not answered:", err)
					return
				}
			}
		})
	}
	until(t, "there is load", func() bool { return answered.Load() > 500 })
	r.stop()
	clients.Wait()
	<-r.ended
}

// roundTrip sends a request, reads the whole answer and returns whether it was the last.
func roundTrip(c net.Conn, in *bufio.Reader) (last bool, err error) {
	if _, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false, err
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && string(body) != "x" {
		err = fmt.Errorf("answer %d %q", res.StatusCode, body)
	}
	return res.Close, err
}
