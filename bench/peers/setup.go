package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// setup is what a config template may name: what one stage asks of a proxy.
type setup struct {
	Port    int   // where the proxy listens
	Admin   int   // where Weir's admin API listens
	Origins []int // where the endpoint listens: the ports of all endpoints
	Most    int   // connections that the proxy must be able to hold, those to the endpoints included
	Keep    int   // connections that it keeps to each endpoint, or to all, while they are idle
	Routes  int   // routes by path; 0: one for every path
	Shaped  bool  // edit the fields of requests and answers
	Relay   bool  // relay TCP instead of HTTP
	Cache   bool  // answer from a store
	TLS     bool  // listen for TLS, with the certificate of certs
	H2      bool  // offer HTTP/2 on it
	Module  string
	Dir     string
	Memory  string // a folder that lies in memory, for a store of files; "": there is none
}

// Prefixes are the paths of the routes.
func (s setup) Prefixes() []string { return prefixes(s.Routes) }

// Cert, Key and Both are the files of the certificate: chain, key, and one after the other.
func (s setup) Cert() string { return filepath.Join(s.Dir, "cert.pem") }

// Key is the certificate's key.
func (s setup) Key() string { return filepath.Join(s.Dir, "key.pem") }

// Both holds the certificate and then its key.
func (s setup) Both() string { return filepath.Join(s.Dir, "both.pem") }

// Store is where a proxy keeps stored answers as files.
func (s setup) Store() string {
	if s.Memory == "" {
		return filepath.Join(s.Dir, "store")
	}
	return filepath.Join(s.Memory, filepath.Base(s.Dir))
}

// Map is the file with one route a line: the path, and the name of the group of endpoints.
func (s setup) Map() string { return filepath.Join(s.Dir, "routes.map") }

const (
	leastKeep = 256 // Weir's default
	spare     = 400
)

// setupFor is what a scenario asks for at a point; ports and folders are filled in when a proxy starts.
func setupFor(s *Scenario, point, connections int) setup {
	busy := min(connections, mostAtOnce)
	at := setup{
		Routes: s.Routes,
		Shaped: s.Shaped,
		Relay:  s.Kind == Echo || s.Kind == Bulk,
		Cache:  s.Cache,
		TLS:    s.Kind == TLS || s.Kind == H2 || s.Kind == Handshake,
		H2:     s.Kind == H2,
		Keep:   max(leastKeep, busy),
		// Every request under way may have a connection of its own to the endpoint. nginx drops idle connections
		// once fewer than a sixteenth of its slots are free, and as many files as it has slots it may keep open.
		Most: connections + connections/8 + 2*busy + 1000 + s.Paths,
	}
	switch s.Axis {
	case Routes:
		at.Routes = point
	case Endpoints:
		at.Keep = max(at.Keep, 4*point)
		at.Most += 4 * point
	}
	return at
}

// writeMap writes the routes where a proxy reads them from a file of their own.
func (s setup) writeMap() error {
	var b strings.Builder
	for _, p := range s.Prefixes() {
		fmt.Fprintf(&b, "%s/ origin\n", p)
	}
	return os.WriteFile(s.Map(), []byte(b.String()), 0o644)
}
