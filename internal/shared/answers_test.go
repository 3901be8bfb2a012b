package shared

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// odd is a server that greets as Redis does, and says something of the test's to scripts.
type odd struct {
	ln     net.Listener
	answer string
}

func newOdd(t testing.TB, answer string) *odd {
	t.Helper()
	dir, err := os.MkdirTemp("", "odd") // the test's own may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it is in the system's
	ln, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	o := &odd{ln, answer}
	go func() { // accepts until the listener is closed
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go o.serve(nc) // ends with the connection
		}
	}()
	t.Cleanup(func() { _ = ln.Close() }) // it may be closed
	return o
}

func (o *odd) serve(nc net.Conn) {
	defer nc.Close()
	r := bufio.NewReader(nc)
	for {
		command, err := readCommand(r)
		if err != nil {
			return
		}
		switch strings.ToUpper(command) {
		case "EVALSHA", "EVAL":
			_, _ = io.WriteString(nc, o.answer) // nobody may read it
			return
		case "HELLO":
			_, err = io.WriteString(nc, "-ERR unknown command\r\n") // as before Redis 6
		default:
			_, err = io.WriteString(nc, "+OK\r\n")
		}
		if err != nil {
			return
		}
	}
}

// readCommand reads one command and returns its name.
func readCommand(r *bufio.Reader) (name string, err error) {
	count, err := readNumber(r, '*')
	for i := range count {
		var size int
		if size, err = readNumber(r, '$'); err != nil {
			return "", err
		}
		word := make([]byte, size+2)
		if _, err = io.ReadFull(r, word); err != nil {
			return "", err
		}
		if i == 0 {
			name = string(word[:size])
		}
	}
	return name, err
}

func readNumber(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil || line[0] != kind {
		return 0, io.ErrUnexpectedEOF
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// askOdd asks a server that answers with text.
func askOdd(t testing.TB, text string) (grant, error) {
	t.Helper()
	o := newOdd(t, text)
	c := Default()
	c.Redis = "unix://" + o.ln.Addr().String()
	s, err := New(c, Needs{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.server.close()
	defer o.ln.Close()
	if err := s.server.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	grants, err := s.server.ask(ctx, c.Prefix, []wish{s.trial()})
	if err != nil {
		return grant{}, err
	}
	return grants[0], nil
}

func TestOnlyThreeNumbersAreAnAnswer(t *testing.T) {
	if g, err := askOdd(t, "*3\r\n:1\r\n:0\r\n:250\r\n"); err != nil || g != (grant{1, 0, 250 * time.Microsecond}) {
		t.Errorf("%+v, %v", g, err)
	}
	for _, text := range []string{
		"*3\r\n:2\r\n:1\r\n:0\r\n", // one was wanted
		"*3\r\n:1\r\n:9223372036854775807\r\n:9223372036854775807\r\n",
		"*3\r\n:1\r\n:-1\r\n:0\r\n", "*3\r\n:-5\r\n:1\r\n:0\r\n", "*2\r\n:1\r\n:2\r\n", "*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n", "*0\r\n",
		"*3\r\n$1\r\na\r\n:1\r\n:1\r\n", ":1\r\n", "+OK\r\n", "_\r\n", "$-1\r\n", "-OOM no memory\r\n", "-NOSCRIPT again and again\r\n", "*3\r\n:5\r\n",
	} {
		if g, err := askOdd(t, text); err == nil {
			t.Errorf("%q is an answer: %+v", text, g)
		}
	}
}

var many = regexp.MustCompile(`[0-9]{5}`)

// FuzzAnswers: whatever a server says to a script, it is an answer with counts from 0 on, or an error.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{"*3\r\n:1\r\n:0\r\n:250\r\n", "-MOVED 1 a:1\r\n", "*-1\r\n", "%1\r\n", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if many.MatchString(text) {
			return // the library makes room for what it is told: for that it trusts a server
		}
		if g, err := askOdd(t, text); err == nil && (g.got < 0 || g.rest < 0 || g.retry < 0) {
			t.Errorf("%q is %+v", text, g)
		}
	})
}
