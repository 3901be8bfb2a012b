package match

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/match/content"
)

// condition is one of a route's, made ready.
type condition struct {
	is       *http7.Condition
	selector string // what a log must hold to tell; "" for what every line has
	header   http7.Name
	value    string // of Equals
	re       *regexp.Regexp
	clients  []netip.Prefix
	path     int // of OnContent: the number of its path in the table
	kind     content.Kind
}

// demands are what a route asks for besides host and path. The conditions on content stand last.
type demands struct {
	methods    []string
	conditions []condition
}

// newDemands returns nil for a route that asks for nothing.
func (c *compiler) newDemands(r *http7.Route) *demands {
	if len(r.Methods)+len(r.Conditions) == 0 {
		return nil
	}
	d := &demands{methods: r.Methods}
	for i := range r.Conditions {
		d.conditions = append(d.conditions, c.newCondition(&r.Conditions[i]))
	}
	slices.SortStableFunc(d.conditions, func(a, b condition) int {
		return compareBool(a.is.On != http7.OnContent, b.is.On != http7.OnContent)
	})
	return d
}

// newCondition takes a condition as [CheckCondition] has passed it.
func (c *compiler) newCondition(is *http7.Condition) condition {
	d := condition{is: is, value: is.Value, selector: selectorOf(is)}
	switch is.On {
	case http7.OnHeader:
		d.header, _ = http7.NewName(is.Name)
	case http7.OnSNI:
		d.value = strings.ToLower(is.Value)
	case http7.OnClient:
		for _, p := range is.Prefixes {
			d.clients = append(d.clients, p.Masked())
		}
	case http7.OnContent:
		add := c.table.content.Add
		if is.Test == http7.Matches {
			add = c.table.content.AddEvery
		}
		d.path, d.kind = add(is.Name)
	}
	if is.Test == http7.Matches {
		d.re = c.regexp(is.Value)
	}
	return d
}

// regexp shares what equal expressions compile to.
func (c *compiler) regexp(expr string) *regexp.Regexp {
	if re := c.regexps[expr]; re != nil {
		return re
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		re = never
	}
	c.regexps[expr] = re
	return re
}

// never takes nothing: it stands in for an expression that no check has seen.
var never = regexp.MustCompile(`[^\x00-\x{10FFFF}]`)

// selectorOf names what an access log must hold for the condition to be told.
func selectorOf(c *http7.Condition) string {
	switch c.On {
	case http7.OnHeader:
		return "header:" + strings.ToLower(c.Name)
	case http7.OnCookie:
		return "cookie:" + c.Name
	case http7.OnClaim:
		return "claim:" + c.Name
	case http7.OnSNI:
		return "sni"
	case http7.OnCountry:
		return "country"
	case http7.OnContent:
		return "body"
	}
	return ""
}

// answer is what a condition says of an exchange; of several, the greatest is what comes of them all,
// unless one says no.
type answer uint8

const (
	no answer = iota
	yes
	unread  // the body is to be read first
	broken  // the body is not what its type says
	unknown // the log does not say
)

// verdict judges a condition.
func (q *query) verdict(c *condition) answer {
	if !q.knows(c) {
		if c.is.On == http7.OnContent && !q.x.Body.Present() {
			return no
		}
		return unknown
	}
	if c.is.On == http7.OnContent {
		return q.onContent(c)
	}
	if q.holds(c) {
		return yes
	}
	return no
}

// knows reports whether what c is on is known, as all is of a live request.
func (q *query) knows(c *condition) bool {
	r := q.x.Recorded
	return r == nil || c.selector == "" || r.Fields[c.selector]
}

// holds judges a condition on the head.
func (q *query) holds(c *condition) bool {
	x := q.x
	switch c.is.On {
	case http7.OnClient:
		return c.onClient(x.Client)
	case http7.OnCountry:
		return c.onCountry(x.Country)
	case http7.OnSNI:
		return c.onSNI(x.Conn)
	case http7.OnHeader:
		return c.onHeader(&x.Request)
	case http7.OnCookie:
		return c.onCookie(&x.Request)
	case http7.OnClaim:
		return c.onClaim(x.Claims)
	case http7.OnQuery:
		return q.onQuery(c)
	}
	return false
}

func (c *condition) onClient(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for i := range c.clients {
		if c.clients[i].Contains(a) {
			return true
		}
	}
	return false
}

func (c *condition) onCountry(country string) bool {
	if country == "" {
		return c.is.Test == http7.Missing
	}
	if c.is.Test == http7.OneOf {
		return slices.Contains(c.is.Values, country)
	}
	return c.meetsText(country)
}

func (c *condition) onSNI(conn *http7.Conn) bool {
	if conn == nil || conn.SNI == "" {
		return c.is.Test == http7.Missing
	}
	return c.meetsText(strings.ToLower(conn.SNI))
}

// A subject that may occur several times meets a test if it is there and all its values do; and
// Missing if it is not there. meets says so of one value.

func (c *condition) onHeader(h *http7.Header) bool {
	at := h.Find(c.header, 0)
	there := at >= 0
	for ; at >= 0; at = h.Find(c.header, at+1) {
		if !c.meets(h.Value(at)) {
			return false
		}
	}
	return c.total(there)
}

func (c *condition) onClaim(claims []http7.Claim) bool {
	there := false
	for i := range claims {
		if claims[i].Name != c.is.Name {
			continue
		}
		if there = true; !c.meets(claims[i].Value) {
			return false
		}
	}
	return c.total(there)
}

// total says what comes of it when no value has failed.
func (c *condition) total(there bool) bool { return there || c.is.Test == http7.Missing }

func (c *condition) meets(value []byte) bool {
	switch c.is.Test {
	case http7.Equals:
		return string(value) == c.value
	case http7.Matches:
		return c.re.Match(value)
	}
	return c.is.Test == http7.Exists
}

func (c *condition) meetsText(value string) bool {
	switch c.is.Test {
	case http7.Equals:
		return value == c.value
	case http7.Matches:
		return c.re.MatchString(value)
	}
	return c.is.Test == http7.Exists
}
