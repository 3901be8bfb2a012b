package geo_test

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"weir/http7/policy/geo"
	"weir/http7/policy/policytest"
)

func TestWhereAnAddressIs(t *testing.T) {
	f := open(t, geo.Config{})
	for client, want := range map[string]string{
		"192.0.2.1": "DE", "192.0.2.255": "DE", "192.0.3.0": "", "203.0.113.1": "US", "203.0.113.65": "CA", "::ffff:192.0.2.1": "DE",
		"2001:db8::1": "JP", "2001:db8::1%eth0": "JP", "2001:db9::1": "", "": "", "10.0.0.1": "",
		"100.64.0.1":  "NL", // where it is registered
		"172.16.0.1":  "",   // a continent alone
		"169.254.0.1": "",   // a record that says nothing of it
	} {
		if got := f.Country(address(client)); got != want {
			t.Errorf("%q is in %q, want %q", client, got, want)
		}
	}
}

func TestDatabasesOfEachForm(t *testing.T) {
	flat := record{"country_code": mmdbtype.String("DE"), "continent_code": mmdbtype.String("EU")}
	for _, c := range []struct {
		what    string
		options mmdbwriter.Options
		record  record
		country string
		served  bool // where Europe is
	}{
		{"records of 24 bits", mmdbwriter.Options{RecordSize: 24}, in("DE", "EU"), "DE", true},
		{"records of 32 bits", mmdbwriter.Options{RecordSize: 32}, in("DE", "EU"), "DE", true},
		{"IPv4 alone", mmdbwriter.Options{IPVersion: 4}, in("DE", "EU"), "DE", true},
		{"flat", mmdbwriter.Options{}, flat, "DE", true},
		{"flatter", mmdbwriter.Options{}, record{"country": mmdbtype.String("DE"), "continent": mmdbtype.String("EU")}, "DE", true},
		{"no continent", mmdbwriter.Options{}, record{"country": mmdbtype.String("FR")}, "FR", true},
		{"another continent than ours", mmdbwriter.Options{}, in("TR", "EU"), "TR", true},
		{"no code is none", mmdbwriter.Options{}, record{"country": mmdbtype.String("Germany"), "continent": mmdbtype.String("Europe")}, "", false},
	} {
		path := file(t, made(t, c.options, map[string]record{"192.0.2.0/24": c.record, "198.51.100.0/24": in("US", "NA")}))
		f := open(t, geo.Config{Database: path, AllowContinents: []string{"EU"}})
		if got := f.Country(address("192.0.2.1")); got != c.country {
			t.Errorf("%s: in %q, want %q", c.what, got, c.country)
		}
		if got := f.Allows(address("192.0.2.1")); got != c.served {
			t.Errorf("%s: served %v, want %v", c.what, got, c.served)
		}
		if got := f.Country(address("2001:db8::1")); got != "" {
			t.Errorf("%s: IPv6 is in %q", c.what, got)
		}
	}
}

func TestFromWhereClientsAreServed(t *testing.T) {
	de, fr, us, ca, jp, africa, nowhere := "192.0.2.1", "198.51.100.1", "203.0.113.1", "203.0.113.65", "2001:db8::1", "172.16.0.1", "10.0.0.1"
	everybody := []string{de, fr, us, ca, jp, africa, nowhere, ""}
	for _, c := range []struct {
		what   string
		config geo.Config
		served []string
	}{
		{"nothing is said", geo.Config{}, everybody},
		{"some are denied", geo.Config{DenyCountries: []string{"US", "JP"}}, []string{de, fr, ca, africa, nowhere, ""}},
		{"some are allowed", geo.Config{AllowCountries: []string{"DE"}}, []string{de}},
		{"and those of whom nobody knows", geo.Config{AllowCountries: []string{"DE"}, AllowUnknown: true}, []string{de, nowhere, ""}},
		{"a continent", geo.Config{AllowContinents: []string{"EU", "AF"}}, []string{de, fr, africa}},
		{"a continent but for a country", geo.Config{AllowContinents: []string{"EU"}, DenyCountries: []string{"FR"}}, []string{de}},
		{"a country of a denied continent", geo.Config{DenyContinents: []string{"NA"}, AllowCountries: []string{"CA"}}, []string{ca}},
		{"a denied continent", geo.Config{DenyContinents: []string{"NA", "AF"}}, []string{de, fr, jp, nowhere, ""}},
		{"a country and a continent", geo.Config{AllowCountries: []string{"JP"}, AllowContinents: []string{"NA"}}, []string{us, ca, jp}},
		{"a continent in a denied world", geo.Config{DenyCountries: []string{"XX"}}, everybody},
	} {
		f := open(t, c.config)
		for _, client := range everybody {
			if got, want := f.Allows(address(client)), slices.Contains(c.served, client); got != want {
				t.Errorf("%s: %q is served: %v, want %v", c.what, client, got, want)
			}
		}
	}
}

func TestADatabaseThatIsNoneIsRefused(t *testing.T) {
	good := world(t)
	noCountry := made(t, mmdbwriter.Options{DatabaseType: "ASN"}, map[string]record{"192.0.2.0/24": {"autonomous_system_number": mmdbtype.Uint32(1)}})
	for what, c := range map[string]struct{ path, want string }{
		"none":       {filepath.Join(t.TempDir(), "none"), "no such file"},
		"a folder":   {t.TempDir(), "is a directory"},
		"empty":      {file(t, nil), ""},
		"a text":     {file(t, []byte("192.0.2.0/24 DE\n")), ""},
		"half":       {file(t, good[:len(good)/2]), ""},
		"no country": {file(t, noCountry), "it names no country"},
	} {
		r := policytest.NewProcess()
		_, err := geo.New(&geo.Config{Database: c.path}, "edge", r.Needs())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", what, err, c.want)
		}
		if r.Levels() > 0 {
			t.Errorf("%s: %d levels are left", what, r.Levels())
		}
	}
}

