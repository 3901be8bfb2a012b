package wire

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"weir/http7"
)

// refField is one field as the grammar reads it.
type refField struct{ line, name, value string }

func refFields(section string) (fields []refField) {
	for _, line := range strings.SplitAfter(section, "\r\n") {
		if line == "" {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), ":")
		fields = append(fields, refField{bytesOf(line), strings.ToLower(name), strings.Trim(value, " \t")})
	}
	return fields
}

// elements splits the values of all fields of a name at their commas.
func elements(fields []refField, name string) (list []string) {
	for _, f := range fields {
		if f.name == name {
			for _, e := range strings.Split(f.value, ",") {
				list = append(list, strings.Trim(e, " \t"))
			}
		}
	}
	return list
}

func count(fields []refField, name string) (n int) {
	for _, f := range fields {
		if f.name == name {
			n++
		}
	}
	return n
}

var refHop = []string{"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"}

// refHead is what the fields of a head say, whichever side it is of.
type refHead struct {
	fields     []refField // those that go on
	options    []string
	length     string // "" without one
	te, coding bool   // there is a Transfer-Encoding; it is just chunked
}

// refConnection reads the fields that both sides share; ok is false if they must be refused.
func refConnection(fields []refField, lim *Limits) (h refHead, ok bool) {
	if len(fields) > lim.Fields {
		return h, false
	}
	unknown := 0
	for _, o := range elements(fields, "connection") {
		if o == "" {
			continue
		}
		if !reToken.MatchString(o) {
			return h, false
		}
		o = strings.ToLower(o)
		h.options = append(h.options, o)
		if o != "close" && http7.LookupID([]byte(o)) == http7.Unlisted {
			unknown++
		}
	}
	if unknown > lim.Fields {
		return h, false
	}
	for _, f := range fields {
		keep := f.name == "host" || f.name == "content-length" || !slices.Contains(h.options, f.name)
		if keep && !slices.Contains(refHop, f.name) {
			h.fields = append(h.fields, f)
		}
	}
	return h, h.framing(fields)
}

func (h *refHead) framing(fields []refField) (ok bool) {
	for _, f := range fields {
		if f.name != "content-length" {
			continue
		}
		n, isNumber := new(big.Int).SetString(f.value, 10)
		if h.length != "" || !reDigits.MatchString(f.value) || !isNumber || !n.IsInt64() {
			return false
		}
		h.length = n.String()
	}
	h.te = count(fields, "transfer-encoding") > 0
	codings := elements(fields, "transfer-encoding")
	h.coding = len(codings) == 1 && strings.EqualFold(codings[0], "chunked")
	return !h.te || h.coding && h.length == ""
}

func (h *refHead) persists(minor string) bool {
	return !slices.Contains(h.options, "close") && (minor == "1" || slices.Contains(h.options, "keep-alive"))
}

func refShow(fields []refField) string {
	var s strings.Builder
	for _, f := range fields {
		s.WriteString(f.line)
	}
	return strings.ReplaceAll(strings.TrimSuffix(s.String(), "\r\n"), "\r\n", ";")
}

// refRequest returns what showRequest would, and false if the head is refused or isn't whole.
func refRequest(in string, lim *Limits) (show string, ok bool) {
	m := reRequest.FindStringSubmatch(latin1(in))
	if m == nil || len(bytesOf(m[1])) > lim.HeadBytes || len(m[3]) > lim.TargetBytes {
		return "", false
	}
	method, target, minor := m[2], m[3], m[4]
	fields := slices.DeleteFunc(refFields(m[5]), func(f refField) bool { return strings.Contains(f.name, "_") })
	if len(refFields(m[5])) > lim.Fields {
		return "", false
	}
	h, ok := refConnection(fields, lim)
	if !ok || h.te && minor == "0" {
		return "", false
	}
	t, ok := refTarget(method, target)
	if !ok || !t.host(&h, fields, minor) {
		return "", false
	}
	for _, f := range fields {
		if f.name == "expect" && !strings.EqualFold(f.value, "100-continue") {
			return "", false
		}
	}
	frame := "none"
	if h.te {
		frame = "chunked"
	} else if h.length != "" {
		frame = "len:" + h.length
	}
	body := frame != "none" && frame != "len:0"
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s %s %s", method, t.authority, t.path, frame)
	flag(&s, minor == "0", "1.0")
	flag(&s, h.persists(minor) && (t.scheme == "" || minor == "1"), "keep")
	flag(&s, minor == "1" && body && count(fields, "expect") > 0, "continue")
	flag(&s, slices.ContainsFunc(elements(fields, "te"), func(e string) bool { return strings.EqualFold(e, "trailers") }), "trailers")
	flag(&s, strings.HasPrefix(t.path, "*"), "asterisk")
	flag(&s, t.scheme != "", "abs="+t.scheme)
	if i := slices.IndexFunc(fields, func(f refField) bool { return f.name == "upgrade" }); i >= 0 && minor == "1" {
		flag(&s, slices.Contains(h.options, "upgrade"), "upgrade="+bytesOf(fields[i].value))
	}
	return s.String() + "|" + refShow(h.fields), true
}

// refTarget is a request-target taken apart; path has the query with it.
type refTargetForm struct{ scheme, authority, path string }

