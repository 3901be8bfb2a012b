package http7

// MaxCaptures is the largest number of captures that a path pattern may have.
const MaxCaptures = 16

// Captures are the parts of a path that a route's pattern has given names to. "rest" is what a prefix
// "/a/*" leaves, without its first slash. The zero value has none.
type Captures struct {
	names  []string
	values [MaxCaptures][]byte
}

// Reset empties c and gives it the names of a pattern, at most [MaxCaptures].
func (c *Captures) Reset(names []string) {
	clear(c.values[:len(c.names)])
	c.names = names
}

// Set gives capture i, counted as in the names, its value: a view of the path, or whatever lives
// until the exchange is released.
func (c *Captures) Set(i int, value []byte) { c.values[i] = value }

// Get returns the value of a name and whether there is one.
func (c *Captures) Get(name string) ([]byte, bool) {
	for i, n := range c.names {
		if n == name {
			return c.values[i], true
		}
	}
	return nil, false
}

// Len returns the number of captures.
func (c *Captures) Len() int { return len(c.names) }

// At returns the name and the value of capture i.
func (c *Captures) At(i int) (name string, value []byte) { return c.names[i], c.values[i] }

// Claim is one thing that an established identity says of itself. A name may come more than once.
type Claim struct {
	Name  string
	Value []byte
}

// Claim returns the first claim of a name and whether there is one.
func (x *Exchange) Claim(name string) ([]byte, bool) {
	for i := range x.Claims {
		if x.Claims[i].Name == name {
			return x.Claims[i].Value, true
		}
	}
	return nil, false
}

// Recorded says what of a request is known when all there is of it is a line of an access log. It
// belongs to one exchange at a time.
type Recorded struct {
	// Fields are the selectors whose values the log wrote, or would have written had they been
	// there: "header:X-Tenant" with the name in lower case, "cookie:uid", "claim:plan",
	// "groups", "scopes", "sni".
	Fields map[string]bool
	// Missed are those that were asked for and that the log did not write, in order of asking.
	Missed []string
	// Consumer is who the request came from, "" if nobody had established that. Credentials stand in no log: what
	// establishes an identity takes this one, and Claims, Groups and Scopes, as far as the log tells them.
	Consumer       string
	Claims         []Claim
	Groups, Scopes []string
}

// Lacks reports whether the value of a selector is unknown because x comes from a log that did not
// write it, and notes that it was asked for. Of a live exchange everything is known. Conditions, and
// policies whose verdict depends on a field, ask it before they read one; what stands on every
// line of a log (method, host, path, query, client, listener) needs no asking.
func (x *Exchange) Lacks(selector string) bool {
	r := x.Recorded
	if r == nil || r.Fields[selector] {
		return false
	}
	r.Missed = append(r.Missed, selector)
	return true
}
