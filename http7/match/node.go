package match

import "weir/http7"

// node is one place in the tree of a host's paths. Its routes are sorted, the best first.
type node struct {
	literal map[string]*node // by the next segment
	end     []*http7.Route   // of the path that ends here
	rest    []*http7.Route   // of this path and all below
	up      *node            // the nearest node above with a rest
}

func (n *node) add(r rule) {
	for _, s := range r.path.segments {
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		if n.literal[s] == nil {
			n.literal[s] = new(node)
		}
		n = n.literal[s]
	}
	if r.path.rest {
		n.rest = append(n.rest, r.route)
	} else {
		n.end = append(n.end, r.route)
	}
}

func (n *node) link(up *node) {
	n.up = up
	if len(n.rest) > 0 {
		up = n
	}
	for _, c := range n.literal {
		c.link(up)
	}
}

// find walks down as far as the path leads and comes back up until a route takes the method.
func (n *node) find(x *http7.Exchange, method []byte) *http7.Route {
	path := x.Path
	for len(path) > 0 && path[0] == '/' {
		i := segment(path)
		c := n.literal[string(path[1:i])]
		if c == nil {
			break
		}
		n, path = c, path[i:]
	}
	if len(path) == 0 {
		if r := firstTaking(n.end, method); r != nil {
			return r
		}
	}
	for ; n != nil; n = n.up {
		if r := firstTaking(n.rest, method); r != nil {
			return r
		}
	}
	return nil
}

func firstTaking(routes []*http7.Route, method []byte) *http7.Route {
	for _, r := range routes {
		if takesMethod(r, method) {
			return r
		}
	}
	return nil
}
