package serve

import (
	"bytes"

	"weir/http7"
)

// wellKnown begins the paths where authorities look for the answer to http-01 (RFC 8555 §8.3).
var wellKnown = []byte("/.well-known/acme-challenge/")

// octets is the type of such an answer.
const octets = "application/octet-stream"

// challenged answers an authority that is checking a host of ours, before any policy: it is to reach
// every host. What it asks for that is nothing of ours goes its way, perhaps to an endpoint that
// obtains certificates itself.
func (x *exchange) challenged() *http7.Fault {
	if x.site.Challenge == nil || !bytes.HasPrefix(x.Path, wellKnown) || string(x.Method) != "GET" {
		return nil
	}
	body, ok := x.site.Challenge(string(x.Authority), string(x.Path))
	if !ok {
		return nil
	}
	r, err := http7.NewResponder(200, octets, []byte(body))
	if err != nil {
		return nil // never: both are fixed
	}
	return r.Act(&x.Exchange)
}
