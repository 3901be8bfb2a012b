package cmd

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"weir/bench"
)

// planned is the run that `weir bench` with this line would make. Words are apart by single spaces.
func planned(line string) (bench.Config, error) {
	f := &benchFlags{}
	set := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	f.add(set)
	if err := set.Parse(strings.Split(line, " ")); err != nil {
		return bench.Config{}, err
	}
	return f.plan(set.Args())
}

// refused fails the test unless weir with args is wrong usage that says want, and prints nothing else.
func refused(t *testing.T, want string, args ...string) {
	t.Helper()
	command := "weir bench"
	if len(args) > 1 && (args[1] == "replay" || args[1] == "compare") {
		command += " " + args[1]
	}
	got := inProcess(nil, args...)
	if got.code != WrongUsage || got.out != "" || !strings.HasPrefix(got.err, "weir: ") || !strings.Contains(got.err, want) ||
		!strings.HasSuffix(got.err, "\n  hint: see "+command+" --help\n") {
		t.Errorf("weir %q: %+v; want code %d, %q and a hint", args, got, WrongUsage, want)
	}
}

func TestFlagsThatCannotBeMeantAreWrongUsage(t *testing.T) {
	const url = "http://127.0.0.1:1/"
	for line, want := range map[string]string{
		"-d 10":                         "missing unit",
		"-d -1s":                        "-d, -n and --warmup are not negative",
		"-n -1":                         "-d, -n and --warmup are not negative",
		"--warmup -1s":                  "-d, -n and --warmup are not negative",
		"-d 0s":                         "measure nothing",
		"-n 0":                          "measure nothing",
		"-r 0":                          "want requests a second, more than 0",
		"-r -5":                         "want requests a second",
		"-r NaN":                        "want requests a second",
		"-r fast":                       "such as 2000, 0.5 or 30/m",
		"-c 0":                          "-c and --streams are at least 1",
		"-c -8":                         "-c and --streams are at least 1",
		"--streams 0":                   "-c and --streams are at least 1",
		"--streams 4":                   "one request at a time on a connection",
		"--threads -1":                  "--threads is not negative",
		"--timeout 0s":                  "--timeout and --max-lag are more than 0",
		"--max-lag 0s":                  "--timeout and --max-lag are more than 0",
		"--arrivals even -r 5":          "want constant or poisson",
		"--arrivals poisson":            "needs a rate",
		"--ramp 10:100":                 "want FROM:TO/TIME, such as 100:5000/60s",
		"--ramp 0:0/5s":                 "every rate is 0",
		"--ramp 10:20/5s -d 6s":         "-d 6s is longer than --ramp or --steps, which end after 5s",
		"--steps 10,20/1s -d 1m":        "which end after 2s",
		"--steps 10,20":                 "the last step has no time",
		"-r 5 --ramp 1:2/3s":            "-r and --ramp exclude each other",
		"--ramp 1:2/3s --steps 1/1s":    "--ramp and --steps exclude each other",
		"--http2 --http3":               "--http2 and --http3 exclude each other",
		"--ws --tcp":                    "--tcp and --ws exclude each other",
		"--insecure --cacert ca.pem":    "--insecure and --cacert exclude each other",
		"--cert c.pem":                  "--cert and --key need each other",
		"--key k.pem":                   "--cert and --key need each other",
		"--scenario s.toml -m PUT":      "--scenario and -m exclude each other",
		"--scenario s.toml --data x":    "--scenario and --data exclude each other",
		"--scenario s.toml -H a:b":      "--scenario and -H exclude each other",
		"--tcp=ping":                    "want echo, connect, bulk, send, receive",
		"-H novalue":                    "want 'Name: value'",
		"-H :x":                         "header field",
		"-H Content-Length:5":           "the generator frames the body itself",
		"-H Transfer-Encoding:chunked":  "the generator frames the body itself",
		"-m GE(T":                       "method",
		"--slo p99":                     "--slo: ",
		"--slo p99<20":                  `"20" is not a time`,
		"--find-capacity":               "--find-capacity needs the --slo",
		"--find-capacity --slo p9 -n 5": "takes no -n, --ramp or --steps",
		"--out pdf":                     "want text, json or html",
		"--out html=":                   "the file has no name",
		"--out text --out json":         "only one report can go to stdout",
		"--out text --json":             "only one report can go to stdout",
		"--out text=x --out json=x":     "two reports can't go to one file",
		"--http3":                       "HTTP/3 needs https://",
	} {
		refused(t, want, append([]string{"bench", url}, strings.Split(line, " ")...)...)
	}
}

