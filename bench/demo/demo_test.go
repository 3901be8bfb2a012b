package demo

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// told is an output that can be read while it is written and waited on.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
	on   map[string]func()
}

func (b *told) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.text.Write(p)
	for word, f := range b.on {
		if strings.Contains(b.text.String(), word) {
			delete(b.on, word)
			f()
		}
	}
	return n, err
}

func (b *told) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func tell(t *testing.T, out *told, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

func TestADemoWithoutAFailurePasses(t *testing.T) {
	var out, complaints told
	s := stand{tries: 3}
	code := Run(t.Context(), Options{Start: s.start, Out: &out, Err: &complaints, Duration: 2500 * time.Millisecond})
	if code != Fine || complaints.String() != "" {
		t.Errorf("exit code %d, %q; want 0 and no complaint", code, complaints.String())
	}
	tell(t, &out, "api-2 killed: its listener closed", "api-2 revived", "api-2 back in rotation", "While api-2 was dead", "✓ PASSED", "2,000 requests answered")
	if strings.Contains(out.String(), "\x1b") {
		t.Error("escape codes on what is no terminal")
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if n := len([]rune(line)); n > 110 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestAGatewayThatLosesRequestsFailsTheDemo(t *testing.T) {
	var out told
	s := stand{tries: 1}
	if code := Run(t.Context(), Options{Start: s.start, Out: &out, Duration: time.Second}); code != Failed {
		t.Errorf("exit code %d, want %d", code, Failed)
	}
	tell(t, &out, "✗ FAILED", "status")
}

func TestAnInterruptedDemoSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := told{on: map[string]func(){"killed": cancel}}
	s := stand{tries: 3}
	if code := Run(ctx, Options{Start: s.start, Out: &out, Duration: 2 * time.Second}); code != NotBegun {
		t.Errorf("exit code %d, want %d", code, NotBegun)
	}
	tell(t, &out, "INTERRUPTED", "none failed")
}

func TestStayServesUntilInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := told{on: map[string]func(){"Still serving": cancel}}
	s := stand{tries: 3}
	if code := Run(ctx, Options{Start: s.start, Out: &out, Duration: 700 * time.Millisecond, Stay: true}); code != Fine {
		t.Errorf("exit code %d, want 0", code)
	}
	tell(t, &out, "curl http://127.0.0.1:", "✓ PASSED")
}

func TestWhatKeepsTheDemoFromRunningIsNamed(t *testing.T) {
	base, err := block(0)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(base+securePort))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	refusing := func(context.Context, string, []byte) (func(context.Context) error, error) {
		return nil, errors.New("no such config")
	}
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"a port in use":      {Options{Start: refusing, PortBase: base}, "port " + strconv.Itoa(base+1) + ", for the HTTPS listener, cannot be used"},
		"a way out":          {Options{Start: refusing, PortBase: base}, "--port-base " + strconv.Itoa(base+1000)},
		"a base too high":    {Options{Start: refusing, PortBase: 65530}, "port base 65530"},
		"a gateway that won": {Options{Start: refusing}, "the gateway does not start: no such config"},
	} {
		var out, complaints told
		c.options.Out, c.options.Err = &out, &complaints
		if code := Run(t.Context(), c.options); code != NotBegun || !strings.Contains(complaints.String(), c.want) {
			t.Errorf("%s: exit code %d, %q; want %d and %q", name, code, complaints.String(), NotBegun, c.want)
		}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out told
	s := stand{tries: 3}
	Run(t.Context(), Options{Start: s.start, Out: &out, Duration: 300 * time.Millisecond})
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) != 0 {
		t.Errorf("%v, left: %v", err, left)
	}
	for _, address := range s.apis {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("endpoint %s still listens", address)
		}
	}
}

func TestTheConfigNamesWhatItNeeds(t *testing.T) {
	s, err := newStage(0, usualDuration)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	text := string(s.text)
	for _, want := range []string{
		`address = "` + s.web + `"`, `address = "` + s.echo + `"`, "kind = \"tcp\"", `interval = "500ms"`,
		`endpoints = ["` + s.apis[0].address + `", "` + s.apis[1].address + `", "` + s.apis[2].address + `"]`,
		`endpoints = ["` + s.echoes.address + `"]`, `cert = "` + s.dir,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "$") {
		t.Errorf("a gap is left:\n%s", text)
	}
	if onDisk, err := os.ReadFile(s.path); err != nil || string(onDisk) != text {
		t.Errorf("the file differs: %v", err)
	}
}

func TestProbesKeepPaceWithTheStory(t *testing.T) {
	for length, want := range map[time.Duration]time.Duration{
		20 * time.Second: 500 * time.Millisecond, time.Hour: 500 * time.Millisecond,
		2 * time.Second: 50 * time.Millisecond, time.Millisecond: 10 * time.Millisecond,
	} {
		if got := probeEvery(length); got != want {
			t.Errorf("%v: every %v, want %v", length, got, want)
		}
	}
}
