//go:build linux

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// endpointName and its fellows are the environment of a test binary that is to be an endpoint.
const (
	endpointName    = "WEIR_E2E_ENDPOINT"
	endpointAddress = "WEIR_E2E_ADDRESS"
	endpointJournal = "WEIR_E2E_JOURNAL"
)

// The ports of a process, below those that the kernel gives out.
const (
	processHTTP = 7001
	processEcho = 7002
	processGRPC = 7003
)

// process is an endpoint in a process of its own, which can be killed, stopped and told to
// misbehave. It serves what an origin serves, /kib and /journal on one port an echo on another
// and gRPC on a third.
type process struct {
	t       *testing.T
	name    string
	ip      string
	journal string // the file that POST /journal writes to, in every life of the process

	cmd    *exec.Cmd
	told   io.WriteCloser
	exited chan struct{}
}

// newProcess starts an endpoint; it ends with the test at the latest.
func newProcess(t *testing.T, name, journal string) *process {
	t.Helper()
	p := &process{t: t, name: name, ip: loopback(), journal: journal}
	p.begin()
	t.Cleanup(p.kill)
	return p
}

func (p *process) http() string { return fmt.Sprintf("%s:%d", p.ip, processHTTP) }

// begin starts the process, at the addresses that it had before, and returns when it serves.
func (p *process) begin() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), endpointName+"="+p.name, endpointAddress+"="+p.ip, endpointJournal+"="+p.journal)
	p.cmd.Stderr = os.Stderr
	told, err := p.cmd.StdinPipe()
	says, err2 := p.cmd.StdoutPipe()
	if err := errors.Join(err, err2, startDying(p.cmd)); err != nil {
		p.t.Fatal(err)
	}
	p.told, p.exited = told, make(chan struct{})
	if line, err := bufio.NewReader(says).ReadString('\n'); line != "serving\n" {
		p.t.Errorf("the endpoint %s says %q: %v", p.name, line, err)
	}
	go func() { // waits for the process; ends with it
		defer close(p.exited)
		_ = p.cmd.Wait() // it is killed
	}()
}

// kill ends the process at once, as kill -9 does, and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
}

// freeze stops the process: the kernel still accepts for it, and nobody answers. thaw lets it go on.
func (p *process) freeze() { p.signal(syscall.SIGSTOP) }
func (p *process) thaw()   { p.signal(syscall.SIGCONT) }

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Errorf("%v to the endpoint %s: %v", sig, p.name, err)
	}
}

// tell makes the process misbehave, or with sound behave again. It takes effect within moments.
func (p *process) tell(m manner) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.told, m); err != nil {
		p.t.Errorf("telling the endpoint %s: %v", p.name, err)
	}
}

// beEndpoint is the main of a process: it serves until its stdin ends.
func beEndpoint(name string) int {
	o := &origin{name: name, free: make(chan struct{})}
	o.fit.Store(true)
	w := &weather{}
	journal, err := os.OpenFile(os.Getenv(endpointJournal), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	web, err2 := net.Listen("tcp", fmt.Sprintf("%s:%d", os.Getenv(endpointAddress), processHTTP))
	echo, err3 := net.Listen("tcp", fmt.Sprintf("%s:%d", os.Getenv(endpointAddress), processEcho))
	call, err4 := net.Listen("tcp", fmt.Sprintf("%s:%d", os.Getenv(endpointAddress), processGRPC))
	if err := errors.Join(err, err2, err3, err4); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	server := &http.Server{Handler: extended(o, journal), ErrorLog: silent}
	go func() { _ = server.Serve(w.over(web)) }() // ends with the process
	go echoAll(w.over(echo))                      // likewise
	go serveCalls(call)                           // likewise
	fmt.Println("serving")
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		w.set(manner(orders.Text()))
	}
	return 0
}

// serveCalls answers gRPC without TLS, as a caller does.
func serveCalls(ln net.Listener) {
	_ = grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler((&caller{}).handle)).Serve(ln)
}

func echoAll(ln net.Listener) {
	for {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		go func() { // ends with the connection
			defer nc.Close()
			_, _ = io.Copy(struct{ io.Writer }{nc}, struct{ io.Reader }{nc}) // through nc's own Write
		}()
	}
}

// extended is an origin that also answers /kib with its name and a KiB in all, and notes the bodies
// of POST /journal, which are a line each, once they are whole.
func extended(o *origin, journal io.Writer) http.Handler {
	kib := o.name + strings.Repeat(".", 1024-len(o.name))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/kib":
			o.requests.Add(1)
			_, _ = io.WriteString(w, kib) // a client that left
		case "/journal":
			o.requests.Add(1)
			line, err := io.ReadAll(r.Body)
			if err == nil {
				_, err = journal.Write(line) // at once, so that lines of several processes don't mix
			}
			fmt.Fprintf(w, "%d %v", len(line), err)
		default:
			o.ServeHTTP(w, r)
		}
	})
}

// manner is how an endpoint treats its connections.
type manner string

const (
	sound     manner = "sound"
	resetting manner = "resetting" // what it wants to write becomes a reset
	delaying  manner = "delaying"  // each write comes late, but not too late
	stalling  manner = "stalling"  // each write comes later than anyone waits for an answer's head
	cutting   manner = "cutting"   // half of a write, and the end of the connection
	crowded   manner = "crowded"   // new connections are closed at once
)

// weather is the manner of all connections of an endpoint.
type weather struct{ now atomic.Value }

func (w *weather) set(m manner) { w.now.Store(m) }

func (w *weather) manner() manner {
	m, _ := w.now.Load().(manner) // none yet: sound
	return m
}

// over puts a listener under the weather.
func (w *weather) over(ln net.Listener) net.Listener { return &exposed{ln, w} }

type exposed struct {
	net.Listener
	weather *weather
}

// Accept implements net.Listener.
func (e *exposed) Accept() (net.Conn, error) {
	for {
		nc, err := e.Listener.Accept()
		if err == nil && e.weather.manner() == crowded {
			_ = nc.Close() // whoever connected reads the end
			continue
		}
		if err != nil {
			return nil, err
		}
		return &exposedConn{nc.(*net.TCPConn), e.weather}, nil
	}
}

type exposedConn struct {
	*net.TCPConn
	weather *weather
}

// errWeather ends what the weather has broken.
var errWeather = errors.New("the weather broke it")

// Write implements net.Conn.
func (c *exposedConn) Write(b []byte) (int, error) {
	switch c.weather.manner() {
	case resetting:
		_ = c.SetLinger(0) // the close is a reset
		_ = c.Close()
		return 0, errWeather
	case cutting:
		n, _ := c.TCPConn.Write(b[:len(b)/2])
		_ = c.Close()
		return n, errWeather
	case delaying:
		hold(lateBy)
	case stalling:
		hold(stalledFor)
	}
	return c.TCPConn.Write(b)
}

// ReadFrom hides that of TCPConn, so that copies come by Write.
func (c *exposedConn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

const (
	lateBy     = 50 * time.Millisecond
	stalledFor = time.Second
)

func hold(d time.Duration) { <-time.After(d) }
