package gateway

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"weir/internal/admin"
	"weir/internal/conf"
)

// answers is a config of one listener that answers body.
func answers(address, body string) string {
	return "[listeners.web]\naddress = \"" + address + "\"\n[[routes]]\nrespond = { body = \"" + body + "\" }\n"
}

func TestAReloadServesTheNewConfig(t *testing.T) {
	r := start(t, answers("127.0.0.1:0", "old"))
	at := r.g.Addr("web").String()
	r.says("web", "/", "old")
	r.reload(answers("127.0.0.1:0", "new"))
	r.says("web", "/", "new")
	if got := r.g.Addr("web").String(); got != at {
		t.Errorf("the listener moved from %s to %s", at, got)
	}
	if s := r.g.Status(); s.Generation != 2 {
		t.Errorf("generation %d, want 2", s.Generation)
	}
}

func TestAWrongReloadKeepsTheOldConfigAndSaysWhy(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct{ config, where, text string }{
		"a typing error":             {"[listeners.web]\nadress = \":1\"\n", ":3:1", "adress"},
		"routes that tie":            {answers("127.0.0.1:0", "new") + "[[routes]]\nrespond = {}\n", ":6:1", "neither is more specific"},
		"a port in use":              {answers("127.0.0.1:0", "new") + "[listeners.b]\naddress = \"" + taken.Addr().String() + "\"\n", "", "listener b"},
		"a log that can't be opened": {"access_log.path = \"/proc/none/log\"\n" + answers("127.0.0.1:0", "new"), "", "/proc/none/log"},
		"an admin port in use":       {"[admin]\naddress = \"" + taken.Addr().String() + "\"\n" + answers("127.0.0.1:0", "new"), "", "admin.address"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, answers("127.0.0.1:0", "old"))
			r.write(c.config)
			v := r.g.Reload()
			if v.OK || v.Generation != 1 || len(v.Problems) == 0 {
				t.Fatalf("verdict %+v", v)
			}
			last := v.Problems[len(v.Problems)-1]
			if !strings.Contains(last.String(), c.text) || !strings.HasSuffix(last.Where, c.where) {
				t.Errorf("the verdict says %q at %q, want %q at %q", last.String(), last.Where, c.text, c.where)
			}
			r.says("web", "/", "old")
			if !strings.Contains(r.log.String(), c.text) {
				t.Errorf("the log does not say %q:\n%s", c.text, r.log)
			}
			if m := r.metrics(); !strings.Contains(m, `weir_config_reloads_total{result="refused"} 1`) || !strings.Contains(m, "weir_config_generation 1\n") {
				t.Error("the metrics do not say that a config was refused and generation 1 serves")
			}
			r.reload(answers("127.0.0.1:0", "new"))
			r.says("web", "/", "new")
		})
	}
}

func TestReloadsUnderTrafficLoseNothing(t *testing.T) {
	a, b, tcp := endpoint(t, "a"), endpoint(t, "b"), echo(t)
	config := func(n int) string {
		list := []string{`"` + a + `"`, `"` + a + `", "` + b + `"`}[n%2]
		return fmt.Sprintf(`[listeners.web]
address = "127.0.0.1:0"
[listeners.raw]
kind = "tcp"
address = "127.0.0.1:0"
upstream = "echo"
[[routes]]
name = "r%d"
upstream = "api"
[upstreams.api]
endpoints = [%s]
[upstreams.echo]
endpoints = "%s"
`, n%3, list, tcp)
	}
	r := start(t, config(0))
	s := r.session("raw")
	s.echoes("before")
	var failed, served atomic.Int64
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() { // ends with done
			for {
				select {
				case <-done:
					return
				default:
				}
				res, err := r.client.Get(r.url("web", "/"))
				if err != nil || res.StatusCode != 200 {
					t.Errorf("failed: %v %v", res, err)
					failed.Add(1)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				served.Add(1)
			}
		})
	}
	for n := range 40 {
		from := served.Load()
		until(t, "traffic goes on", func() bool { return served.Load() > from+5 || failed.Load() > 0 })
		r.reload(config(n + 1))
		s.echoes("meanwhile")
	}
	close(done)
	clients.Wait()
	if m := r.metrics(); strings.Contains(m, `route="r0"`) || !strings.Contains(m, "weir_config_generation 41\n") {
		t.Error("series of routes that are gone are still there, or the generation is not 41")
	}
}

