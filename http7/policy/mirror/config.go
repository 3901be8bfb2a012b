package mirror

import (
	"math"
	"strconv"
	"strings"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// Config sends a copy of requests to another upstream, whose answers the client never sees.
//
// A copy leaves once the exchange with the client is over, from a bounded set that all mirrors share; when that is
// full, or the other upstream is down, copies are dropped and counted. Hazard: the other upstream does what it
// is asked to. A mirror that shares its data with the upstream of the route does everything twice.
type Config struct {
	// Upstream is where the copies go. Required. Its own host, tls and timeouts hold; it is never retried.
	Upstream string `toml:"upstream"`
	// Sample is which share of the requests is copied, drawn for each. Default: 100%.
	Sample conf.Share `toml:"sample"`
	// Methods are those that are copied. Default: all of them, as peers do: a mirror that misses what changes
	// things soon answers everything else differently. Hazard: so it is asked for the changes too.
	Methods []string `toml:"methods"`
	// Compare compares the answers of both and reports differences: counters, the last 100 of the route, and at
	// most ten lines a second in the log. Default: false.
	Compare bool `toml:"compare"`
	// Headers are the fields that compare looks at, besides the status and the body. Their values are compared
	// as they are, in their order. Default: Content-Type and Location.
	Headers []string `toml:"headers"`
	// Ignore are paths into JSON bodies that compare leaves out, with all that is below: "meta.generated_at",
	// "items.0.id", "items.*.id". Default: none.
	Ignore []string `toml:"ignore"`
	// MaxBody bounds what is kept of a request's body, and of each answer's for compare. A request whose body is
	// larger is not mirrored; of larger answers, compare looks at the status and the fields. Default: 64KiB.
	MaxBody conf.Size `toml:"max_body"`
	// Timeout bounds a copy from its sending to the last byte of its answer. Default: 10s.
	Timeout conf.Duration `toml:"timeout"`
}

// maxMaxBody bounds MaxBody: copies are held in memory.
const maxMaxBody = 8 << 20

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		Sample:  conf.Percent(100),
		Headers: []string{"Content-Type", "Location"},
		MaxBody: conf.Bytes(64 << 10),
		Timeout: conf.Dur(10 * time.Second),
	}
}

// Check notes what is wrong with c. That the upstream exists is for the caller to see.
func (c *Config) Check(p *conf.Problems) {
	if c.Upstream == "" {
		p.Add("upstream", "a mirror needs an upstream to send its copies to", `write upstream = "…"`)
	}
	if v := c.Sample.Value(); v <= 0 || v > 1 || math.IsNaN(v) {
		p.Add("sample", strconv.Quote(c.Sample.String())+" is no share of the requests", `write more than 0% and at most 100%`)
	}
	for i, m := range c.Methods {
		if !http7.IsToken([]byte(m)) {
			p.Index("methods", i).Add("", strconv.Quote(m)+" is not a method", "")
		}
	}
	c.checkComparison(p)
	if n := c.MaxBody.Value(); c.MaxBody.IsOff() || n < 0 || n > maxMaxBody {
		p.Add("max_body", strconv.Quote(c.MaxBody.String())+" is too much to hold in memory for each copy", `write at most "8MiB"`)
	}
	p.Positive("timeout", c.Timeout)
	if c.Timeout.IsOff() {
		p.Add("timeout", "a copy that nobody waits for needs an end", `write a duration such as "10s"`)
	}
}

func (c *Config) checkComparison(p *conf.Problems) {
	for i, h := range c.Headers {
		if _, ok := http7.NewName(h); !ok {
			p.Index("headers", i).Add("", strconv.Quote(h)+" is not a field name", "a name has letters, digits and hyphens")
		}
		if http7.EqualFold(h, "Date") || http7.EqualFold(h, "Age") {
			p.Index("headers", i).Warn("", "two answers are rarely made at the same moment", "leave it out")
		}
	}
	for i, path := range c.Ignore {
		if path == "" || strings.Contains("."+path+".", "..") {
			p.Index("ignore", i).Add("", strconv.Quote(path)+" is not a path into JSON", `write names and positions with dots between, such as "items.*.id"`)
		}
	}
	if !c.Compare && len(c.Ignore) > 0 {
		p.Warn("ignore", "nothing is compared", "write compare = true")
	}
}
