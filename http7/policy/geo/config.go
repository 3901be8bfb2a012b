package geo

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"weir/http7"
	"weir/internal/conf"
)

// Config says where clients come from, and from where they are served.
type Config struct {
	// Mode is "enforce", "observe" (find out the country, record who would be refused, send no field) or "off".
	// Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Database is the path of a MaxMind DB with countries (.mmdb), such as GeoLite2-Country, GeoLite2-City or DB-IP's. It may
	// have 1 GiB, is held in memory, and is read again when it changes; one that is damaged is not taken, and the one
	// before stays. Required.
	Database string `toml:"database"`
	// AllowCountries are countries that are served, in two capitals (ISO 3166-1). With any, or with AllowContinents, every
	// client from elsewhere is refused, and so is one of whom nobody knows where he is, unless AllowUnknown says
	// otherwise. Default: none.
	AllowCountries []string `toml:"allow_countries"`
	// DenyCountries are countries that are refused. Default: none.
	DenyCountries []string `toml:"deny_countries"`
	// AllowContinents are continents that are served: "AF", "AN", "AS", "EU", "NA", "OC", "SA". What is said of a country
	// goes before what is said of its continent. Default: none.
	AllowContinents []string `toml:"allow_continents"`
	// DenyContinents are continents that are refused. Default: none.
	DenyContinents []string `toml:"deny_continents"`
	// AllowUnknown serves clients whom the database does not know, such as those of private networks, although others
	// must be allowed. Default: false.
	AllowUnknown bool `toml:"allow_unknown"`
	// Header is the request field in which the endpoint gets the country: "X-Country". What a client says there is
	// removed. Default: none is sent.
	Header string `toml:"header"`
}

// Default returns the values of absent keys.
func Default() Config { return Config{} }

// Check notes what is wrong with c, in the database too.
func (c *Config) Check(p *conf.Problems) {
	checkCodes(p, "allow_countries", c.AllowCountries, c.DenyCountries, checkCountry)
	checkCodes(p, "deny_countries", c.DenyCountries, nil, checkCountry)
	checkCodes(p, "allow_continents", c.AllowContinents, c.DenyContinents, CheckContinent)
	checkCodes(p, "deny_continents", c.DenyContinents, nil, CheckContinent)
	if c.AllowUnknown && len(c.AllowCountries)+len(c.AllowContinents) == 0 {
		p.Warn("allow_unknown", "everybody is served who is not denied", "write allow_countries, or leave it out")
	}
	if c.Header != "" {
		c.checkHeader(p)
	}
	c.checkDatabase(p)
}

func (c *Config) checkHeader(p *conf.Problems) {
	switch name, ok := http7.NewName(c.Header); {
	case !ok:
		p.Add("header", strconv.Quote(c.Header)+" is not a field name", "a name has letters, digits and hyphens")
	case name.ID() != http7.Unlisted:
		p.Add("header", strconv.Quote(c.Header)+" has another meaning", `write a field for countries alone, such as "X-Country"`)
	}
}

func (c *Config) checkDatabase(p *conf.Problems) {
	if c.Database == "" {
		p.Add("database", "nothing says where a client is", `write the path of a MaxMind DB, such as "/etc/weir/country.mmdb"`)
		return
	}
	data, err := p.ReadFile(c.Database)
	if errors.Is(err, conf.ErrTooLarge) { // for most files; this one may be read, and is regular
		data, err = conf.ReadUpTo(c.Database, mostBytes)
	}
	if err != nil {
		p.Add("database", strconv.Quote(c.Database)+" can't be read: "+conf.FileTrouble(err), "the user that runs Weir must be able to read this file")
		return
	}
	if _, err := open(data); err != nil {
		p.Add("database", strconv.Quote(c.Database)+" is not a database of countries: "+err.Error(), "it takes MaxMind's format, which ends in .mmdb")
	}
}

// checkCodes checks each code of a list; none may stand in others as well.
func checkCodes(p *conf.Problems, key string, list, others []string, check func(string) (text, hint string)) {
	for i, code := range list {
		at := p.Index(key, i)
		switch text, hint := check(code); {
		case text != "":
			at.Add("", text, hint)
		case slices.Contains(others, code):
			at.Add("", strconv.Quote(code)+" is denied as well", "keep it in one of the two")
		}
	}
}

func checkCountry(code string) (text, hint string) {
	if ours := meant[strings.ToUpper(code)]; ours != "" {
		return strconv.Quote(code) + " is the code of no country", "write " + strconv.Quote(ours)
	}
	if isCode(code) {
		return "", ""
	}
	if upper := strings.ToUpper(code); isCode(upper) {
		return strconv.Quote(code) + " is not a country", "write " + strconv.Quote(upper)
	}
	return strconv.Quote(code) + " is not a country", `write two capitals (ISO 3166-1), such as "DE"`
}

// meant are codes that look like countries', which databases never have, and those that they have in their place.
var meant = map[string]string{"UK": "GB", "EL": "GR"}

// CheckContinent returns what is wrong with the code of a continent, and the way out; "" if nothing is.
func CheckContinent(code string) (text, hint string) {
	if slices.Contains(continents, code) {
		return "", ""
	}
	hint = "it is one of " + conf.Quoted(continents, "or")
	if upper := strings.ToUpper(code); slices.Contains(continents, upper) {
		hint = "write " + strconv.Quote(upper)
	}
	return strconv.Quote(code) + " is not a continent", hint
}

// continents are the codes that databases have.
var continents = []string{"AF", "AN", "AS", "EU", "NA", "OC", "SA"}

// isCode reports whether a code is two capitals.
func isCode(code string) bool {
	return len(code) == 2 && 'A' <= code[0] && code[0] <= 'Z' && 'A' <= code[1] && code[1] <= 'Z'
}