func TestAnAnswerThatHasBegunEndsUnderItsOwnSnapshot(t *testing.T) {
	begun, more := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first ")
		w.(http.Flusher).Flush()
		close(begun)
		<-more
		_, _ = io.WriteString(w, "last")
	}))
	defer slow.Close()
	r := start(t, "[listeners.web]\n"+any0+"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \""+slow.Listener.Addr().String()+"\"\n")
	got := make(chan string)
	go func() { // ends with the answer
		res, err := r.client.Get(r.url("web", "/"))
		if err != nil {
			got <- err.Error()
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		got <- fmt.Sprint(string(body), err)
	}()
	<-begun
	r.reload(answers("127.0.0.1:0", "new")) // upstream and route are gone
	r.says("web", "/", "new")
	close(more)
	if body := <-got; body != "first last<nil>" {
		t.Errorf("got %q", body)
	}
}

func TestAListenerMovesToANewAddress(t *testing.T) {
	from, to := free(t), free(t)
	r := start(t, answers(from, "old"))
	r.says("web", "/", "old") // leaves an idle connection
	r.reload(answers(to, "new"))
	if got := r.g.Addr("web").String(); got != to {
		t.Errorf("web is at %s, want %s", got, to)
	}
	r.says("web", "/", "new")
	if c, err := net.Dial("tcp", from); err == nil {
		_ = c.Close()
		t.Error("the old address still accepts")
	}
}

func TestAListenerMayGiveItsAddressToAnother(t *testing.T) {
	at := free(t)
	r := start(t, answers(at, "old"))
	r.reload(strings.ReplaceAll(answers(at, "new"), "web", "other"))
	if r.g.Addr("web") != nil {
		t.Error("web is still there")
	}
	r.says("other", "/", "new")
}

func TestAListenerThatIsGoneDrainsAndItsPlaceIsUsedAgain(t *testing.T) {
	at := free(t)
	one := strings.ReplaceAll(answers(at, "one"), "web", "one")
	r := start(t, one+"[listeners.web]\n"+any0)
	r.says("one", "/", "one")
	r.client.CloseIdleConnections()
	for n := range 5 {
		r.reload(answers("127.0.0.1:0", "alone"))
		r.g.leaves.Wait()
		if c, err := net.Dial("tcp", at); err == nil {
			_ = c.Close()
			t.Fatal("a listener that is gone accepts")
		}
		if m := r.metrics(); strings.Contains(m, `listener="one"`) {
			t.Fatal("the series of a listener that is gone are still there")
		}
		r.says("web", "/", "alone")
		r.reload(one + "[listeners.web]\n" + any0)
		r.says("one", "/", "one")
		r.client.CloseIdleConnections()
		if len(r.g.slots) > 2 {
			t.Fatalf("%d places after %d rounds", len(r.g.slots), n)
		}
	}
}