// A script whose variable is not set must not measure without the SLO that it believes to have given.
func TestEmptyFlagsAreNotPassedOver(t *testing.T) {
	for _, flag := range []string{"--slo", "--ramp", "--steps", "--scenario", "-m", "--cacert", "--cert", "--key", "--arrivals"} {
		got := inProcess(nil, "bench", "http://127.0.0.1:1/", flag, "")
		if got.code != WrongUsage || !strings.Contains(got.err, " is empty") {
			t.Errorf("%s '': %+v, want code %d", flag, got, WrongUsage)
		}
	}
	refused(t, "--slo is empty", "bench", "replay", "a.log", "--to", "http://127.0.0.1:1/", "--slo", "")
}

func TestWhatIsNoSingleURLIsWrongUsage(t *testing.T) {
	for line, want := range map[string]string{
		"":                        "the URL is missing, such as weir bench http://",
		"-d 1s":                   "the URL is missing",
		"--tcp connect":           "the URL is missing",
		"http://a/ http://b/":     `one URL at a time, and no more: ["http://a/" "http://b/"]`,
		"127.0.0.1:1 connect":     "one URL at a time",
		"peer":                    `"peer" is neither a command nor a URL; for a host of that name write http://peer/`,
		"unix:/run/weir.sock":     "not to sockets of the file system",
		"ftp://a/":                "the scheme must be http, https, ws, wss, grpc, grpcs, tcp or tls",
		"http://":                 "lacks a host",
		"http://:80/":             "lacks a host",
		"http://a:b/":             "can't be read",
		"http://127.0.0.1:70010/": "a port is a number from 1 to 65535",
		"http://me:pw@127.0.0.1/": "a user belongs into a header field",
		"tcp://127.0.0.1":         "lacks a host or a port",
	} {
		refused(t, want, append([]string{"bench"}, strings.Fields(line)...)...)
	}
	refused(t, "the URL is empty", "bench", "")
}

func TestAPasswordInAURLIsNotRepeated(t *testing.T) {
	for _, scheme := range []string{"http", "grpc", "ws", "tls"} {
		got := inProcess(nil, "bench", scheme+"://me:hunter2@127.0.0.1:1/p.S/M", "--tcp=connect")
		if strings.Contains(got.err, "hunter2") {
			t.Errorf("%s: %s", scheme, got.err)
		}
	}
	refused(t, "the URL can't be read: invalid port", "bench", "http://me:hunter2@a:b/")
	if got := inProcess(nil, "bench", "http://me:hunter2@a:b/"); strings.Contains(got.err, "hunter2") {
		t.Error(got.err)
	}
}

func TestTheTargetsSchemeSaysWhatIsSpoken(t *testing.T) {
	for line, want := range map[string]struct{ target, protocol string }{
		"localhost":                          {"http://localhost", ""},
		"localhost:8080/a?b=c":               {"http://localhost:8080/a?b=c", ""},
		"[::1]:8080":                         {"http://[::1]:8080", ""},
		"http://a/%2F/%41;b?%zz":             {"http://a/%2F/%41;b?%zz", ""},
		"https://a":                          {"https://a", ""},
		"a.example --http2":                  {"http://a.example", "HTTP/2 in clear text"},
		"https://a --http2":                  {"https://a", "HTTP/2"},
		"a.example --http3":                  {"https://a.example", "HTTP/3"},
		"a.example --ws":                     {"ws://a.example", "WebSocket"},
		"http://a/chat --ws":                 {"ws://a/chat", "WebSocket"},
		"https://a/chat --ws":                {"wss://a/chat", "WebSocket over TLS"},
		"ws://a/chat":                        {"ws://a/chat", "WebSocket"},
		"grpc://a:1/p.S/M":                   {"grpc://a:1/p.S/M", "gRPC"},
		"grpcs://a:1/p.S/M":                  {"grpcs://a:1/p.S/M", "gRPC over TLS"},
		"tcp://a:1":                          {"tcp://a:1", ""},
		"a:1 --tcp":                          {"tcp://a:1", ""},
		"a:1 --tcp=echo":                     {"tcp://a:1", ""},
		"a:1 --tcp echo":                     {"tcp://a:1", ""},
		"--tcp echo a:1":                     {"tcp://a:1", ""},
		"--tcp connect a:1":                  {"tcp://a:1", "TCP connect"},
		"a:1 --tcp connect -d 1s":            {"tcp://a:1", "TCP connect"},
		"tls://a:1 --tcp=connect":            {"tls://a:1", "TLS handshake"},
		"a:1 --tcp bulk":                     {"tcp://a:1", "TCP bulk echo"},
		"a:1 --tcp=send":                     {"tcp://a:1", "TCP bulk send"},
		"a:1 --tcp=receive":                  {"tcp://a:1", "TCP bulk receive"},
		"http://a --scenario s.toml":         {"http://a", ""},
		"grpc://a:1 --scenario s.toml":       {"grpc://a:1", "gRPC"},
		"https://a --http2 --streams 8 -c 2": {"https://a", "HTTP/2"},
	} {
		cfg, err := planned(line)
		if err != nil || cfg.Target != want.target || !strings.HasPrefix(cfg.Protocol, want.protocol) ||
			(cfg.Client == nil) != (want.protocol == "") {
			t.Errorf("%s: got %s, %q, %v; want %+v", line, cfg.Target, cfg.Protocol, err, want)
		}
	}
}

