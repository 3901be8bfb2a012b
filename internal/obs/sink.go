package obs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
)

// sink is where the lines go: a file that can be reopened, or stdout.
type sink struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	w      io.Writer
	file   *os.File // nil for stdout
	torn   bool     // the last write ended inside a line
	failed bool     // the last write failed, and that has been logged
}

func openSink(path string, stdout io.Writer, log *slog.Logger) (*sink, error) {
	s := &sink{path: path, log: log, w: stdout}
	if path == "-" {
		return s, nil
	}
	return s, s.reopen()
}

// reopen opens the file and closes the one used before. On failure nothing changes.
func (s *sink) reopen() error {
	if s.path == "-" {
		return nil
	}
	f, err := os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("access log: %w", err)
	}
	s.mu.Lock()
	old := s.file
	s.file, s.w, s.torn = f, f, false
	s.mu.Unlock()
	if old != nil {
		return old.Close()
	}
	return nil
}

// put writes whole lines and returns how many were lost. After a write that was cut inside a line,
// the next one begins a new line, so that one line at most is unreadable.
func (s *sink) put(lines []byte, n int) (lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.torn {
		if _, err := s.w.Write([]byte{'\n'}); err != nil {
			s.note(err)
			return n
		}
		s.torn = false
	}
	did, err := s.w.Write(lines)
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
		s.log.Error("access log can't be written; lines are dropped", "path", s.path, "error", err)
	case err == nil && s.failed:
		s.log.Info("access log is written again", "path", s.path)
	}
	s.failed = err != nil
}

func (s *sink) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return
	}
	if err := s.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		s.log.Error("access log can't be closed", "path", s.path, "error", err)
	}
}
