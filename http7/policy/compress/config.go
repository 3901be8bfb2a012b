package compress

import (
	"slices"
	"strconv"

	"weir/internal/conf"
)

// Config says which answers are compressed, and how.
type Config struct {
	// Mode is "enforce", "observe" (record what would be compressed) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Types are the media types that are compressed: "application/json", "text/*" for all of a kind,
	// "*+json" for all with that suffix, "*" for every type. Those that are compressed by themselves
	// (images but SVG and bitmaps, video, audio, archives, WOFF) never are, nor is gRPC.
	// Default: texts, JSON, XML, YAML, scripts, WebAssembly and plain fonts.
	Types []string `toml:"types"`
	// MinBytes is the length from which a body is compressed: a shorter one gains nothing. A body of
	// unknown length is compressed unless all of it is at hand and shorter. From 0B to 16KiB.
	// Default: 1KiB.
	MinBytes conf.Size `toml:"min_bytes"`
	// Algorithms are those that are offered. Where a client likes several equally the first of them
	// is taken. Default: ["zstd", "br", "gzip"].
	Algorithms []string `toml:"algorithms"`
	// Level trades size for CPU and memory: "fast", "balanced" or "small". Hazard: small takes two to
	// three times the CPU and the memory of balanced. Default: "balanced".
	Level string `toml:"level"`
	// Concurrent bounds how many answers are compressed at one time, event streams included, and with
	// it the memory: at most 2 MiB for each, 5 MiB at level small. What comes on top leaves as it is.
	// Default: 512.
	Concurrent conf.Limit `toml:"concurrent"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		Types: []string{
			"text/*", "*+json", "*+xml", "*+yaml", "application/json", "application/x-ndjson", "application/xml", "application/yaml",
			"application/javascript", "application/x-javascript", "application/wasm", "application/vnd.ms-fontobject",
			"font/ttf", "font/otf", "image/bmp", "image/x-icon", "image/vnd.microsoft.icon",
		},
		MinBytes:   conf.Bytes(1 << 10),
		Algorithms: []string{"zstd", "br", "gzip"},
		Level:      "balanced",
		Concurrent: conf.AtMost(512),
	}
}

// maxMinBytes bounds how much of an answer is looked at before its head leaves.
const maxMinBytes = 16 << 10

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	if c.MinBytes.IsOff() || c.MinBytes.Value() > maxMinBytes {
		p.Add("min_bytes", strconv.Quote(c.MinBytes.String())+" is out of range", `write a size from "0B" to "16KiB"`)
	}
	if !c.Concurrent.IsOff() && c.Concurrent.Value() < 1 {
		p.Add("concurrent", "nothing would be compressed", `write a whole number from 1, or "off"; mode = "off" compresses nothing`)
	}
	c.checkAlgorithms(p)
	for i, t := range c.Types {
		checkType(p.Index("types", i), t)
	}
	p.OneOf("level", c.Level, "a level", levelNames[:]...)
}

func (c *Config) checkAlgorithms(p *conf.Problems) {
	for i, name := range c.Algorithms {
		at := p.Index("algorithms", i)
		at.OneOf("", name, "a compression", codingNames[:]...)
		if slices.Contains(c.Algorithms[:i], name) {
			at.Add("", strconv.Quote(name)+" is there twice", "leave one out")
		}
	}
	if len(c.Algorithms) == 0 {
		p.Add("algorithms", "nothing is offered", `write some of `+conf.Quoted(codingNames[:], "and")+`, or mode = "off"`)
	}
}

func checkType(p *conf.Problems, t string) {
	pattern, exact, ok := parsePattern(t)
	switch {
	case !ok:
		p.Add("", strconv.Quote(t)+" is not a media type", `write "application/json", "text/*", "*+json" or "*"`)
	case exact && packed(pattern.prefix):
		p.Add("", strconv.Quote(t)+" is compressed by itself, or must not be", "leave it out")
	}
}
