package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/internal/admin"
	"weir/internal/conf"
)

// binary is the weir that TestMain has built.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weir-cmd-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "weir")
	if out, err := exec.Command("go", "build", "-ldflags", "-X weir/cmd.version=9.8.7", "-o", binary, "weir/cmd/weir").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// result is what a command came to.
type result struct {
	code     int
	out, err string
}

// weir runs the binary in dir to its end.
func weir(t *testing.T, dir string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, binary, args...)
	c.Dir = dir
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// file writes a config and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir.toml")
	write(t, path, text)
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// served is a weir that runs.
type served struct {
	t      *testing.T
	path   string
	cmd    *exec.Cmd
	log    *buffer
	out    *buffer
	client *admin.Client
	ended  chan struct{}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// run starts `weir run` on config, whose admin server is a socket, and waits until it serves.
func run(t *testing.T, config string, before ...string) *served {
	t.Helper()
	path := file(t, "")
	socket := filepath.Join(filepath.Dir(path), "a.sock")
	s := &served{t: t, path: path, log: &buffer{}, out: &buffer{}, ended: make(chan struct{})}
	s.write(config)
	line := append(before, binary, "run", "-c", path)
	s.cmd = exec.Command(line[0], line[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		defer close(s.ended)
		_ = s.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
	})
	address, err := conf.ParseAddress("unix:" + socket)
	if err != nil {
		t.Fatal(err)
	}
	if s.client, err = admin.NewClient(admin.Config{Address: address}); err != nil {
		t.Fatal(err)
	}
	until(t, "it is ready", func() bool {
		status, err := s.client.Status(t.Context())
		return err == nil && status.Ready
	})
	return s
}

// write replaces the config; the admin server stays where it is.
func (s *served) write(config string) {
	s.t.Helper()
	write(s.t, s.path, "admin.address = \"unix:"+filepath.Join(filepath.Dir(s.path), "a.sock")+"\"\n"+config)
}

func (s *served) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the end of the process and returns its exit code.
func (s *served) ends() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("it did not end in 20 s; its log:\n%s", s.log)
	}
	return s.cmd.ProcessState.ExitCode()
}

// address returns where a listener is.
func (s *served) address(listener string) string {
	s.t.Helper()
	status, err := s.client.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range status.Listeners {
		if l.Name == listener {
			return l.Addresses[0]
		}
	}
	s.t.Fatalf("no listener %s", listener)
	return ""
}

func (s *served) get(listener string) string {
	s.t.Helper()
	return get(s.t, "http://"+s.address(listener)+"/")
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// until waits until it is so, and fails the test after 20 seconds.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("it did not come to this in 20 s: %s", what)
		}
	}
}

// answers is a config of one listener that answers body.
func answers(body string) string {
	return "[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nrespond = { body = \"" + body + "\" }\n"
}

const wrong = "[listeners.web]\nadress = \":8080\"\n"

func TestCommandsEndWithTheCodeThatTheyShould(t *testing.T) {
	good, bad := file(t, answers("x")), file(t, wrong)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() }) // not before the parallel subtests have ended
	at := taken.Addr().String()
	inUse := file(t, "admin.address = \"off\"\n"+strings.ReplaceAll(answers("x"), "127.0.0.1:0", at))
	adminInUse := file(t, "admin.address = \""+at+"\"\n"+answers("x"))
	silent := file(t, "admin.address = \"unix:/nowhere/a.sock\"\n"+answers("x"))
	for _, c := range []struct {
		line     string
		code     int
		out, err string // what each contains; "" is empty
	}{
		{"version", Fine, "weir 9.8.7\ncommit ", ""},
		{"version --json", Fine, `"fasthttp": "v1.`, ""},
		{"--help", Fine, "weir run -c weir.toml", ""},
		{"check --help", Fine, "weir check --effective weir.toml", ""},
		{"completion bash", Fine, "bash completion", ""},
		{"", WrongUsage, "Usage:", "a command is missing"},
		{"nonsense", WrongUsage, "", `unknown command "nonsense" for "weir"`},
		{"run --nonsense", WrongUsage, "", "unknown flag: --nonsense\n  hint: see weir run --help"},
		{"run extra", WrongUsage, "", "extra"},
		{"bench", WrongUsage, "", "the URL is missing"},
		{"check " + good, Fine, "1 listener, 1 route", ""},
		{"check " + bad, Bad, "", `:2:1: listeners.web.adress: there is no key "adress"`},
		{"check " + bad + ".none", Bad, "", "no such file"},
		{"check", CouldNotRun, "", "there is no config at ./weir.toml or /etc/weir/weir.toml\n  hint: name one"},
		{"check --json " + good, Fine, "[]", ""},
		{"check --json " + bad, Bad, `"line": 2`, ""},
		{"check --effective " + good, Fine, `header_bytes = "16KiB"`, ""},
		{"check --effective --json " + good, WrongUsage, "", "none of the others can be"},
		{"check --schema", Fine, `"$schema"`, ""},
		{"check --schema " + good, WrongUsage, "", "--schema takes no file"},
		{"run -c " + bad, Bad, "", "listeners.web.adress"},
		{"run", CouldNotRun, "", "there is no config"},
		{"run -c " + inUse, CouldNotRun, "", "listener web: address " + at + ": address already in use\n  hint: another program listens there"},
		{"run -c " + adminInUse, CouldNotRun, "", "admin.address " + at + ": address already in use\n  hint: another program listens there"},
		{"reload -c " + silent, CouldNotRun, "", "admin server at unix:/nowhere/a.sock: no such file or directory\n  hint: is Weir running"},
		{"status --admin nonsense", WrongUsage, "", "--admin"},
		{"status --admin unix:/nowhere/b.sock", CouldNotRun, "", "/nowhere/b.sock"},
		{"demo --port-base -1", CouldNotRun, "", "port base -1"},
		{"bench peers --scenario nonsense", WrongUsage, "", "nonsense"},
	} {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			got := weir(t, t.TempDir(), strings.Fields(c.line)...)
			if got.code != c.code {
				t.Errorf("exit code %d, want %d", got.code, c.code)
			}
			for _, text := range []struct{ where, got, want string }{{"stdout", got.out, c.out}, {"stderr", got.err, c.err}} {
				if !strings.Contains(text.got, text.want) || text.want == "" && text.got != "" {
					t.Errorf("%s is %q, want %q in it", text.where, text.got, text.want)
				}
			}
		})
	}
}

