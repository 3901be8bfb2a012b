package translate

import (
	"slices"
	"strconv"

	"weir/internal/conf"
)

// Config says which messages are translated, and into what.
type Config struct {
	// Mode is "enforce", "observe" (record what would be translated) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Request is what is made of requests. "grpc-web": calls of gRPC-Web, as browsers make them, become
	// gRPC's own, and the answers to them gRPC-Web again; every other request passes as it is. Hazard: gRPC is
	// spoken over HTTP/2 alone, so the upstream needs protocol = "h2c", or tls and endpoints that choose h2.
	// Required.
	Request string `toml:"request"`
}

// Default returns the values of absent keys.
func Default() Config { return Config{} }

const grpcWeb = "grpc-web"

// planned are translations that have a name and are not made yet.
var planned = []string{"json-to-xml", "xml-to-json", "json-to-soap", "rest-to-grpc"}

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	switch {
	case c.Request == "":
		p.Add("request", "nothing is translated", `write request = "grpc-web"`)
	case slices.Contains(planned, c.Request):
		p.Add("request", strconv.Quote(c.Request)+" is not there yet", `"grpc-web" is what there is so far`)
	default:
		p.OneOf("request", c.Request, "a translation", grpcWeb)
	}
}
