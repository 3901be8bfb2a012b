package report

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"weir/internal/testkit"
)

// browser is a headless Chromium that is told what to do through a pipe, by the DevTools protocol.
type browser struct {
	t       *testing.T
	to      io.WriteCloser
	from    *bufio.Reader
	pipe    *os.File // that from reads
	session string
	last    int
	// requests are the addresses that pages asked for, complaints what they said to the console or broke.
	requests, complaints []string
	loaded               bool
}

// message is one of the DevTools protocol, in either direction.
type message struct {
	ID      int             `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

// openBrowser starts Chromium with an empty page; it ends with the test.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	program := testkit.Require(t, "chromium")
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-extensions", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	c.ExtraFiles = []*os.File{in, out}
	// Chromium has children of its own; they end together.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	b := &browser{t: t, to: to, from: bufio.NewReader(from), pipe: from}
	t.Cleanup(func() {
		to.Close()
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
		from.Close()
	})
	b.attach()
	return b
}

// attach opens a page and asks to hear of all that it does.
func (b *browser) attach() {
	b.t.Helper()
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
}

// call sends a command and waits for its answer; what happens meanwhile is noted.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	b.last++
	m := message{ID: b.last, Method: method, Session: b.session}
	if params != nil {
		m.Params, _ = json.Marshal(params)
	}
	text, _ := json.Marshal(m)
	if _, err := b.to.Write(append(text, 0)); err != nil {
		b.t.Fatal(err)
	}
	for {
		m := b.next()
		if m.ID != b.last {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
		return
	}
}

// next reads a message and notes what it tells of the page.
func (b *browser) next() *message {
	b.t.Helper()
	// A browser that hangs fails the test where it does.
	_ = b.pipe.SetReadDeadline(time.Now().Add(time.Minute))
	text, err := b.from.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("the browser has gone: %v", err)
	}
	m := &message{}
	if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), m); err != nil {
		b.t.Fatal(err)
	}
	switch m.Method {
	case "Page.loadEventFired":
		b.loaded = true
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		if err := json.Unmarshal(m.Params, &p); err != nil {
			b.t.Fatal(err)
		}
		b.requests = append(b.requests, p.Request.URL)
	case "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
		b.complaints = append(b.complaints, string(m.Params))
	}
	return m
}

// open shows a page and waits until it has loaded.
func (b *browser) open(html []byte) (address string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "report.html")
	if err := os.WriteFile(path, html, 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.requests, b.complaints, b.loaded = nil, nil, false
	address = "file://" + path
	b.call("Page.navigate", map[string]any{"url": address}, nil)
	for !b.loaded {
		b.next()
	}
	return address
}

// media shows the page on a screen or as "print", as to a reader who prefers light or dark.
func (b *browser) media(name, scheme string) {
	b.t.Helper()
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": name, "features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// width makes the window so wide, and as high as the page is long.
func (b *browser) width(pixels int) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// evaluate runs an expression in the page and reads its value.
func (b *browser) evaluate(expression string, value any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, answer.ExceptionDetails)
	}
	if err := json.Unmarshal(answer.Result.Value, value); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// picture takes the whole page as PNG.
func (b *browser) picture() []byte {
	b.t.Helper()
	return b.data("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true, "format": "png"})
}

// paper prints the page as PDF.
func (b *browser) paper() []byte {
	b.t.Helper()
	return b.data("Page.printToPDF", map[string]any{"preferCSSPageSize": true, "paperWidth": 8.27, "paperHeight": 11.69})
}

func (b *browser) data(method string, params any) []byte {
	b.t.Helper()
	var answer struct{ Data string }
	b.call(method, params, &answer)
	raw, err := base64.StdEncoding.DecodeString(answer.Data)
	if err != nil {
		b.t.Fatal(fmt.Errorf("%s: %w", method, err))
	}
	return raw
}