func refTarget(method, target string) (t refTargetForm, ok bool) {
	query := func(m []string, path, query string) string {
		if strings.Contains(m[0], "?") {
			return path + "?" + query
		}
		return path
	}
	if method == "CONNECT" {
		m := reAuthority.FindStringSubmatch(target)
		return refTargetForm{authority: target, path: "/"}, m != nil && m[1] != "" && refAuthority(target)
	}
	if target == "*" {
		return refTargetForm{path: "*"}, method == "OPTIONS"
	}
	if m := reOrigin.FindStringSubmatch(target); m != nil {
		return refTargetForm{path: query(m, m[1], m[2])}, rePath.MatchString(m[1]) && reQuery.MatchString(m[2])
	}
	m := reAbsolute.FindStringSubmatch(target)
	if m == nil || !refAuthority(m[2]) || !rePath.MatchString(m[3]) || !reQuery.MatchString(m[4]) {
		return t, false
	}
	path := m[3]
	if path == "" {
		path = "/"
		if method == "OPTIONS" && !strings.Contains(target, "?") {
			path = "*"
		}
	}
	return refTargetForm{m[1], m[2], query(m, path, m[4])}, true
}

func refAuthority(s string) bool {
	m := reAuthority.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	port, err := strconv.Atoi("0" + m[1])
	return err == nil && port <= 65535
}

// host applies the rules of Host: it gives t its authority, or h its Host field.
func (t *refTargetForm) host(h *refHead, fields []refField, minor string) bool {
	i := slices.IndexFunc(h.fields, func(f refField) bool { return f.name == "host" })
	if i < 0 {
		if t.authority != "" {
			h.fields = append(h.fields, refField{line: "Host: " + t.authority + "\r\n"})
		}
		return minor == "0"
	}
	value := h.fields[i].value
	if count(fields, "host") > 1 || !refAuthority(value) && (value != "" || t.authority == "") {
		return false
	}
	if t.authority == "" {
		t.authority = value
	} else if t.authority != value {
		h.fields[i].line = "Host: " + t.authority + "\r\n"
	}
	return true
}

// refResponse returns what showResponse would, and false if the head is refused or isn't whole.
func refResponse(in, method string, lim *Limits) (show string, ok bool) {
	m := reAnswer.FindStringSubmatch(latin1(in))
	if m == nil || len(bytesOf(m[1])) > lim.HeadBytes {
		return "", false
	}
	minor, status := m[2], m[3]
	fields := refFields(m[5])
	h, ok := refConnection(fields, lim)
	tunnel := method == "CONNECT" && status[0] == '2'
	lengthOK := count(fields, "content-length") == 0 || h.length != ""
	if !ok && !(tunnel && lengthOK && h.te && count(fields, "content-length") < 2) || h.te && minor == "0" && !tunnel {
		return "", false
	}
	frame := "close"
	switch {
	case tunnel:
		frame = "none"
	case status[0] == '1' || status == "204":
		if h.te || h.length != "" && h.length != "0" {
			return "", false
		}
		frame = "none"
	case status == "304" || method == "HEAD":
		frame = "none"
	case h.te:
		frame = "chunked"
	case h.length != "":
		frame = "len:" + h.length
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s %q %s", status, bytesOf(m[4]), frame)
	flag(&s, minor == "0", "1.0")
	flag(&s, h.persists(minor) && frame != "close", "keep")
	return s.String() + "|" + refShow(h.fields), true
}

// refBody returns what readBody would for a chunked body from a client, and false if the body is
// refused or isn't whole. It knows nothing of the bounds of extensions.
func refBody(in string) (show string, ok bool) {
	rest, body := latin1(in), ""
	for {
		m := reChunk.FindStringSubmatch(rest)
		if m == nil {
			return "", false
		}
		rest = rest[len(m[0]):]
		size, err := strconv.ParseInt(m[1], 16, 64)
		if err != nil {
			return "", false
		}
		if size == 0 {
			break
		}
		runes := []rune(rest)
		if size > int64(len(runes))-2 || string(runes[size:size+2]) != "\r\n" {
			return "", false
		}
		body += string(runes[:size])
		rest = string(runes[size+2:])
	}
	m := reTrailers.FindStringSubmatch(rest)
	if m == nil || len(bytesOf(m[1])) > 16<<10 || len(refFields(m[1])) > 100 {
		return "", false
	}
	var kept []string
	for _, f := range refFields(m[1]) {
		if name, _, _ := strings.Cut(f.line, ":"); refTrails(f.name) {
			kept = append(kept, name+": "+bytesOf(f.value))
		}
	}
	rest = rest[len(m[0]):]
	taken := len(in) - len(bytesOf(rest))
	return fmt.Sprintf("%q {%s} +%d", bytesOf(body), strings.Join(kept, ";"), taken), true
}

// refTrails says by plain lists which names may be trailers.
func refTrails(name string) bool {
	switch name {
	case "etag", "content-digest", "repr-digest", "proxy-status":
		return true
	case "www-authenticate", "expires", "pragma", "retry-after", "warning", "allow", "last-modified":
		return false
	}
	for _, p := range []string{"content-", "if-", "proxy-", "x-forwarded-", "access-control-", "sec-"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	return !strings.Contains(name, "_") && http7.LookupID([]byte(name)) == http7.Unlisted
}
