package cmd

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"weir/bench"
	"weir/bench/slo"
)

// sendFlags are the flags of every command that sends requests.
type sendFlags struct {
	connections, streams, threads int
	timeout, maxLag               time.Duration
	seed                          uint64

	insecure          bool
	cacert, cert, key string

	http2, http3 bool
	slo          string
	out          []string
	asJSON       bool
	quiet        bool

	given *pflag.FlagSet // says which flags were
}

func (f *sendFlags) add(s *pflag.FlagSet) {
	f.given = s
	s.IntVarP(&f.connections, "connections", "c", 64, "keep-alive connections")
	s.IntVar(&f.streams, "streams", 1, "requests that may be under way at once on a connection of HTTP/2, HTTP/3 or gRPC")
	s.IntVar(&f.threads, "threads", 0, "threads for plain HTTP/1.1 (default: one per core)")
	s.DurationVar(&f.timeout, "timeout", 30*time.Second, "how long one request may take from when it is sent")
	s.DurationVar(&f.maxLag, "max-lag", time.Millisecond, "how late the generator may send one request in a hundred before the run is invalid")
	s.Uint64Var(&f.seed, "seed", 0, "makes what is random the same again: Poisson gaps, a scenario's choices")
	s.BoolVar(&f.http2, "http2", false, "speak HTTP/2: by ALPN for https, with prior knowledge for http")
	s.BoolVar(&f.http3, "http3", false, "speak HTTP/3")
	s.BoolVarP(&f.insecure, "insecure", "k", false, "do not verify the server's certificate")
	s.StringVar(&f.cacert, "cacert", "", "verify the server by the certificates in this PEM `FILE`")
	s.StringVar(&f.cert, "cert", "", "the client's certificate, a PEM `FILE`; needs --key")
	s.StringVar(&f.key, "key", "", "the key of --cert, a PEM `FILE`")
	s.StringVar(&f.slo, "slo", "", "what the run must hold, such as 'p99<20ms,errors<0.1%'; exit 1 if it does not")
	s.StringArrayVar(&f.out, "out", nil, "the report: text, json or html, with =FILE to write a file; may be repeated (default: text)")
	s.BoolVar(&f.asJSON, "json", false, "print the report as JSON: --out json")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
}

// benchFlags are those of weir bench URL.
type benchFlags struct {
	sendFlags
	duration, warmup      time.Duration
	requests              int64
	rate                  rateValue
	arrivals, ramp, steps string

	findCapacity bool

	header                 []string
	method, data, scenario string
	tcp                    string
	ws, noKeepalive        bool
}

func (f *benchFlags) add(s *pflag.FlagSet) {
	f.sendFlags.add(s)
	s.DurationVarP(&f.duration, "duration", "d", 0, "how long to measure (default: 10s, or until -n, or as long as --ramp or --steps)")
	s.Int64VarP(&f.requests, "requests", "n", 0, "end after so many measured requests")
	s.DurationVar(&f.warmup, "warmup", 0, "send this long before measuring")
	s.VarP(&f.rate, "rate", "r", "requests a second: the open loop (default: the closed loop)")
	s.Lookup("rate").DefValue = ""
	s.StringVar(&f.arrivals, "arrivals", "constant", "how the open loop spreads requests: constant or poisson")
	s.StringVar(&f.ramp, "ramp", "", "a rate that rises or falls, such as 100:5000/60s")
	s.StringVar(&f.steps, "steps", "", "rates one after the other, such as 100,200,400/30s or 100/10s,900/5s")
	s.BoolVar(&f.findCapacity, "find-capacity", false, "look for the highest rate that holds the --slo; -d is the length of each try (default 5s), -r the first rate (default 100)")
	s.StringArrayVarP(&f.header, "header", "H", nil, "a header field, such as 'Accept: text/html'; may be repeated")
	s.StringVarP(&f.method, "method", "m", "", "the `METHOD` (default: GET, or POST with --data)")
	s.StringVar(&f.data, "data", "", "the body, or @FILE that holds it")
	s.StringVar(&f.scenario, "scenario", "", "a TOML `FILE` with weighted requests, instead of one")
	s.StringVar(&f.tcp, "tcp", "", "raw TCP: echo (a message and back), connect (and close), bulk (blocks there and back), send or receive (blocks one way)")
	s.Lookup("tcp").NoOptDefVal = "echo"
	s.BoolVar(&f.ws, "ws", false, "WebSocket: send messages and expect them back")
	s.BoolVar(&f.noKeepalive, "no-keepalive", false, "a new connection for each request")
}

