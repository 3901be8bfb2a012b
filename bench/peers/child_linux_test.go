package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scripted is a peer whose program is a script; it is asked for its version by -v and run without words.
func scripted(t *testing.T, script string) peer {
	t.Helper()
	return peer{
		name: "toy", program: program(t, "toy", `test "$1" = -v && exec echo toy 1`+"\n"+script), conf: "weir.toml",
		version: []string{"-v"}, args: func(conf string, _ setup) []string { return []string{conf} },
	}
}

func TestAProgramThatEndsIsReportedWithItsWords(t *testing.T) {
	for what, c := range map[string]struct{ script, want string }{
		"with a reason":        {"echo a reason >&2; exit 1", "toy ended at once: a reason"},
		"in good order":        {"echo done; exit 0", "toy ended at once: done"},
		"without a word":       {"exit 1", "toy ended at once: "},
		"with several lines":   {"echo first; echo; echo '   second'; exit 1", "toy ended at once: first second"},
		"with too many words":  {"for i in $(seq 1000); do echo noise; done; echo the end; exit 1", "noise the end"},
		"by a signal":          {"echo struck; kill -9 $$", "toy ended at once: struck"},
		"with its config read": {`grep -c 'listeners.bench' "$1"; exit 1`, "toy ended at once: 1"},
	} {
		at := setup{Port: closedPort(t), Origins: []int{1}, Dir: t.TempDir()}
		c1, err := start(t.Context(), scripted(t, c.script), at, -1)
		if err == nil {
			c1.stop()
			t.Errorf("%s: it was started", what)
		} else if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %q, want %q in one line", what, err, c.want)
		}
	}
}

func closedPort(t *testing.T) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestStartingStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	at := setup{Port: closedPort(t), Origins: []int{1}, Dir: t.TempDir()}
	marker := filepath.Join(at.Dir, "began")
	go func() { // cancels when the program runs; ends then
		for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
			if _, err := os.Stat(marker); err == nil || ctx.Err() != nil {
				tick.Stop()
				cancel()
				return
			}
		}
	}()
	begin := time.Now()
	c, err := start(ctx, scripted(t, "echo waiting; touch "+marker+"; exec sleep 1000"), at, -1)
	if err == nil {
		c.stop()
		t.Fatal("it was started")
	}
	if want := fmt.Sprintf("toy does not accept on port %d: waiting", at.Port); !strings.Contains(err.Error(), want) || time.Since(begin) > startPatience {
		t.Errorf("got %q after %v, want %q", err, time.Since(begin), want)
	}
}

func TestWhatAProgramKeepsGoesIntoItsFolder(t *testing.T) {
	at := setup{Port: closedPort(t), Origins: []int{1}, Dir: t.TempDir()}
	_, err := start(t.Context(), scripted(t, `echo "$XDG_CONFIG_HOME and $XDG_DATA_HOME"; exit 1`), at, -1)
	if want := at.Dir + " and " + at.Dir; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestAProgramThatCannotBeRunIsAnError(t *testing.T) {
	at := setup{Origins: []int{1}, Dir: t.TempDir()}
	none := peer{name: "none", program: "/nowhere/none", conf: "weir.toml", args: func(string, setup) []string { return nil }}
	if _, err := start(t.Context(), none, at, -1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	at.Dir = "/nowhere"
	if _, err := start(t.Context(), none, at, -1); err == nil {
		t.Error("it was configured in no folder")
	}
}

func TestAProgramIsStartedWhenItAccepts(t *testing.T) {
	// Somebody else's listener stands in: start looks at the port alone.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := setup{Port: l.Addr().(*net.TCPAddr).Port, Origins: []int{1}, Dir: t.TempDir()}
	c, err := start(t.Context(), scripted(t, "exec sleep 1000"), at, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	if c.port != at.Port || c.peer.name != "toy" {
		t.Errorf("got %+v", c)
	}
	if whose, err := pids(c); err != nil || len(whose) != 1 || whose[0] != c.cmd.Process.Pid {
		t.Errorf("its processes are %v, %v", whose, err)
	}
	if none, err := pids(nil); none != nil || err != nil {
		t.Errorf("the endpoint has processes of its own: %v, %v", none, err)
	}
}
