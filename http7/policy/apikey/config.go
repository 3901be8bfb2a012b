package apikey

import (
	"strconv"
	"strings"

	"weir/http7"
	"weir/http7/credential"
	"weir/internal/conf"
)

// Config finds out who sends a request by a key that stands in it. Where keys may stand is header, query and cookie;
// without any of them it is the header X-Api-Key. A request without a key goes on as nobody; one with a key that is not
// in the file, or with two, is refused with 401.
type Config struct {
	// Mode is "enforce", "observe" (find out who it is, refuse and change nothing) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Header is the field that carries the key. In Authorization it stands behind the word Bearer, and other schemes are
	// left alone. Default: "X-Api-Key", unless query or cookie is given.
	Header string `toml:"header"`
	// Query is the parameter of the query that carries the key. Addresses stand in histories and in the logs of
	// others: take a header where you can. In Weir's own logs the value is masked. Default: none.
	Query string `toml:"query"`
	// Cookie is the cookie that carries the key. Browsers send cookies on behalf of other sites: set SameSite where
	// you set it. Default: none.
	Cookie string `toml:"cookie"`
	// KeysFile is a TOML file with a [[keys]] table for each key: its SHA-256 and whose it is; weir key new writes
	// one. A change is taken within two seconds, and only if the whole file is good. Required.
	KeysFile string `toml:"keys_file"`
	// Realm is what the 401 says the key is for. Default: the name of the bundle.
	Realm string `toml:"realm"`
	// Pass lets the endpoint see the key. Default: false, the key is taken out of what is sent on, whether or not it
	// was needed to find out who it is.
	Pass bool `toml:"pass"`
	// Forward tells the endpoint who it is: fields, each with "consumer", "groups", "scopes" or the name of a claim.
	// What clients say in these fields is removed. Default: none.
	Forward map[string]string `toml:"forward"`
}

// Default returns the values of absent keys.
func Default() Config { return Config{} }

// usual is the header of a config that names no place.
const usual = "X-Api-Key"

// Check notes what is wrong with c, its file included.
func (c *Config) Check(p *conf.Problems) {
	c.shape(p)
	if c.KeysFile == "" {
		return
	}
	text, err := p.ReadFile(c.KeysFile)
	if err != nil {
		p.Add("keys_file", strconv.Quote(c.KeysFile)+" can't be read: "+conf.FileTrouble(err), "the user that runs Weir must be able to read this file")
		return
	}
	if _, err := parse(c.KeysFile, text); err != nil {
		p.Add("keys_file", c.KeysFile+": "+err.Error(), "")
	}
}

// shape checks all but the file.
func (c *Config) shape(p *conf.Problems) {
	c.at().Check(p)
	credential.CheckForward(p, c.Forward)
	for field := range c.Forward {
		if http7.EqualFold(field, c.header()) {
			p.In("forward").AddKey(field, "it is the field of the key", "write another one")
		}
	}
	if !plain(c.Realm) {
		p.Add("realm", strconv.Quote(c.Realm)+" can't stand in a header", "write printable ASCII without quotes and backslashes")
	}
	if c.KeysFile == "" {
		p.Add("keys_file", "there is no file of keys", "name one; weir key new --consumer NAME --file FILE writes one")
	}
}

// header returns the field in which keys are looked for, "" for none.
func (c *Config) header() string {
	if c.Header == "" && c.Query == "" && c.Cookie == "" {
		return usual
	}
	return c.Header
}

// bearer reports whether keys stand behind "Bearer", where other schemes may be.
func (c *Config) bearer() bool { return http7.EqualFold(c.header(), "Authorization") }

// at are the places of keys.
func (c *Config) at() credential.At {
	return credential.At{Header: c.header(), Cookie: c.Cookie, Query: c.Query}
}

// plain reports whether s may stand in quotes in a field value as it is.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
}
