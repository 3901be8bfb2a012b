package obs

import "weir/internal/conf"

// LogConfig is what Weir says about itself, on stderr.
type LogConfig struct {
	// Level is the least that is written: "debug", "info", "warn" or "error". Default: "info".
	Level string `toml:"level"`
	// Format is "json" or "text". Default: "json".
	Format string `toml:"format"`
}

// DefaultLog returns the values of absent keys.
func DefaultLog() LogConfig { return LogConfig{Level: "info", Format: "json"} }

// Check notes what is wrong with c.
func (c *LogConfig) Check(p *conf.Problems) {
	p.OneOf("level", c.Level, "a level", "debug", "info", "warn", "error")
	p.OneOf("format", c.Format, "a format", "json", "text")
}

// AccessLogConfig is the line that every exchange and session leaves.
type AccessLogConfig struct {
	// Path is the file; "-" is stdout, "" is off. A file is reopened on SIGUSR1. Default: "".
	Path string `toml:"path"`
	// Format is "json". Default: "json".
	Format string `toml:"format"`
	// Sample is the share of exchanges that leave a line. Default: 100%.
	Sample conf.Share `toml:"sample"`
	// Always says what leaves a line whatever the sample. Default: nothing.
	Always AlwaysConfig `toml:"always"`
}

// AlwaysConfig says which exchanges are logged whatever the sample: those that meet either
// condition.
type AlwaysConfig struct {
	// Status are the statuses that are always logged. Default: none.
	Status conf.StatusSet `toml:"status"`
	// SlowerThan is the duration of an exchange from which it is always logged. Default: off.
	SlowerThan conf.Duration `toml:"slower_than"`
}

// DefaultAccessLog returns the values of absent keys.
func DefaultAccessLog() AccessLogConfig {
	return AccessLogConfig{
		Format: "json",
		Sample: conf.Percent(100),
		Always: AlwaysConfig{SlowerThan: conf.OffDuration},
	}
}

// Off reports whether no access log is written.
func (c *AccessLogConfig) Off() bool { return c.Path == "" }

// AuditLogConfig is the line that every refusal of a policy leaves, one that would only have been made included.
type AuditLogConfig struct {
	// Path is the file; "-" is stdout, "" is off. A file is reopened on SIGUSR1. Default: "".
	Path string `toml:"path"`
	// Format is "json". Default: "json".
	Format string `toml:"format"`
}

// DefaultAuditLog returns the values of absent keys.
func DefaultAuditLog() AuditLogConfig { return AuditLogConfig{Format: "json"} }

// Off reports whether no audit log is written.
func (c *AuditLogConfig) Off() bool { return c.Path == "" }

// Check notes what is wrong with c.
func (c *AuditLogConfig) Check(p *conf.Problems) {
	p.OneOf("format", c.Format, "a format", "json")
}

// Check notes what is wrong with c.
func (c *AccessLogConfig) Check(p *conf.Problems) {
	p.OneOf("format", c.Format, "a format", "json")
}