func TestFlagsThatTheSchemeGivesNoMeaningAreWrongUsage(t *testing.T) {
	for line, want := range map[string]string{
		"http://a:1 --tcp":              "--tcp wants a target of tcp:// or tls://, such as tcp://a:1",
		"tcp://a:1 --ws":                "--ws wants a target of ws:// or wss://",
		"grpc://a:1/p.S/M --ws":         "--ws wants",
		"tls://a:1":                     "tls:// goes with --tcp=connect",
		"tls://a:1 --tcp":               "not with the echo",
		"tcp://a:1/path":                "TCP has no path",
		"tcp://a:1 -m GET":              "TCP has no methods",
		"tcp://a:1 -H a:b":              "TCP has no header fields",
		"tcp://a:1 --scenario s.toml":   "TCP takes none",
		"tcp://a:1 --http2":             "--http2 and --http3 are for http:// and https://",
		"tcp://a:1 --streams 2":         "one request at a time",
		"a:1 --tcp=connect --data x":    "sends nothing; it takes no --data",
		"ws://a:1 -m GET":               "WebSocket has no methods",
		"ws://a:1 --http3":              "--http2 and --http3 are for",
		"grpc://a:1/p.S/M -m PUT":       "gRPC has no methods",
		"grpc://a:1":                    "gRPC needs the method: grpc://a:1/package.Service/Method",
		"grpc://a:1/method":             "/package.Service/Method",
		"http://a/x --scenario s.toml":  "a --scenario has paths of its own; leave /x out",
		"http://a?x=1 --scenario s.tom": "leave /?x=1 out",
	} {
		if _, err := planned(line); err == nil && !strings.HasPrefix(line, "tcp://a:1/") {
			t.Errorf("%s: is planned", line)
		}
		refused(t, want, append([]string{"bench"}, strings.Fields(line)...)...)
	}
}

func TestTheRunIsWhatTheFlagsSay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	type config = bench.Config
	base := config{
		Target: "http://a/", Connections: 64, Workers: 64, Timeout: 30 * time.Second, MaxLag: time.Millisecond, Duration: 10 * time.Second,
	}
	for line, change := range map[string]func(*config){
		"http://a/":                    func(*config) {},
		"http://a/ -d 3s":              func(c *config) { c.Duration = 3 * time.Second },
		"http://a/ -n 5":               func(c *config) { c.Requests, c.Duration = 5, 0 },
		"http://a/ -n 5 -d 3s":         func(c *config) { c.Requests, c.Duration = 5, 3*time.Second },
		"http://a/ -r 200":             func(c *config) { c.Arrivals = bench.Constant(200) },
		"http://a/ -r 200 --warmup 2s": func(c *config) { c.Arrivals, c.Warmup = bench.Constant(200), 2*time.Second },
		"http://a/ --ramp 1:9/4s":      func(c *config) { c.Arrivals, c.Duration = steps(bench.Step{From: 1, To: 9, For: 4 * time.Second}), 0 },
		"http://a/ --ramp 1:9/4s -d 2s": func(c *config) {
			c.Arrivals, c.Duration = steps(bench.Step{From: 1, To: 9, For: 4 * time.Second}), 2*time.Second
		},
		"http://a/ --steps 5/1s":            func(c *config) { c.Arrivals, c.Duration = steps(bench.Step{From: 5, To: 5, For: time.Second}), 0 },
		"http://a/ -c 3 --threads 2":        func(c *config) { c.Connections, c.Workers, c.Threads = 3, 3, 2 },
		"http://a/ --no-keepalive":          func(c *config) { c.Fresh = true },
		"http://a/ --seed 7":                func(c *config) { c.Seed = 7 },
		"http://a/ --timeout 2s":            func(c *config) { c.Timeout = 2 * time.Second },
		"http://a/ --max-lag 9ms":           func(c *config) { c.MaxLag = 9 * time.Millisecond },
		"http://a/ -m PUT":                  func(c *config) { c.Method = "PUT" },
		"http://a/ --data hi":               func(c *config) { c.Method, c.Body = "POST", []byte("hi") },
		"http://a/ --data hi -m PATCH":      func(c *config) { c.Method, c.Body = "PATCH", []byte("hi") },
		"http://a/ --data=":                 func(c *config) { c.Method = "POST" },
		"http://a/ --data @" + file:         func(c *config) { c.Method, c.Body = "POST", []byte(`{"a":1}`) },
		"http://a/ -H X-A:b -H Host:c":      func(c *config) { c.Header = []bench.Field{{Name: "X-A", Value: "b"}, {Name: "Host", Value: "c"}} },
		"http://a/ -H X-Empty:":             func(c *config) { c.Header = []bench.Field{{Name: "X-Empty"}} },
		"http://a/ -H X:http://b/":          func(c *config) { c.Header = []bench.Field{{Name: "X", Value: "http://b/"}} },
		"http://a/ -r 5 --arrivals poisson": func(c *config) { c.Arrivals = bench.Constant(5); c.Arrivals.Poisson = true },
	} {
		want := base
		change(&want)
		got, err := planned(line)
		got.TLS, got.Program = nil, ""
		if len(got.Body) == 0 {
			got.Body = nil
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, %v; want\n%+v", line, got, err, want)
		}
	}
}