// tcpUses are the values of --tcp.
var tcpUses = []string{"echo", "connect", "bulk", "send", "receive"}

// errBoth refuses flags that contradict each other.
func errBoth(a, b string) error { return fmt.Errorf("%s and %s exclude each other", a, b) }

// given pairs a flag's name with whether it was given.
type given struct {
	name string
	is   bool
}

// atMostOne refuses more than one of the flags.
func atMostOne(flags ...given) error {
	first := ""
	for _, f := range flags {
		switch {
		case !f.is:
		case first != "":
			return errBoth(first, f.name)
		default:
			first = f.name
		}
	}
	return nil
}

// check refuses what can't be meant.
func (f *benchFlags) check() error {
	if err := f.sendFlags.check(); err != nil {
		return err
	}
	open := f.rate != 0 || f.ramp != "" || f.steps != ""
	switch {
	case f.duration < 0, f.requests < 0, f.warmup < 0:
		return errors.New("-d, -n and --warmup are not negative")
	case f.given.Changed("duration") && f.duration == 0, f.given.Changed("requests") && f.requests == 0:
		return errors.New("-d 0 and -n 0 measure nothing")
	case f.arrivals != "constant" && f.arrivals != "poisson":
		return fmt.Errorf("--arrivals %q: want constant or poisson", f.arrivals)
	case f.arrivals == "poisson" && !open && !f.findCapacity:
		return errors.New("--arrivals poisson needs a rate: -r, --ramp or --steps")
	case f.findCapacity && f.slo == "":
		return errors.New("--find-capacity needs the --slo that the rate must hold, such as --slo 'p99<20ms,errors<0.1%'")
	case f.findCapacity && (f.requests > 0 || f.ramp != "" || f.steps != ""):
		return errors.New("--find-capacity chooses rates itself; it takes no -n, --ramp or --steps")
	case f.tcp != "" && !slices.Contains(tcpUses, f.tcp):
		return fmt.Errorf("--tcp %q: want %s, such as --tcp=connect", f.tcp, strings.Join(tcpUses, ", "))
	}
	return cmp.Or(
		atMostOne(given{"-r", f.rate != 0}, given{"--ramp", f.ramp != ""}, given{"--steps", f.steps != ""}),
		atMostOne(given{"--http2", f.http2}, given{"--http3", f.http3}, given{"--tcp", f.tcp != ""}, given{"--ws", f.ws}),
		atMostOne(given{"--scenario", f.scenario != ""}, given{"--tcp", f.tcp != ""}),
		atMostOne(given{"--scenario", f.scenario != ""}, given{"-m", f.method != ""}),
		atMostOne(given{"--scenario", f.scenario != ""}, given{"--data", f.data != ""}),
		atMostOne(given{"--scenario", f.scenario != ""}, given{"-H", f.header != nil}),
	)
}

func (f *sendFlags) check() error {
	if err := f.empty(); err != nil {
		return err
	}
	switch {
	case f.given.Changed("connections") && f.connections < 1, f.streams < 1:
		return errors.New("-c and --streams are at least 1")
	case f.threads < 0:
		return errors.New("--threads is not negative; 0 is one per core")
	case f.timeout <= 0, f.maxLag <= 0:
		return errors.New("--timeout and --max-lag are more than 0")
	case (f.cert == "") != (f.key == ""):
		return errors.New("--cert and --key need each other")
	}
	return cmp.Or(
		atMostOne(given{"--insecure", f.insecure}, given{"--cacert", f.cacert != ""}),
		atMostOne(given{"--http2", f.http2}, given{"--http3", f.http3}),
	)
}