func TestEveryCommandShowsAnExample(t *testing.T) {
	root := (&program{}).root()
	for _, c := range append(root.Commands(), root) {
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example or no description", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			if sub.Example == "" {
				t.Errorf("%s has no example", sub.CommandPath())
			}
		}
	}
}

func TestTheEffectiveConfigIsGoodAgain(t *testing.T) {
	first := weir(t, "", "check", "--effective", file(t, answers("x")))
	second := weir(t, "", "check", "--effective", file(t, first.out))
	if second.code != Fine || second.out != first.out {
		t.Errorf("code %d; once:\n%s\ntwice:\n%s%s", second.code, first.out, second.out, second.err)
	}
}

func TestRunServesTheFileOfTheWorkingDirectoryByDefault(t *testing.T) {
	path := file(t, wrong)
	if got := weir(t, filepath.Dir(path), "run"); got.code != Bad || !strings.Contains(got.err, "./weir.toml:2:1") {
		t.Errorf("got %+v, want the problem of ./weir.toml", got)
	}
}

func TestASignalReloadsAndAnotherStops(t *testing.T) {
	s := run(t, answers("old"))
	if got := s.get("web"); got != "old" {
		t.Fatalf("got %q", got)
	}
	s.write(answers("new"))
	s.signal(syscall.SIGHUP)
	until(t, "generation 2 serves", func() bool { status, _ := s.client.Status(t.Context()); return status.Generation == 2 })
	if got := s.get("web"); got != "new" {
		t.Errorf("got %q", got)
	}
	s.write(wrong)
	s.signal(syscall.SIGHUP)
	until(t, "the log says why", func() bool { return strings.Contains(s.log.String(), "adress") })
	if got := s.get("web"); got != "new" {
		t.Errorf("after a wrong file: %q", got)
	}
	s.signal(syscall.SIGTERM)
	if code := s.ends(); code != Fine {
		t.Errorf("exit code %d", code)
	}
}

func TestASecondSignalCutsTheStopShort(t *testing.T) {
	s := run(t, "shutdown.delay = \"1h\"\n"+answers("x"))
	s.signal(syscall.SIGINT)
	until(t, "it stops", func() bool {
		status, err := s.client.Status(t.Context())
		return err == nil && status.Why == "draining"
	})
	s.signal(syscall.SIGINT)
	if code := s.ends(); code != Fine {
		t.Errorf("exit code %d", code)
	}
}

func TestUSR1ReopensTheAccessLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access.log")
	s := run(t, "access_log.path = \""+log+"\"\n"+answers("x"))
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGUSR1)
	until(t, "a new file is there", func() bool { _, err := os.Stat(log); return err == nil })
	s.get("web")
	s.signal(syscall.SIGTERM)
	s.ends()
	if b, _ := os.ReadFile(log); !strings.Contains(string(b), `"listener":"web"`) {
		t.Errorf("the new file holds %q", b)
	}
}

func TestReloadAndStatusAskTheWeirOfTheConfig(t *testing.T) {
	s := run(t, answers("old"))
	s.write(answers("new"))
	if got := weir(t, filepath.Dir(s.path), "reload"); got.code != Fine || got.out != "reloaded: generation 2 serves\n" {
		t.Fatalf("reload: %+v", got)
	}
	got := weir(t, "", "status", "-c", s.path)
	if got.code != Fine || !strings.Contains(got.out, "ready, generation 2") || !strings.Contains(got.out, "web       http  127.0.0.1:") {
		t.Errorf("status: %+v", got)
	}
	var status admin.Status
	if got := weir(t, "", "status", "--json", "-c", s.path); json.Unmarshal([]byte(got.out), &status) != nil || status.Generation != 2 {
		t.Errorf("status --json: %+v", got)
	}
	s.write(wrong)
	if got := weir(t, "", "reload", "-c", s.path); got.code != Bad || !strings.Contains(got.err, "adress") || !strings.Contains(got.err, "refused; generation 2 keeps serving") {
		t.Errorf("reload of a wrong file: %+v", got)
	}
	var v admin.Verdict
	if got := weir(t, "", "reload", "--json", "-c", s.path); got.code != Bad || json.Unmarshal([]byte(got.out), &v) != nil || v.OK || len(v.Problems) == 0 {
		t.Errorf("reload --json: %+v", got)
	}
	if got := s.get("web"); got != "new" {
		t.Errorf("it serves %q", got)
	}
}
