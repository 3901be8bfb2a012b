package compress

import (
	"strconv"
	"strings"

	"weir/internal/conf"
)

// Config says which answers are compressed, and how.
type Config struct {
	// Mode is "enforce", "observe" (record what would be compressed) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Types are the media types that are compressed: "application/json", "text/*" for all of a kind,
	// "*+json" for all with that suffix, "*" for every type but those that are compressed already.
	// Default: texts, scripts, JSON, XML, SVG, WebAssembly and fonts that are not compressed.
	Types []string `toml:"types"`
	// MinBytes is the length from which a body is compressed: shorter ones gain nothing. A body
	// whose length is not known is held back until so much has come, it ends, or it pauses; one
	// that pauses is compressed. From 0B to 16KiB. Default: 1KiB.
	MinBytes conf.Size `toml:"min_bytes"`
	// Algorithms are those that are offered, the preferred one first: it is taken where a client
	// likes several equally. Default: ["zstd", "br", "gzip"].
	Algorithms []string `toml:"algorithms"`
	// Level trades size for CPU: "fast", "balanced" or "small". Hazard: small takes about three times
	// the CPU of balanced. Default: "balanced".
	Level string `toml:"level"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		Types:    []string{"text/*", "*+json", "*+xml"},
		MinBytes: conf.Bytes(1 << 10), Algorithms: []string{"zstd", "br", "gzip"}, Level: "balanced",
	}
}

// maxMinBytes bounds what one answer is held back in memory before it is decided.
const maxMinBytes = 16 << 10

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	if c.MinBytes.IsOff() || c.MinBytes.Value() > maxMinBytes {
		p.Add("min_bytes", strconv.Quote(c.MinBytes.String())+" is out of range", `write a size from "0B" to "16KiB"`)
	}
	for i, name := range c.Algorithms {
		p.Index("algorithms", i).OneOf("", name, "a compression", "zstd", "br", "gzip")
	}
	for i, t := range c.Types {
		if strings.TrimSpace(t) == "" {
			p.Index("types", i).Add("", strconv.Quote(t)+" is not a media type", `write "text/html", "text/*", "*+json" or "*"`)
		}
	}
	p.OneOf("level", c.Level, "a level", "fast", "balanced", "small")
}