// empty refuses flags that were given nothing, as by a script whose variable is not set: to pass over --slo ” would let
// every run pass.
func (f *sendFlags) empty() error {
	var bad error
	f.given.Visit(func(x *pflag.Flag) {
		if bad == nil && x.Value.Type() == "string" && x.Value.String() == "" && x.Name != "data" {
			bad = fmt.Errorf("--%s is empty", x.Name)
		}
	})
	return bad
}

// asked is what is to be judged and written of a run.
func (f *sendFlags) asked() (goal slo.SLO, outs []output, err error) {
	if goal, err = f.promise(); err == nil {
		outs, err = f.outputs()
	}
	return goal, outs, err
}

// promise is the --slo; the zero SLO where there is none.
func (f *sendFlags) promise() (goal slo.SLO, err error) {
	if f.slo == "" {
		return goal, nil
	}
	if goal, err = slo.Parse(f.slo); err != nil {
		err = fmt.Errorf("--slo: %w", err)
	}
	return goal, err
}

// config is what the flags describe, protocol and source aside.
func (f *benchFlags) config(target string) (bench.Config, error) {
	cfg, err := f.sendFlags.config(target)
	if err != nil {
		return cfg, err
	}
	cfg.Method, cfg.Duration, cfg.Requests, cfg.Warmup, cfg.Fresh = f.method, f.duration, f.requests, f.warmup, f.noKeepalive
	if cfg.Header, err = fields(f.header); err != nil {
		return cfg, err
	}
	if cfg.Body, err = body(f.data); err != nil {
		return cfg, err
	}
	if f.given.Changed("data") && f.method == "" {
		cfg.Method = "POST"
	}
	if cfg.Arrivals, err = f.timetable(); err != nil {
		return cfg, err
	}
	if f.duration == 0 && f.requests == 0 && f.ramp == "" && f.steps == "" {
		cfg.Duration = 10 * time.Second
	}
	return cfg, nil
}

// timetable returns the open loop's rates; nil for the closed loop.
func (f *benchFlags) timetable() (a *bench.Arrivals, err error) {
	switch {
	case f.ramp != "":
		a, err = bench.ParseRamp(f.ramp)
	case f.steps != "":
		a, err = bench.ParseSteps(f.steps)
	case f.rate > 0:
		a = bench.Constant(float64(f.rate))
	}
	if a == nil || err != nil {
		return nil, err
	}
	a.Poisson = f.arrivals == "poisson"
	if ends := a.Length(); ends > 0 && f.duration > ends {
		return nil, fmt.Errorf("-d %v is longer than --ramp or --steps, which end after %v; leave -d out", f.duration, ends)
	}
	return a, nil
}

func (f *sendFlags) config(target string) (bench.Config, error) {
	cfg := bench.Config{
		Target: target, Connections: f.connections, Workers: f.connections * f.streams, Threads: f.threads,
		Timeout: f.timeout, MaxLag: f.maxLag, Seed: f.seed, Program: "weir " + version,
	}
	var err error
	cfg.TLS, err = f.tls()
	return cfg, err
}

// tls is how servers are verified and the client shows itself.
func (f *sendFlags) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecure}
	if f.cacert != "" {
		text, err := os.ReadFile(f.cacert)
		if err != nil {
			return nil, fail(CouldNotRun, fmt.Errorf("--cacert: %w", err))
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fail(CouldNotRun, fmt.Errorf("--cacert %s: no certificate in PEM", f.cacert))
		}
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fail(CouldNotRun, fmt.Errorf("--cert %s, --key %s: %w", f.cert, f.key, err))
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// fields reads header fields as "Name: value".
func fields(lines []string) ([]bench.Field, error) {
	var out []bench.Field
	for _, l := range lines {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			return nil, fmt.Errorf("-H %q: want 'Name: value'", l)
		}
		out = append(out, bench.Field{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	}
	return out, nil
}

// body returns the text, or what is in the file behind @.
func body(data string) ([]byte, error) {
	path, ok := strings.CutPrefix(data, "@")
	if !ok {
		return []byte(data), nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fail(CouldNotRun, fmt.Errorf("--data: %w", err))
	}
	return content, nil
}
