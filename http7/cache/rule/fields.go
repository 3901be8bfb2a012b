package rule

import "weir/http7"

// neverStored are the names that stay out of the store: what ends at each hop, proxies' own credentials (RFC 9111
// §3.1), Age, which is made anew, framing, and Set-Cookie.
var neverStored = http7.HopByHop | http7.Names(http7.ProxyAuthenticate, http7.ProxyAuthenticationInfo,
	http7.ProxyAuthorization, http7.Age, http7.ContentLength, http7.SetCookie)

// altSvc says where else the server is found that has sent the answer (RFC 7838). The hall says so of Weir, of each connection anew:
// what is true of the listener and the config of today may not be of those that the answer is used for.
const altSvc = "Alt-Svc"

// describesContent are the names that a 304 doesn't repeat (RFC 9110 §15.4.5).
var describesContent = http7.Names(http7.ContentType, http7.ContentEncoding, http7.ContentRange, http7.ContentDigest,
	http7.ReprDigest, http7.AcceptRanges)

// keeper says which lines of an answer are stored.
type keeper struct {
	h       *http7.Header
	dropped [][]byte // names
	date    bool     // the answer has a Date that is kept
}

func newKeeper(h *http7.Header, v *Verdict) keeper {
	return keeper{h: h, dropped: v.dropped, date: v.dated}
}

// line reports whether line i is stored.
func (k *keeper) line(i int) bool {
	id := k.h.IDAt(i)
	if neverStored.Has(id) || id == http7.Date && !k.date {
		return false
	}
	if id == http7.Date { // nobody takes it away
		return true
	}
	name, _ := k.h.At(i)
	return !listed(k.dropped, name) && !(id == http7.Unlisted && http7.EqualFold(name, altSvc))
}

// AppendWithheld appends the field lines of an answer that private="…" and no-cache="…" keep out of the store but not from
// who has asked (RFC 9111 §5.2.2.4, §5.2.2.7), each with its CRLF. answer is the one that v is about.
func (v *Verdict) AppendWithheld(dst []byte, answer *http7.Header) []byte {
	for i := 0; v.own > 0 && i < answer.Len(); i++ {
		name, _ := answer.At(i)
		id := answer.IDAt(i)
		if id != http7.Date && !neverStored.Has(id) && listed(v.dropped[:v.own], name) && !listed(v.dropped[v.own:], name) {
			dst = appendLine(dst, answer, i)
		}
	}
	return dst
}

// listed reports whether a field name is in names.
func listed[N []byte | string](names [][]byte, name N) bool {
	for _, n := range names {
		if http7.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// connectionNames appends the names that Connection lists (RFC 9110 §7.6.1).
func connectionNames(dst [][]byte, h *http7.Header) [][]byte {
	for value := range h.Each(http7.Known(http7.Connection)) {
		for len(value) > 0 {
			var item []byte
			item, value = cutComma(value)
			if item = trimOWS(item); len(item) > 0 {
				dst = append(dst, item)
			}
		}
	}
	return dst
}

func marksOf(id http7.ID, name []byte) (marks byte) {
	switch {
	case describesContent.Has(id), http7.EqualFold(name, "Content-Language"), http7.EqualFold(name, "Content-MD5"),
		http7.EqualFold(name, "Digest"):
		marks |= notIn304
	}
	if id == http7.ContentDigest || id == http7.ContentRange || http7.EqualFold(name, "Content-MD5") {
		marks |= notIn206
	}
	return marks
}
