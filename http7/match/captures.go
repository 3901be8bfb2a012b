package match

import "weir/http7"

// restName is the name of what a prefix leaves.
const restName = "rest"

// captures says what of a path a pattern gives names to.
type captures struct {
	names []string
	at    []int // the segments with names, counted from 0, in order
	depth int   // the segments of the pattern
	rest  bool  // the last name is that of what is left behind them
	re    *expression
}

// take gives x the captures of its path, which the pattern takes. It allocates only for a regular
// expression with names: the library has no way to find groups that does not.
func (c *captures) take(x *http7.Exchange) {
	x.Captures.Reset(c.names)
	if c.re != nil {
		c.re.take(x)
		return
	}
	path, next := x.Path, 0
	for i := range c.depth {
		n := segment(path)
		if next < len(c.at) && c.at[next] == i {
			x.Captures.Set(next, path[1:n])
			next++
		}
		path = path[n:]
	}
	if c.rest && next < len(c.names) {
		x.Captures.Set(next, withoutSlash(path))
	}
}

// withoutSlash returns what follows the first slash; nothing of "*", which has no parts.
func withoutSlash(path []byte) []byte {
	if len(path) == 0 || path[0] != '/' {
		return nil
	}
	return path[1:]
}
