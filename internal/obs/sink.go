package obs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// target is an open place for lines: a file, stdout ("-"), or nowhere ("").
type target struct {
	path string
	w    io.Writer // nil for nowhere
	file *os.File  // nil unless path is a file's
}

// openTarget opens the place at path of a log; what names that: "access log".
func openTarget(what, path string, stdout io.Writer) (*target, error) {
	switch path {
	case "":
		return &target{}, nil
	case "-":
		return &target{path: path, w: stdout}, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return &target{path: path, w: f, file: f}, nil
}

// close closes a file; closing twice is harmless.
func (t *target) close() error {
	if t == nil || t.file == nil {
		return nil
	}
	if err := t.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// sink writes lines to a target that can be exchanged. It belongs to the log's writer.
type sink struct {
	what   string // "access log"
	log    *slog.Logger
	at     *target
	torn   bool // the last write ended inside a line
	failed bool // the last write failed, and that has been logged
}

// use closes the present target and goes on with t.
func (s *sink) use(t *target) {
	if err := s.at.close(); err != nil {
		s.log.Error(s.what+" can't be closed", "path", s.at.path, "error", err)
	}
	s.at, s.torn = t, false
}

// put writes whole lines and returns how many were lost. After a write that was cut inside a line,
// the next one begins a new line, so that one line at most is unreadable.
func (s *sink) put(lines []byte, n int) (lost int) {
	if s.at.w == nil {
		return n
	}
	if s.torn {
		if _, err := s.at.w.Write([]byte{'\n'}); err != nil {
			s.note(err)
			return n
		}
		s.torn = false
	}
	did, err := s.at.w.Write(lines)
	s.note(err)
	if err == nil {
		return 0
	}
	s.torn = did > 0 && lines[did-1] != '\n'
	return n - bytes.Count(lines[:did], []byte{'\n'})
}

// note logs a change between working and failing, not every failure.
func (s *sink) note(err error) {
	switch {
	case err != nil && !s.failed:
		s.log.Error(s.what+" can't be written; lines are dropped", "path", s.at.path, "error", err)
	case err == nil && s.failed:
		s.log.Info(s.what+" is written again", "path", s.at.path)
	}
	s.failed = err != nil
}
