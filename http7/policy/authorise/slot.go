package authorise

import (
	"net/netip"
	"strings"
	"unsafe"

	"weir/http7"
)

// slot is a variable of one expression: what it names in an exchange.
type slot struct {
	name  string
	none  any // of its type
	reads string
	// personal says that the value is that of whoever has been identified.
	personal bool
	of       func(x *http7.Exchange) any
}

// variables are what expressions may name.
var variables = []slot{
	{"consumer", "", "", true, func(x *http7.Exchange) any { return x.Consumer }},
	{"scheme", "", "", true, func(x *http7.Exchange) any { return x.Scheme }},
	{"identified", false, "", true, func(x *http7.Exchange) any { return x.Identified() }},
	{"groups", []string(nil), readsGroups, true, func(x *http7.Exchange) any { return x.Groups }},
	{"scopes", []string(nil), readsScopes, true, func(x *http7.Exchange) any { return x.Scopes }},
	{"method", "", "", false, func(x *http7.Exchange) any { return view(x.Method) }},
	{"path", "", "", false, func(x *http7.Exchange) any { return view(x.Path) }},
	{"query", "", "", false, func(x *http7.Exchange) any { return view(x.Query) }},
	{"host", "", "", false, func(x *http7.Exchange) any { return strings.ToLower(view(x.Authority)) }},
	{"client", "", "", false, func(x *http7.Exchange) any { return clientOf(x) }},
	{"country", "", readsCountry, false, func(x *http7.Exchange) any { return x.Country }},
	{"route", "", "", false, func(x *http7.Exchange) any { return routeOf(x) }},
	{"listener", "", "", false, func(x *http7.Exchange) any { return listenerOf(x) }},
	{"secure", false, "", false, func(x *http7.Exchange) any { return x.Secure }},
}

// view returns b as a text that is valid until the hall releases the exchange.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func clientOf(x *http7.Exchange) string {
	if !x.Client.IsValid() {
		return ""
	}
	return x.Client.Unmap().WithZone("").String()
}

func routeOf(x *http7.Exchange) string {
	if x.Route == nil {
		return ""
	}
	return x.Route.Name
}

func listenerOf(x *http7.Exchange) string {
	if x.Conn == nil {
		return ""
	}
	return x.Conn.Listener
}

// headerSlot is headers["name"]: "" if there is none, and of several all, with ", " between them (RFC 9110 §5.3).
func headerSlot(name http7.Name) slot {
	lower := "header:" + strings.ToLower(name.String())
	return slot{lower, "", lower, false, func(x *http7.Exchange) any {
		at := x.Request.Find(name, 0)
		if at < 0 {
			return ""
		}
		first := view(x.Request.Value(at))
		for at = x.Request.Find(name, at+1); at >= 0; at = x.Request.Find(name, at+1) {
			first += ", " + view(x.Request.Value(at))
		}
		return first
	}}
}

// claimSlot is claims["name"]: "" unless there is exactly one value.
func claimSlot(name string) slot {
	reads := "claim:" + name
	return slot{reads, "", reads, true, func(x *http7.Exchange) any {
		found := ""
		for i, n := 0, 0; i < len(x.Claims); i++ {
			if x.Claims[i].Name != name {
				continue
			}
			if n++; n > 1 {
				return ""
			}
			found = view(x.Claims[i].Value)
		}
		return found
	}}
}

// claimsSlot is claim_values["name"]: all values.
func claimsSlot(name string) slot {
	return slot{"claims:" + name, []string(nil), "claim:" + name, true, func(x *http7.Exchange) any {
		var all []string
		for i := range x.Claims {
			if x.Claims[i].Name == name {
				all = append(all, view(x.Claims[i].Value))
			}
		}
		return all
	}}
}

// plainSlot is a term such as scope:orders.read.
func plainSlot(word string, p plain) slot {
	s := slot{name: word + ":" + p.name, none: false, personal: p.personal(), of: func(x *http7.Exchange) any { return p.holds(x) }}
	for _, r := range p.reads(nil) {
		s.reads = r
	}
	return s
}

// clientSlot is client_in("10.0.0.0/8", …).
func clientSlot(name string, blocks []netip.Prefix) slot {
	return slot{"client_in:" + name, false, "", false, func(x *http7.Exchange) any {
		a := x.Client.Unmap().WithZone("")
		for _, b := range blocks {
			if b.Contains(a) {
				return true
			}
		}
		return false
	}}
}
