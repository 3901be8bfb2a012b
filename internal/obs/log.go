package obs

import (
	"io"
	"log/slog"
)

// Log is the process log: what Weir says about itself. Loggers derived from it follow its level.
type Log struct {
	*slog.Logger
	level *slog.LevelVar
}

// NewLog returns a log in cfg's format to w. It is safe for concurrent use if w is.
func NewLog(w io.Writer, cfg LogConfig) *Log {
	level := &slog.LevelVar{}
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(w, opts)
	if cfg.Format == "text" {
		h = slog.NewTextHandler(w, opts)
	}
	l := &Log{Logger: slog.New(h), level: level}
	l.Apply(cfg)
	return l
}

// Apply takes the level of a reloaded config. The format stays until a restart, since derived
// loggers hold the handler.
func (l *Log) Apply(cfg LogConfig) {
	var v slog.Level
	// Check has refused other texts; the empty one means info, which is the zero level.
	if v.UnmarshalText([]byte(cfg.Level)) != nil {
		v = slog.LevelInfo
	}
	l.level.Set(v)
}
