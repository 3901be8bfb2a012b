package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"weir/internal/term"
)

// screen prints: a table redrawn in place on a terminal, lines that only grow elsewhere. One goroutine at a time
// uses it.
type screen struct {
	out   io.Writer
	stage *stage
	paint term.Paint
	live  bool
	lines int // of the board that stands on the terminal
	told  int // events printed, where the output only grows
}

// A terminal smaller than the board would scroll or wrap it, and the next one would be drawn over the wrong lines.
const (
	boardHeight = 19 // with a line to spare
	boardWidth  = 88
)

func newScreen(out io.Writer, s *stage) *screen {
	look := term.Look(out)
	return &screen{
		out: out, stage: s, live: look.Terminal && look.Rows >= boardHeight && look.Columns >= boardWidth,
		paint: term.Paint{Colour: look.Colour},
	}
}

// print writes lines. A terminal that has gone away fails later, where somebody looks.
func (s *screen) print(lines ...string) {
	fmt.Fprintln(s.out, strings.Join(lines, "\n"))
}

func (s *screen) begin() {
	p := s.paint
	if s.live {
		fmt.Fprint(s.out, "\x1b[?25l")
		return
	}
	s.print("", "  "+p.Bold("WEIR DEMO"),
		fmt.Sprintf("  web http://%s · secure https://%s · echo tcp://%s", s.stage.web, s.stage.secure, s.stage.echo),
		fmt.Sprintf("  three API endpoints behind web and secure, one of its own behind echo · admin http://%s", s.stage.admin), "")
}

// run draws until ctx ends: five times a second in place, every other second as a line; events at once.
func (s *screen) run(ctx context.Context, story *story) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		v := story.view()
		s.draw(&v, n%10 == 0)
	}
}

// draw shows the view; where the output only grows, the figures only if due.
func (s *screen) draw(v *view, due bool) {
	if !s.live {
		for ; s.told < len(v.events); s.told++ {
			s.print(eventLine(&v.events[s.told], s.paint))
		}
		if due {
			s.print(tickLine(v))
		}
		return
	}
	lines := board(v, s.paint)
	var b strings.Builder
	if s.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", s.lines)
	}
	for _, l := range lines {
		b.WriteString(l + "\x1b[K\n")
	}
	s.lines = len(lines)
	fmt.Fprint(s.out, b.String())
}

// end leaves the last board standing.
func (s *screen) end(v *view) {
	s.draw(v, false)
	if s.live {
		fmt.Fprint(s.out, "\x1b[?25h")
	}
}

// report prints the outcome and returns the exit code.
func (s *screen) report(o outcome) int {
	s.print(report(&o, s.paint)...)
	return o.code()
}

func (s *screen) staying() {
	s.print("  Still serving; interrupt to stop. Try:", "",
		"    curl http://"+s.stage.web+"/v1/orders/7",
		"    curl -k https://"+s.stage.secure+"/v1/orders/7",
		"    curl http://"+s.stage.admin+"/metrics",
		"  The config: "+s.stage.path, "")
}
