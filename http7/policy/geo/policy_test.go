package geo_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"

	"weir/http7"
	"weir/http7/policy/geo"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/testkit"
)

// request is one of testkit, whose client is 192.0.2.7: in DE.
const request = "GET / HTTP/1.1\nHost: h\nX-Country: US\n\n"

func TestTheEndpointIsToldTheCountry(t *testing.T) {
	steps := compile(t, geo.Config{Header: "X-Country"})
	r := testkit.Policy(t, steps, request, "HTTP/1.1 204 No Content\n\n")
	if want := "Host: h\nX-Country: DE\n"; r.Request != want || r.Status != 204 {
		t.Errorf("the endpoint gets %q, want %q", r.Request, want)
	}
	s := steps[1]
	if s.Stage != http7.Rewrite || s.Name != "edge.geo.forward" || strings.Join(s.Sets, "") != "X-Country" || s.Edits[0] != (http7.Edit{Name: "x-country"}) {
		t.Errorf("the step is %+v", s)
	}
}

func TestWhereNobodyKnowsTheEndpointIsToldNothing(t *testing.T) {
	nowhere := file(t, made(t, mmdbwriter.Options{}, map[string]record{"203.0.113.0/24": in("US", "NA")}))
	r := testkit.Policy(t, compile(t, geo.Config{Database: nowhere, Header: "X-Country"}), request, "")
	if want := "Host: h\n"; r.Request != want {
		t.Errorf("the endpoint gets %q, want %q", r.Request, want)
	}
}

func TestARefusalSaysNothingOfTheLists(t *testing.T) {
	r := testkit.Policy(t, compile(t, geo.Config{DenyCountries: []string{"DE"}, Header: "X-Country"}), request, "")
	want := `{"title":"Forbidden","status":403,"detail":"Requests from this country are not served.","fault":"country_refused"}` + "\n"
	if r.Status != 403 || r.Body != want || strings.Join(r.Verdicts, "|") != "edge.geo: reply country_refused" {
		t.Errorf("got %d %s %q", r.Status, r.Body, r.Verdicts)
	}
}

func TestTheLogLearnsWhy(t *testing.T) {
	for client, want := range map[string]string{
		"192.0.2.1":   "the address is in a denied country or continent",
		"10.0.0.1":    "nobody knows in which country the address is",
		"2001:db8::1": "the address is in no allowed country or continent",
		"203.0.113.1": "",
	} {
		x := &http7.Exchange{Client: address(client)}
		v := compile(t, geo.Config{DenyCountries: []string{"DE"}, AllowCountries: []string{"US"}})[0].Request.Request(x)
		if (v.Fault == geo.Refused) != (want != "") || want != "" && x.Cause.Error() != want {
			t.Errorf("%s: got %v because of %v, want %q", client, v.Fault, x.Cause, want)
		}
	}
}

func TestTheCountryIsAFact(t *testing.T) {
	x := &http7.Exchange{Client: address("203.0.113.1"), Recorded: &http7.Recorded{}}
	compile(t, geo.Config{})[0].Request.Request(x)
	if x.Country != "US" || x.Lacks("country") || len(x.Recorded.Missed) > 0 {
		t.Errorf("the country is %q, missed %q", x.Country, x.Recorded.Missed)
	}
	x.Client = address("10.0.0.1") // which another database knew
	compile(t, geo.Config{})[0].Request.Request(x)
	if x.Country != "US" {
		t.Errorf("the country is %q", x.Country)
	}
}

func TestWhatOneLineOfALogTellsIsNotAnothers(t *testing.T) {
	shared := map[string]bool{"header:a": true}
	x := &http7.Exchange{Client: address("203.0.113.1"), Recorded: &http7.Recorded{Fields: shared}}
	compile(t, geo.Config{})[0].Request.Request(x)
	if !x.Recorded.Fields["country"] || !x.Recorded.Fields["header:a"] || shared["country"] {
		t.Errorf("known are %v, and %v elsewhere", x.Recorded.Fields, shared)
	}
}

func TestModes(t *testing.T) {
	c := geo.Config{Header: "X-Country", DenyCountries: []string{"DE"}, Mode: conf.Observe}
	steps := compile(t, c)
	if len(steps) != 1 || steps[0].Mode != http7.Observe || steps[0].Stage != http7.Guard || steps[0].Bundle != "edge" {
		t.Errorf("observe compiles to %+v", steps)
	}
	x := &http7.Exchange{Client: address("192.0.2.1")}
	if v := steps[0].Request.Request(x); v.Fault != geo.Refused || x.Country != "DE" {
		t.Errorf("observed it says %v, in %q", v, x.Country)
	}
	c.Mode = conf.ModeOff
	if steps := compile(t, c); steps != nil {
		t.Errorf("off compiles to %+v", steps)
	}
}

func TestACheckOpensNothing(t *testing.T) {
	c := geo.Config{Database: filepath.Join(t.TempDir(), "none"), Header: "X-Country"}
	if steps, err := geo.Compile(&c, "edge", nil); err != nil || len(steps) != 2 {
		t.Errorf("got %v, %v", steps, err)
	}
	if _, err := geo.Compile(&c, "edge", policytest.NewProcess().Needs()); err == nil {
		t.Error("a process that serves gets no error")
	}
}

// told are the problems of a config, each "key: text"; warnings begin with "warning ".
func told(c geo.Config, read func(string) ([]byte, error)) string {
	p := conf.NewProblems()
	if read != nil {
		p.ReadBy(read)
	}
	c.Check(p)
	return policytest.Said(p)
}

func TestProblemsOfAConfig(t *testing.T) {
	path, none := file(t, world(t)), filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		what   string
		config geo.Config
		want   string
	}{
		{"right", geo.Config{Database: path, AllowCountries: []string{"DE"}, DenyContinents: []string{"EU"}, Header: "X-Country", AllowUnknown: true}, ""},
		{"nothing", geo.Default(), "database: nothing says where a client is"},
		{"no file", geo.Config{Database: none}, `database: "` + none + `" can't be read: no such file or directory`},
		{"no country", geo.Config{Database: path, AllowCountries: []string{"de", "GER"}}, `allow_countries[0]: "de" is not a country` + "\n" + `allow_countries[1]: "GER" is not a country`},
		{"both", geo.Config{Database: path, AllowCountries: []string{"DE", "FR"}, DenyCountries: []string{"FR"}}, `allow_countries[1]: "FR" is denied as well`},
		{"no continent", geo.Config{Database: path, AllowContinents: []string{"eu"}, DenyContinents: []string{"XX"}}, `allow_continents[0]: "eu" is not a continent` + "\n" + `deny_continents[0]: "XX" is not a continent`},
		{"no name", geo.Config{Database: path, Header: "X Country"}, `header: "X Country" is not a field name`},
		{"another name", geo.Config{Database: path, Header: "host"}, `header: "host" has another meaning`},
		{"unknown", geo.Config{Database: path, AllowUnknown: true}, "warning allow_unknown: everybody is served who is not denied"},
	} {
		if got := told(c.config, nil); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.what, got, c.want)
		}
	}
	if got := told(geo.Config{Database: file(t, []byte("text"))}, nil); !strings.Contains(got, "is not a database of countries") {
		t.Errorf("a text gives %q", got)
	}
	if got := told(geo.Config{Database: path}, func(string) ([]byte, error) { return nil, errors.New("not this one") }); !strings.Contains(got, "can't be read: not this one") {
		t.Errorf("a file that may not be read gives %q", got)
	}
}