func TestAnIdleClientOfAListenerThatIsGoneIsClosed(t *testing.T) {
	at := free(t)
	r := start(t, strings.ReplaceAll(answers(at, "one"), "web", "one")+"[listeners.web]\n"+any0)
	c, err := net.Dial("tcp", r.g.Addr("one").String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := &session{t, c}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	head := ""
	for b := make([]byte, 64); !strings.HasSuffix(head, "\r\n\r\none"); {
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		head += string(b[:n])
	}
	r.reload(answers("127.0.0.1:0", "alone"))
	s.over()
	r.g.leaves.Wait()
}

func TestAListenerMayChangeItsKind(t *testing.T) {
	at, tcp := free(t), echo(t)
	raw := "[listeners.web]\nkind = \"tcp\"\naddress = \"" + at + "\"\nupstream = \"u\"\n[upstreams.u]\nendpoints = \"" + tcp + "\"\n"
	r := start(t, answers(at, "http"))
	r.says("web", "/", "http")
	r.client.CloseIdleConnections()
	r.reload(raw)
	s := r.session("web")
	s.echoes("tcp now")
	r.reload(answers(at, "http again"))
	r.says("web", "/", "http again")
	s.echoes("and still")
}

func TestHealthSurvivesAReload(t *testing.T) {
	up := endpoint(t, "up")
	config := func(route string) string {
		return "[listeners.web]\n" + any0 + "[[routes]]\nname = \"" + route + "\"\nupstream = \"u\"\n" +
			"[upstreams.u]\nendpoints = [\"" + up + "\", \"" + free(t) + "\"]\nhealth = { http = {}, interval = \"20ms\", fall = 1, rise = 1 }\n"
	}
	text := config("a")
	r := start(t, text)
	down := func() bool {
		e := r.g.Status().Upstreams[0].Endpoints
		return e[0].State == "ready" && e[1].State == "down"
	}
	until(t, "one is ready and one is down", down)
	since := r.g.Status().Upstreams[0].Endpoints[1].Since
	r.reload(strings.ReplaceAll(text, `name = "a"`, `name = "b"`))
	if !down() {
		t.Error("the states are lost")
	}
	if e := r.g.Status().Upstreams[0].Endpoints[1]; !e.Since.Equal(since) || !strings.Contains(e.Why, "refused") {
		t.Errorf("it is down since %v, not %v, because %q", e.Since, since, e.Why)
	}
	for range 10 {
		r.says("web", "/", "up")
	}
}

func TestTheAccessLogIsSwitchedByAReload(t *testing.T) {
	r := start(t, answers("127.0.0.1:0", "x"))
	r.says("web", "/off", "x")
	r.reload("access_log.path = \"-\"\n" + answers("127.0.0.1:0", "x"))
	r.says("web", "/on", "x")
	until(t, "a line", func() bool { return strings.Contains(r.access.String(), `"target":"/on"`) })
	if strings.Contains(r.access.String(), "/off") {
		t.Error("a line was written while the log was off")
	}
}

// token is a config whose admin server wants a token.
func token(at, secret string) string {
	return "[admin]\naddress = \"" + at + "\"\ntoken = \"" + secret + " of the house\"\n" + answers("127.0.0.1:0", "x")
}

func client(t *testing.T, at, secret string) *admin.Client {
	t.Helper()
	a, err := conf.ParseAddress(at)
	if err != nil {
		t.Fatal(err)
	}
	c, err := admin.NewClient(admin.Config{Address: a, Token: conf.SecretText(secret + " of the house")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheAdminServerReloadsItsOwnTokenAndAddress(t *testing.T) {
	at, moved := free(t), free(t)
	r := start(t, token(at, "first"))
	if _, err := client(t, at, "wrong").Status(t.Context()); err == nil {
		t.Fatal("a wrong token was let in")
	}
	for _, c := range []struct{ at, secret, next string }{
		{at, "first", token(at, "second")},
		{at, "second", token(moved, "second")},
		{moved, "second", token(moved, "second")},
	} {
		r.write(c.next)
		v, err := client(t, c.at, c.secret).Reload(t.Context())
		if err != nil || !v.OK {
			t.Fatalf("reload at %s: %+v, %v", c.at, v, err)
		}
	}
	if got := r.g.AdminAddr().String(); got != moved {
		t.Errorf("the admin server is at %s, want %s", got, moved)
	}
	until(t, "the old address is closed", func() bool {
		c, err := net.Dial("tcp", at)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	r.reload(answers("127.0.0.1:0", "x")) // off
	if a := r.g.AdminAddr(); a != nil {
		t.Errorf("the admin server is off and at %s", a)
	}
}
