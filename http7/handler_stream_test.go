package http7

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
)

func streaming(w fasthttp.StreamWriter) Handler {
	return func(ctx *fasthttp.RequestCtx) { ctx.SetBodyStreamWriter(w) }
}

func TestAStreamWriterIsSentWholeAndItsRunnerReused(t *testing.T) {
	x := asked("")
	for range 3 {
		a, body := answered(t, x, streaming(writeLines(1000)))
		if strings.Count(body, "\n") != 1000 || !strings.HasSuffix(body, "line 999\n") || a.Length != -1 {
			t.Fatalf("%d bytes, length %d", len(body), a.Length)
		}
	}
}

func TestAStreamComesAsItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := asked("")
		if f := Serve(streaming(func(w *bufio.Writer) {
			for _, s := range []string{"one", "two"} {
				_, _ = w.WriteString(s)
				_ = w.Flush()
				time.Sleep(time.Minute) // in the bubble's time
			}
		}), x); f != nil {
			t.Fatal(f)
		}
		src, start := x.Answer.Source, time.Now()
		for i, want := range []string{"one", "two"} {
			if _, s, _ := src.Next(); s != Parked {
				t.Fatalf("state %v before the wait", s)
			}
			src.Await()
			chunk, s, _ := src.Next()
			if string(chunk) != want || s != Chunk || time.Since(start) != time.Duration(i)*time.Minute {
				t.Fatalf("got %q, state %v after %v", chunk, s, time.Since(start))
			}
		}
		src.Await()
		if _, s, _ := src.Next(); s != End {
			t.Fatalf("state %v at the end", s)
		}
		src.Close()
	})
}

func TestAnUnreadStreamHoldsLittleAndEndsWhenItsSourceIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, written, ended := asked(""), 0, false
		line := strings.Repeat("x", 1<<10)
		if f := Serve(streaming(func(w *bufio.Writer) {
			defer func() { ended = true }()
			for {
				n, err := w.WriteString(line)
				if err == nil {
					err = w.Flush()
				}
				if err != nil {
					return
				}
				written += n
			}
		}), x); f != nil {
			t.Fatal(f)
		}
		synctest.Wait() // the writer is blocked
		if written == 0 || written > 64<<10 || ended {
			t.Errorf("%d bytes are written ahead, ended %v", written, ended)
		}
		x.Answer.Source.Await()
		if chunk, s, _ := x.Answer.Source.Next(); s != Chunk || len(chunk) > streamBuffer {
			t.Errorf("state %v, %d bytes", s, len(chunk))
		}
		x.Answer.Source.Close()
		synctest.Wait()
		if !ended {
			t.Error("the writer's goroutine goes on")
		}
	})
}

func TestAClientThatLeavesInterruptsASilentStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, stop := asked(""), make(chan struct{})
		if f := Serve(streaming(func(*bufio.Writer) { <-stop }), x); f != nil {
			t.Fatal(f)
		}
		go func() { // the watcher; ends at once
			time.Sleep(time.Second)
			Interrupt(x.Answer.Source)
		}()
		body, s, f := drain(x.Answer.Source)
		if body != "" || s != Failure || f != ClientLeft {
			t.Errorf("got %q, state %v, %v", body, s, f)
		}
		Interrupt(x.Answer.Source) // after the end it does nothing
		close(stop)
	})
}

func TestInterruptLeavesOtherAnswersAlone(t *testing.T) {
	x := asked("")
	if f := Serve(func(ctx *fasthttp.RequestCtx) { ctx.SetBodyStream(strings.NewReader("abc"), 3) }, x); f != nil {
		t.Fatal(f)
	}
	Interrupt(x.Answer.Source)
	if body, s, _ := drain(x.Answer.Source); body != "abc" || s != End {
		t.Fatalf("got %q, state %v", body, s)
	}
}

// failing is a stream that gives some bytes and then err, or panics.
type failing struct {
	text string
	err  error
}

func (r *failing) Read(p []byte) (int, error) {
	if r.err == nil {
		panic("stream")
	}
	n := copy(p, r.text)
	r.text = r.text[n:]
	if n == 0 {
		return 0, r.err
	}
	return n, nil
}

func (r *failing) Close() error { panic("close") }

func TestAStreamThatBreaksIsNeverSeenAsComplete(t *testing.T) {
	broken := errors.New("disk gone")
	for _, c := range []struct {
		what  string
		r     io.Reader
		size  int
		body  string
		want  *Fault
		cause string
	}{
		{"shorter than its length", strings.NewReader("abc"), 4, "abc", HandlerError, errShort.Error()},
		{"an error", &failing{"abc", broken}, -1, "abc", HandlerError, "disk gone"},
		{"an error within its length", &failing{"abc", broken}, 9, "abc", HandlerError, "disk gone"},
		{"a panic", &failing{"", nil}, -1, "", Panicked, "panic: stream"},
	} {
		x := asked("")
		if f := Serve(func(ctx *fasthttp.RequestCtx) { ctx.SetBodyStream(c.r, c.size) }, x); f != nil {
			t.Fatal(f)
		}
		body, s, f := drain(x.Answer.Source)
		if body != c.body || s != Failure || f != c.want || x.Cause.Error() != c.cause {
			t.Errorf("%s: got %q, state %v, %v, %v", c.what, body, s, f, x.Cause)
		}
	}
}
