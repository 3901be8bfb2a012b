//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/certs/acme/pebble"
	"weir/internal/testkit"
)

// The guides with console blocks are run as they are written. A block with a name is a file; a console
// block is what somebody types beside the file above it, and what they see: `weir explain` and `weir
// check` work from the file; `curl`, `weir bench`, `weir status` and `weir purge` ask a Weir that runs it; `openssl`
// makes files. A line `…` stands for any lines that the guide leaves out, `…` within a line for any text.

// guides are the pages, with the fewest commands that each must show.
var guides = map[string]int{
	"routing.md": 35, "shaping.md": 16, "tls.md": 32, "acme.md": 7, "protocols.md": 14, "tcp.md": 12, "cache.md": 18, "guard.md": 25,
}

func TestGuidesShowWhatHappens(t *testing.T) {
	for name, least := range guides {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", "..", "docs", "guide", name))
			if err != nil {
				t.Fatal(err)
			}
			r := reader{t: t, dir: t.TempDir()}
			for _, b := range fences(string(text)) {
				r.read(b)
			}
			if r.commands < least {
				t.Errorf("%d commands were run, want at least %d", r.commands, least)
			}
		})
	}
}

// fence is a code block: its language and its name, which may be empty.
type fence struct{ language, name, text string }

var fenced = regexp.MustCompile("(?ms)^```([a-z]+)(?: (\\S+))?[^\n]*\n(.*?)^```$")

func fences(page string) []fence {
	var all []fence
	for _, m := range fenced.FindAllStringSubmatch(page, -1) {
		all = append(all, fence{m[1], m[2], m[3]})
	}
	return all
}

// reader is somebody who follows a guide.
type reader struct {
	t        *testing.T
	dir      string // where the files of the guide are, also those that it has in /etc/weir and /run/weir
	config   string // what the last configuration says
	child    *child // runs config; nil until it is asked
	commands int
}

func (r *reader) read(b fence) {
	r.t.Helper()
	switch {
	case b.language == "console":
		for _, s := range steps(b.text) {
			r.do(s)
		}
	case b.name != "":
		text := strings.NewReplacer("/etc/weir/", r.dir+"/", "/run/weir/", r.dir+"/").Replace(b.text)
		if err := os.WriteFile(filepath.Join(r.dir, b.name), []byte(text), 0o700); err != nil {
			r.t.Fatal(err)
		}
		if b.language == "toml" {
			r.config, r.child = text, nil
		}
	}
}

// guideStep is a command of a console block and what the guide shows of its output.
type guideStep struct{ command, shown string }

func steps(console string) []guideStep {
	var all []guideStep
	for line := range strings.Lines(console) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, guideStep{command: strings.TrimSpace(command)})
		} else if n := len(all); n > 0 {
			all[n-1].shown += line
		}
	}
	return all
}

func (r *reader) do(s guideStep) {
	r.t.Helper()
	r.commands++
	args := words(strings.ReplaceAll(s.command, "/etc/weir/", r.dir+"/"))
	within := time.Duration(0)
	switch program := args[0]; program {
	case "weir":
		args[0] = binary
		switch args[1] {
		case "status", "purge":
			within = moment
			args = append(args, "--admin", r.serving().at(9901))
		case "bench":
			args[2] = benched.ReplaceAllString(args[2], "${1}"+r.serving().ip+":")
		}
	case "curl":
		within = moment
		args = r.asking(args)
	case "openssl":
		args[0] = testkit.Require(r.t, program)
	default:
		r.t.Fatalf("nobody knows how to run %s", s.command)
	}
	printed := r.run(args)
	again := time.NewTicker(moment / 100) // nobody tells when files or certificates have been taken up
	defer again.Stop()
	for limit := time.Now().Add(within); !shows(s.shown, printed) && time.Now().Before(limit); <-again.C {
		printed = r.run(args)
	}
	if !shows(s.shown, printed) {
		r.t.Errorf("$ %s\nprints\n%s\nthe guide shows\n%s", s.command, printed, s.shown)
	}
}

// moment is how long what a guide shows of a running Weir may take to come true: files that have
// changed are looked at every few seconds, an authority wants to be asked.
const moment = 30 * time.Second

// benched is the host of a URL.
var benched = regexp.MustCompile(`^(\w+://)[^/:]+:`)

// run returns what a command prints where the files are. A weir that finds something bad says so, and so
// does any other program; neither is a failure of the guide.
func (r *reader) run(args []string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), moment)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && (!errors.As(err, &ended) || args[0] == binary && ended.ExitCode() > 1) {
		r.t.Errorf("%q: %v\n%s", args, err, out)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(out), "\r\n", "\n"), r.dir+"/", "/etc/weir/")
}

