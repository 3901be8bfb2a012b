package validate

import (
	"strconv"
	"strings"

	"weir/internal/conf"
)

// Config says what requests, and answers to them, must look like: an OpenAPI document that describes the API, or a JSON Schema
// that describes its bodies.
//
// A request that is not as described is refused before the endpoint sees it, with a problem body that names the place and the
// reason: 400 for parameters and bodies that can't be read, 404 and 405 for what the document does not have, 415 for a type
// of body that it does not name, 422 for a body that is not as its schema says, 413 for one that is too long to be looked at.
type Config struct {
	// Mode is "enforce", "observe" (record what would be refused) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// OpenAPI is a document of OpenAPI 3.0 or 3.1, in YAML or JSON. What it refers to must lie in it. It is read when the
	// config is loaded. What it says of security is not looked at: that is for policies which identify and authorise.
	OpenAPI string `toml:"openapi"`
	// JSONSchema is a JSON Schema, of draft 4 to 2020-12 as its $schema says, else 2020-12, that the body of every request must
	// fit, of whatever path. What it refers to must lie in it. Requests without a body pass. Either this or openapi.
	JSONSchema string `toml:"json_schema"`
	// Name is what the log calls the API. Default: the file's name.
	Name string `toml:"name"`
	// BasePath is what stands before the paths of the document: "/api/v1". Default: the path of the document's first server.
	BasePath string `toml:"base_path"`
	// Undocumented is what becomes of requests for paths and methods that the document does not have: "refuse" or "pass".
	// Default: "refuse".
	Undocumented string `toml:"undocumented"`
	// Responses is what becomes of answers that are not as described: "off", they are not looked at; "observe", they are
	// recorded and counted; "enforce", the client gets a 502 in their place. Only JSON is looked at, besides status and fields.
	// Hazard: with "enforce" an answer is held back until all of it is there, up to body_limit; longer ones pass unseen,
	// which is recorded. Default: "off".
	Responses string `toml:"responses"`
	// BodyLimit is how many bytes of a body are looked at, compressed or not. They are held in memory, with some times as
	// much while they are. From 1KiB to 8MiB. Default: 1MiB.
	BodyLimit conf.Size `toml:"body_limit"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{Undocumented: refuse, Responses: off, BodyLimit: conf.Bytes(1 << 20)}
}

// The words of undocumented and responses.
const (
	refuse  = "refuse"
	pass    = "pass"
	off     = "off"
	observe = "observe"
	enforce = "enforce"
)

const (
	leastBody = 1 << 10
	mostBody  = 8 << 20
)

// Check notes what is wrong with c, and with the document that it names.
func (c *Config) Check(p *conf.Problems) {
	p.OneOf("undocumented", c.Undocumented, "what becomes of undocumented requests", refuse, pass)
	p.OneOf("responses", c.Responses, "what becomes of answers", off, observe, enforce)
	if n := c.BodyLimit.Value(); c.BodyLimit.IsOff() || n < leastBody || n > mostBody {
		p.Add("body_limit", strconv.Quote(c.BodyLimit.String())+" is out of range", `write a size from "1KiB" to "8MiB"`)
	}
	switch {
	case c.OpenAPI == "" && c.JSONSchema == "":
		p.Add("", "nothing is validated", `write openapi = "…" or json_schema = "…"`)
	case c.OpenAPI != "" && c.JSONSchema != "":
		p.Add("json_schema", "there is a document of OpenAPI as well", "leave one of the two out")
	default:
		c.checkDocument(p)
	}
	if c.OpenAPI == "" && c.Responses != off {
		p.Add("responses", "a schema alone says nothing of answers", `write responses = "off", or openapi = "…" in place of json_schema`)
	}
	if c.BasePath != "" && !strings.HasPrefix(c.BasePath, "/") {
		p.Add("base_path", strconv.Quote(c.BasePath)+" is not a path", `write it with a slash, such as "/api/v1"`)
	}
}

// mostTroubles is how many troubles of a document are told.
const mostTroubles = 20

// checkDocument reads and compiles the document, and notes what is wrong with it as file:line:column.
func (c *Config) checkDocument(p *conf.Problems) {
	key := "openapi"
	if c.OpenAPI == "" {
		key = "json_schema"
	}
	text, err := p.ReadFile(c.file())
	if err != nil {
		p.Add(key, strconv.Quote(c.file())+" can't be read: "+conf.FileTrouble(err), "the user that runs Weir must be able to read this file")
		return
	}
	_, troubles := c.load(text)
	for i, t := range troubles {
		if i == mostTroubles {
			p.Add(key, c.file()+": "+strconv.Itoa(len(troubles)-i)+" more problems", "")
			return
		}
		p.Add(key, c.file()+":"+t.String(), "")
	}
}