func steps(s ...bench.Step) *bench.Arrivals { return &bench.Arrivals{Steps: s} }

func TestFilesThatCannotBeReadKeepTheRunFromBeginning(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "not.pem")
	if err := os.WriteFile(text, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	for line, want := range map[string]string{
		"--data @" + missing:                   "weir: --data: open " + missing + ": no such file",
		"--data @" + dir:                       "weir: --data: read " + dir + ": is a directory",
		"--cacert " + missing:                  "weir: --cacert: open " + missing + ": no such file",
		"--cacert " + text:                     "weir: --cacert " + text + ": no certificate in PEM",
		"--cert " + missing + " --key " + text: "weir: --cert " + missing + ", --key " + text + ": open " + missing,
		"--cert " + text + " --key " + text:    "failed to find any PEM data",
		"--out html=" + missing + "/a.html":    "weir: --out html: open " + missing + "/a.html: no such file",
		"--out json=" + dir:                    "weir: --out json: open " + dir + ": is a directory",
	} {
		got := inProcess(nil, append([]string{"bench", "http://127.0.0.1:1/"}, strings.Split(line, " ")...)...)
		if got.code != CouldNotRun || got.out != "" || !strings.Contains(got.err, want) || strings.Contains(got.err, "--help") {
			t.Errorf("%s: %+v, want code %d and %q", line, got, CouldNotRun, want)
		}
	}
}

func TestAScenariosProblemsArePrintedAsAConfigs(t *testing.T) {
	path := file(t, "[[requests]]\nnme = \"a\"\npath = \"x${foo}\"\n")
	got := inProcess(nil, "bench", "http://127.0.0.1:1/", "--scenario", path)
	for _, want := range []string{path + `:2:1: requests[0].nme: there is no key "nme"`, "did you mean name?", path + ":3:", "problems"} {
		if !strings.Contains(got.err, want) {
			t.Errorf("no %q in\n%s", want, got.err)
		}
	}
	missing := inProcess(nil, "bench", "http://127.0.0.1:1/", "--scenario", path+".none")
	if got.code != Bad || got.out != "" || missing.code != Bad || !strings.Contains(missing.err, "no such file") {
		t.Errorf("codes %d and %d, want %d: %s", got.code, missing.code, Bad, missing.err)
	}
}

// What the help says of a default must be what the flag does without it.
func TestTheHelpOfBenchNamesItsDefaults(t *testing.T) {
	help := inProcess(nil, "bench", "--help").out
	for _, want := range []string{
		"-c, --connections int", "(default 64)", "(default: 10s, or until -n", "(default 30s)", "(default 1ms)", "(default: the closed loop)",
		`(default "constant")`, "-d is the length of each try (default 5s), -r the first rate (default 100)", "-m, --method METHOD",
		"http, https, ws, wss, grpc, grpcs, tcp or tls", "It exits 1 if", "3 if nothing could be measured", "4 if",
	} {
		if !strings.Contains(help, want) {
			t.Errorf("no %q in\n%s", want, help)
		}
	}
	for _, command := range []string{"replay", "compare"} {
		if help := inProcess(nil, "bench", command, "--help").out; !strings.Contains(help, "It exits 1 if") {
			t.Errorf("weir bench %s --help does not say how it exits:\n%s", command, help)
		}
	}
}

func TestEveryKindOfTCPIsInTheHelpAndHasAWay(t *testing.T) {
	help := inProcess(nil, "bench", "--help").out
	_, line, _ := strings.Cut(help, "--tcp ")
	line, _, _ = strings.Cut(line, "\n")
	for _, use := range tcpUses {
		if !strings.Contains(line, use) {
			t.Errorf("no %s in %q", use, line)
		}
	}
	for _, use := range slices.Sorted(maps.Keys(ways)) {
		if !slices.Contains(tcpUses, use) {
			t.Errorf("--tcp=%s has a way and is not a use", use)
		}
	}
}