func TestADatabaseIsSwappedWhileItServes(t *testing.T) {
	r, path := policytest.NewProcess(), file(t, world(t))
	c := geo.Config{Database: path, DenyCountries: []string{"US"}}
	f, err := geo.New(&c, "edge", r.Needs())
	if err != nil {
		t.Fatal(err)
	}
	moved := made(t, mmdbwriter.Options{}, map[string]record{"192.0.2.0/24": in("US", "NA"), "203.0.113.0/24": in("DE", "EU")})
	for _, step := range []struct {
		what       string
		data       []byte
		one, other string
		served     bool // the one
		failed     float64
	}{
		{"as it was", nil, "DE", "US", true, 0},
		{"moved", moved, "US", "DE", false, 0},
		{"damaged", moved[:len(moved)-9], "US", "DE", false, 1},
		{"and back", world(t), "DE", "US", true, 0},
	} {
		if step.data != nil {
			policytest.Write(t, path, string(step.data))
			r.Settle()
		}
		one, other := f.Country(address("192.0.2.1")), f.Country(address("203.0.113.1"))
		if one != step.one || other != step.other || f.Allows(address("192.0.2.1")) != step.served {
			t.Errorf("%s: %s and %s, want %s and %s", step.what, one, other, step.one, step.other)
		}
		if built, failed := r.Level("edge.geo database_built"), r.Level("edge.geo failed_files"); built != 1767225600 || failed != step.failed {
			t.Errorf("%s: built %v, failed %v, want %v", step.what, built, failed, step.failed)
		}
	}
}

func TestAReloadKeepsTheDatabase(t *testing.T) {
	r, c := policytest.NewProcess(), geo.Config{Database: file(t, world(t))}
	first, second := r.Needs(), r.Needs()
	one, err := geo.New(&c, "edge", first)
	if err != nil {
		t.Fatal(err)
	}
	c.Header = "X-Country" // which no database knows
	if same, err := geo.New(&c, "edge", second); err != nil || same != one {
		t.Errorf("a second config has another (%v)", err)
	}
	c.DenyCountries = []string{"DE"}
	if other, err := geo.New(&c, "edge", second); err != nil || other == one || other.Allows(address("192.0.2.1")) {
		t.Errorf("other rules have the same (%v)", err)
	}
	first.Turn.End()
	second.Turn.End()
	if r.Levels() != 0 || one.Country(address("192.0.2.1")) != "DE" {
		t.Errorf("%d levels are left; or who still has it is not answered", r.Levels())
	}
}

func TestAReloadTakesAChangedDatabaseAtOnce(t *testing.T) {
	r, c := policytest.NewProcess(), geo.Config{Database: file(t, world(t))}
	one, err := geo.New(&c, "edge", r.Needs())
	if err != nil {
		t.Fatal(err)
	}
	policytest.Write(t, c.Database, string(made(t, mmdbwriter.Options{}, map[string]record{"192.0.2.0/24": in("FR", "EU")})))
	two, err := geo.New(&c, "edge", r.Needs())
	if err != nil || one.Country(address("192.0.2.1")) != "DE" || two.Country(address("192.0.2.1")) != "FR" {
		t.Errorf("the new database does not serve, or the old one no more (%v)", err)
	}
}

func TestContinentsAreListsOfCountries(t *testing.T) {
	seen := map[string]string{}
	for _, continent := range geo.Continents() {
		list := geo.Countries(continent)
		if !slices.IsSorted(list) {
			t.Errorf("%s is not in order: %v", continent, list)
		}
		for _, country := range list {
			if other, twice := seen[country]; twice || len(country) != 2 {
				t.Errorf("%q is in %s and in %q", country, continent, other)
			}
			seen[country] = continent
		}
	}
	if len(seen) != 250 { // ISO 3166-1's 249, and Kosovo
		t.Errorf("%d countries, want 250", len(seen))
	}
	for country, want := range map[string]string{"DE": "EU", "RU": "EU", "CY": "EU", "TR": "AS", "EG": "AF", "MX": "NA", "BR": "SA", "NZ": "OC", "AQ": "AN"} {
		if seen[country] != want {
			t.Errorf("%s is in %s, want %s", country, seen[country], want)
		}
	}
	if len(geo.Countries("XX")) > 0 {
		t.Error("XX has countries")
	}
}

// While a database is swapped every client is found in the old one or in the new one.
func TestClientsAreFoundWhileDatabasesAreSwapped(t *testing.T) {
	r, path := policytest.NewProcess(), file(t, world(t))
	f, err := geo.New(&geo.Config{Database: path}, "edge", r.Needs())
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 { // ended by stop
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := f.Country(address("192.0.2.1")); got != "DE" && got != "FR" {
					t.Errorf("192.0.2.1 is in %q", got)
					return
				}
			}
		})
	}
	other := made(t, mmdbwriter.Options{}, map[string]record{"192.0.2.0/24": in("FR", "EU")})
	for i := range 20 {
		policytest.Write(t, path, string([][]byte{other, world(t), other[:len(other)-30]}[i%3]))
		r.Settle()
	}
	close(stop)
	wait.Wait()
}