// asking makes curl ask a Weir that runs the last configuration, whatever host the URL has.
func (r *reader) asking(args []string) []string {
	r.t.Helper()
	path := testkit.Require(r.t, "curl")
	return append([]string{path, "--silent", "--show-error", "--noproxy", "*", "--connect-to", "::" + r.serving().ip + ":"}, args[1:]...)
}

var (
	endpointInGuide = regexp.MustCompile(`"10\.0\.\d+\.\d+:\d+"`)
	portInGuide     = regexp.MustCompile(`([\s\[])":(\d+)"`) // an address; not the one that Alt-Svc tells
)

// caInGuide is the directory of an authority of the reader's own; /etc/weir/ca.pem is who signs for it.
const caInGuide = "https://ca.example.com/dir"

// serving starts Weir, unless it runs, with the last configuration on an address of its own, and an
// endpoint for each that it names.
func (r *reader) serving() *child {
	r.t.Helper()
	if r.child != nil {
		return r.child
	}
	r.child = prepare(r.t, "")
	config := portInGuide.ReplaceAllString(r.config, `$1"{ip}:$2"`)
	started := map[string]string{}
	config = endpointInGuide.ReplaceAllStringFunc(config, func(name string) string {
		if started[name] == "" {
			started[name] = `"` + newParrot(r.t, strings.Trim(name, `"`), r.dir) + `"`
		}
		return started[name]
	})
	if strings.Contains(config, caInGuide) {
		a := pebble.Start(r.t, pebble.Options{IP: r.child.ip, HTTPPort: acmeHTTP, TLSPort: acmeHTTPS})
		config = strings.NewReplacer(caInGuide, a.Directory, r.dir+"/ca.pem", a.CA).Replace(config)
	}
	if !strings.Contains(config, "state_dir") {
		config = "state_dir = \"{dir}/state\"\n" + config
	}
	r.child.write(config)
	r.child.run()
	return r.child
}

// words splits a command as a shell does that knows quotes alone.
func words(command string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(command, -1) {
		all = append(all, m[1]+m[2])
	}
	return all
}

// gap is what parts two columns: how wide it is depends on the figures in them.
var gap = regexp.MustCompile(`(\S) {2,}(\S)`)

// shows reports whether what a guide shows is what was printed.
func shows(shown, printed string) bool {
	var b bytes.Buffer
	for line := range strings.Lines(shown) {
		if line == "…\n" {
			b.WriteString("(?:.*\n)*?")
			continue
		}
		line = strings.ReplaceAll(regexp.QuoteMeta(strings.TrimRight(line, " \n")), "…", ".*")
		line = gap.ReplaceAllString(line, "$1 {2,}$2")
		b.WriteString(line + "[ \t]*\n")
	}
	if !strings.HasSuffix(printed, "\n") {
		printed += "\n"
	}
	return regexp.MustCompile("^" + b.String() + "$").MatchString(printed)
}

func TestAGuideShowsWhatIsPrintedButWhatItLeavesOut(t *testing.T) {
	const printed = "one\ntwo 17\nthree  \n"
	for shown, want := range map[string]bool{
		"one\ntwo 17\nthree\n": true, "one\ntwo …\nthree\n": true, "…\nthree\n": true, "one\n…\n": true, "…\ntwo 17\n…\n": true,
		"one\ntwo   17\nthree\n": false, "one\ntwo 17\n": false, "two 17\nthree\n": false, "one\nthree\n": false, "…\ntwo 1\n…\n": false, "": false,
	} {
		if got := shows(shown, printed); got != want {
			t.Errorf("%q: %t, want %t", shown, got, want)
		}
	}
	if !shows("two   17   8 %\n", "two      17  8 %\n") || shows("two  17\n", "two 17\n") {
		t.Error("columns are compared by their width")
	}
}

func TestCommandsOfAGuideAreTakenApart(t *testing.T) {
	got := steps("$ curl -H 'X-A: b c' http://a/\n200\n\n$ weir check a.toml\n")
	want := []guideStep{{"curl -H 'X-A: b c' http://a/", "200\n\n"}, {"weir check a.toml", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := words(got[0].command), []string{"curl", "-H", "X-A: b c", "http://a/"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	blocks := fences("```toml a.toml refused\nx = 1\n```\n\n```console\n$ weir\n```\n")
	if want := []fence{{"toml", "a.toml", "x = 1\n"}, {"console", "", "$ weir\n"}}; !slices.Equal(blocks, want) {
		t.Errorf("got %q, want %q", blocks, want)
	}
}
