package peers

import (
	"strings"
	"testing"
)

var streamModules = []struct {
	name, said, path string
	ok               bool
}{
	{"Debian", "nginx version: nginx/1.22.1\nconfigure arguments: --prefix=/usr/share/nginx --modules-path=/usr/lib/nginx/modules --with-threads --with-stream=dynamic --with-stream_ssl_module", "/usr/lib/nginx/modules/ngx_stream_module.so", true},
	{"compiled in", "configure arguments: --with-stream --with-http_ssl_module", "", true},
	{"compiled in, with a folder of modules", "--modules-path=/m --with-stream", "", true},
	{"not built", "configure arguments: --with-http_ssl_module --modules-path=/m", "", false},
	{"other stream options alone", "--modules-path=/m --with-stream_ssl_module --with-stream_realip_module", "", false},
	{"dynamic, but nobody says where", "--with-stream=dynamic", "", false},
	{"the folder comes last", "--with-stream=dynamic --modules-path=/opt/m", "/opt/m/ngx_stream_module.so", true},
	{"nothing", "", "", false},
}

func TestTheStreamModuleIsFoundInWhatNginxSays(t *testing.T) {
	for _, c := range streamModules {
		if path, ok := streamModule(c.said); path != c.path || ok != c.ok {
			t.Errorf("%s: got %q, %v; want %q, %v", c.name, path, ok, c.path, c.ok)
		}
	}
}

var unknownKeys = []struct {
	name, said, key string
	ok              bool
}{
	{"one", "weir.toml:5:17: policies.bench.cache: there is no key \"cache\" in policies.bench\n  hint: valid keys are headers\n", "policies.bench.cache", true},
	{"the first of two", "a: there is no key \"x\" in listeners.web\nb: there is no key \"y\" in upstreams.z\n2 problems", "listeners.web.x", true},
	{"another problem", "weir.toml:1:1: listeners.web.address: \"x\" is not an address", "", false},
	{"good", "weir.toml is good: 1 listener", "", false},
	{"no key at all", "there is no key \"\" in a", "", false},
	{"cut off", "there is no key \"x\" in ", "", false},
	{"nothing", "", "", false},
}

func TestTheFirstUnknownKeyIsNamed(t *testing.T) {
	for _, c := range unknownKeys {
		if key, ok := unknownKey(c.said); key != c.key || ok != c.ok {
			t.Errorf("%s: got %q, %v; want %q, %v", c.name, key, ok, c.key, c.ok)
		}
	}
}

const wrkSays = `Running 1s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.04ms  212.44us   5.32ms   88.70%
    Req/Sec    61.62k     1.30k   62.81k    80.00%
  61305 requests in 1.00s, 75.32MB read
Requests/sec:  61225.81
Transfer/sec:     75.22MB
`

var wrkTexts = []struct {
	name, said string
	answers    int64
	ok         bool
}{
	{"a good run", wrkSays, 61_305, true},
	{"failed connections", wrkSays + "  Socket errors: connect 0, read 3, write 0, timeout 0\n", 0, false},
	{"other answers", strings.Replace(wrkSays, "Requests/sec", "  Non-2xx or 3xx responses: 61305\nRequests/sec", 1), 0, false},
	{"nobody there", "unable to connect to 127.0.0.1:8080 Connection refused\n", 0, false},
	{"no answer", "  0 requests in 1.00s, 0.00B read\n", 0, true},
	{"more than a number holds", "  99999999999999999999 requests in 1.00s\n", 0, false},
	{"the words within a line", "Running 7 requests in \n", 0, false},
	{"nothing", "", 0, false},
}

func TestWrksAnswersAreReadAndItsErrorsAreNoFigures(t *testing.T) {
	for _, c := range wrkTexts {
		if n, ok := wrkAnswers(c.said); n != c.answers || ok != c.ok {
			t.Errorf("%s: got %d, %v; want %d, %v", c.name, n, ok, c.answers, c.ok)
		}
	}
}

var values = []struct{ text, name, separator, want string }{
	{"processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: other\n", "model name", ":", "AMD EPYC"},
	{"MemTotal:       24684520 kB\nMemFree: 1 kB\n", "MemTotal", ":", "24684520 kB"},
	{"NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n", "PRETTY_NAME", "=", "Debian GNU/Linux 12 (bookworm)"},
	{"ID=debian", "ID", "=", "debian"},
	{"ID=a=b", "ID", "=", "a=b"},
	{"VERSION_ID=12\n", "ID", "=", ""},
	{"no separator here\n", "no separator here", ":", ""},
	{"empty:\n", "empty", ":", ""},
	{"", "x", ":", ""},
}

func TestAValueIsWhatFollowsItsName(t *testing.T) {
	for _, c := range values {
		if got := valueOf(c.text, c.name, c.separator); got != c.want {
			t.Errorf("%q of %q: got %q, want %q", c.name, c.text, got, c.want)
		}
	}
}

// FuzzSaid reads what other programs print: whatever it is, a figure is one that stands there.
func FuzzSaid(f *testing.F) {
	for _, c := range streamModules {
		f.Add(c.said)
	}
	for _, c := range unknownKeys {
		f.Add(c.said)
	}
	for _, c := range wrkTexts {
		f.Add(c.said)
	}
	for _, c := range values {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, said string) {
		if n, ok := wrkAnswers(said); n < 0 || (!ok && n != 0) {
			t.Errorf("wrk: %d, %v", n, ok)
		}
		if path, ok := streamModule(said); path != "" && (!ok || !strings.HasSuffix(path, "/ngx_stream_module.so")) {
			t.Errorf("nginx: %q, %v", path, ok)
		}
		if key, ok := unknownKey(said); ok != (key != "") || strings.ContainsAny(key, "\n") && !strings.ContainsAny(said, "\n") {
			t.Errorf("weir: %q, %v", key, ok)
		}
		if value := valueOf(said, "model name", ":"); !strings.Contains(said, value) || strings.Contains(value, "\n") {
			t.Errorf("a value that is not there: %q", value)
		}
	})
}
