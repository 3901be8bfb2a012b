//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The guides on routing and shaping are run as they are written. A block with a name is a file; a
// console block is what somebody types beside the file above it, and what they see: `weir explain`
// and `weir check` work from the file, `curl` asks a Weir that runs it. A line `…` stands for any
// lines that the guide leaves out, `…` within a line for any text.

// guides are the pages, with the fewest commands that each must show.
var guides = map[string]int{"routing.md": 35, "shaping.md": 16}

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
	dir      string // where the files of the guide are, also those that it has in /etc/weir
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
		text := strings.ReplaceAll(b.text, "/etc/weir/", r.dir+"/")
		if err := os.WriteFile(filepath.Join(r.dir, b.name), []byte(text), 0o600); err != nil {
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
	args := words(s.command)
	switch args[0] {
	case "weir":
		args[0] = binary
	case "curl":
		args = r.asking(args)
	default:
		r.t.Fatalf("nobody knows how to run %s", s.command)
	}
	if printed := r.run(args); !shows(s.shown, printed) {
		r.t.Errorf("$ %s\nprints\n%s\nthe guide shows\n%s", s.command, printed, s.shown)
	}
}

// run returns what a command prints where the files are. A weir that finds something bad says so, and
// is no failure of the guide.
func (r *reader) run(args []string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && (!errors.As(err, &ended) || ended.ExitCode() > 1) {
		r.t.Errorf("%q: %v\n%s", args, err, out)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(out), "\r\n", "\n"), r.dir+"/", "/etc/weir/")
}

// asking makes curl ask a Weir that runs the last configuration, whatever host the URL has.
func (r *reader) asking(args []string) []string {
	r.t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		r.t.Skip("no curl here")
	}
	if r.child == nil {
		r.serve()
	}
	return append([]string{path, "--silent", "--noproxy", "*", "--connect-to", "::" + r.child.ip + ":8080"}, args[1:]...)
}

var endpointInGuide = regexp.MustCompile(`"10\.0\.\d+\.\d+:\d+"`)

// serve starts Weir with the last configuration on an address of its own, and an endpoint for each
// that it names.
func (r *reader) serve() {
	r.t.Helper()
	config := strings.ReplaceAll(r.config, `":8080"`, `"{ip}:8080"`)
	started := map[string]string{}
	config = endpointInGuide.ReplaceAllStringFunc(config, func(name string) string {
		if started[name] == "" {
			started[name] = `"` + newParrot(r.t, strings.Trim(name, `"`)) + `"`
		}
		return started[name]
	})
	r.child = start(r.t, config)
}

// newParrot starts an endpoint that answers with its name and what it was asked: the line, the fields
// that it does not get from every client or proxy, the body. /gone is not there. Under /pages it has HTML
// of 4 KiB, and anything else that ends in .json is JSON of that length.
func newParrot(t *testing.T, name string) string {
	t.Helper()
	o := newOrigin(t, name)
	o.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "shop/1.0")
		switch {
		case strings.HasSuffix(r.URL.Path, "/gone"):
			http.Error(w, "nothing here", http.StatusNotFound)
		case strings.HasSuffix(r.URL.Path, "/broken"):
			http.Error(w, "stack trace", http.StatusInternalServerError)
		case strings.HasSuffix(r.URL.Path, ".json"):
			w.Header().Set("Content-Type", "application/json")
			w.Header()["ETag"] = []string{`"v1"`} // as it is spelt
			fmt.Fprintf(w, `{"text":%q}`, strings.Repeat("all work and no play ", 200))
		default:
			parrot(w, r, name)
		}
	})
	return o.addr
}

// usual are the fields that every request brings.
var usual = []string{"Accept", "User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

func parrot(w http.ResponseWriter, r *http.Request, name string) {
	fmt.Fprintf(w, "%s got %s %s\n", name, r.Method, r.RequestURI)
	for _, field := range sortedNames(r.Header) {
		if !slices.Contains(usual, field) && !strings.HasPrefix(field, "Content-") {
			fmt.Fprintf(w, "%s: %s\n", field, strings.Join(r.Header[field], ", "))
		}
	}
	_, _ = io.Copy(w, r.Body) // a client that leaves reads no answer
}

func sortedNames(h http.Header) []string {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// words splits a command as a shell does that knows quotes alone.
func words(command string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(command, -1) {
		all = append(all, m[1]+m[2])
	}
	return all
}

// shows reports whether what a guide shows is what was printed.
func shows(shown, printed string) bool {
	var b bytes.Buffer
	for line := range strings.Lines(shown) {
		if line == "…\n" {
			b.WriteString("(?:.*\n)*?")
			continue
		}
		line = strings.ReplaceAll(regexp.QuoteMeta(strings.TrimRight(line, " \n")), "…", ".*")
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
		"one\ntwo 17\n": false, "two 17\nthree\n": false, "one\nthree\n": false, "…\ntwo 1\n…\n": false, "": false,
	} {
		if got := shows(shown, printed); got != want {
			t.Errorf("%q: %t, want %t", shown, got, want)
		}
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
