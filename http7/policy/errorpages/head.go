package errorpages

import "weir/http7"

var (
	accept      = http7.Known(http7.Accept)
	contentType = http7.Known(http7.ContentType)
	varyField   = http7.Known(http7.Vary)
	acceptValue = []byte("Accept")
)

// ofBody are the fields that describe the body which a page replaces (RFC 9110 §8).
var ofBody = compileNames("Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Location",
	"Content-Disposition", "Content-Digest", "Repr-Digest", "Digest", "Content-MD5", "ETag", "Last-Modified", "Accept-Ranges")

func compileNames(texts ...string) (names []http7.Name) {
	for _, t := range texts {
		n, _ := http7.NewName(t)
		names = append(names, n)
	}
	return names
}

// strip removes what describes the body. The Content-Range of a 416 describes the resource.
func strip(h *http7.Header, status int) {
	for _, n := range ofBody {
		h.Del(n)
	}
	if status != 416 {
		h.DelID(http7.ContentRange)
	}
}

// vary adds Accept to what the answer depends on (RFC 9110 §12.5.5), unless it says so.
func vary(h *http7.Header) {
	for value := range h.Each(varyField) {
		for p := http7.PreferencesOf(value); ; {
			e, _, ok := p.Next()
			if !ok {
				break
			}
			if http7.EqualFold(e, "accept") || string(e) == "*" {
				return
			}
		}
	}
	h.Add(varyField, acceptValue)
}
