package http7

// ID numbers the field names that Weir itself has a rule for. Other names have ID 0.
type ID uint8

// The known names. Their order is of no meaning.
const (
	Unlisted ID = iota
	Host
	Connection
	KeepAlive
	ProxyConnection
	TE
	Trailer
	TransferEncoding
	Upgrade
	ContentLength
	Expect
	Via
	Forwarded
	XForwardedFor
	XForwardedHost
	XForwardedProto
	XForwardedPort
	XRealIP
	Date
	Server
	ContentType
	ContentEncoding
	ContentRange
	Cookie
	SetCookie
	Authorization
	ProxyAuthorization
	ProxyAuthenticate
	ProxyAuthenticationInfo
	ProxyStatus
	Vary
	ETag
	AcceptRanges
	CacheControl
	Age
	Location
	UserAgent
	Accept
	AcceptEncoding
	Range
	HTTP2Settings
	MaxForwards
	Origin
	XRequestID
	TraceParent
	ContentDigest
	ReprDigest
	GRPCTimeout
	XTimeoutMs
	RetryAfter
	IfMatch
	IfNoneMatch
	IfModifiedSince
	IfUnmodifiedSince
	IfRange
	Expires
	LastModified
	Pragma
	CDNCacheControl
	CacheStatus
	idCount
)

var idNames = [idCount]string{
	Host: "Host", Connection: "Connection", KeepAlive: "Keep-Alive", ProxyConnection: "Proxy-Connection",
	TE: "TE", Trailer: "Trailer", TransferEncoding: "Transfer-Encoding", Upgrade: "Upgrade",
	ContentLength: "Content-Length", Expect: "Expect", Via: "Via", Forwarded: "Forwarded",
	XForwardedFor: "X-Forwarded-For", XForwardedHost: "X-Forwarded-Host", XForwardedProto: "X-Forwarded-Proto",
	XForwardedPort: "X-Forwarded-Port", XRealIP: "X-Real-IP", Date: "Date", Server: "Server",
	ContentType: "Content-Type", ContentEncoding: "Content-Encoding", ContentRange: "Content-Range",
	Cookie: "Cookie", SetCookie: "Set-Cookie", Authorization: "Authorization",
	ProxyAuthorization: "Proxy-Authorization", ProxyAuthenticate: "Proxy-Authenticate",
	ProxyAuthenticationInfo: "Proxy-Authentication-Info", ProxyStatus: "Proxy-Status", Vary: "Vary",
	ETag: "ETag", AcceptRanges: "Accept-Ranges", CacheControl: "Cache-Control", Age: "Age",
	Location: "Location", UserAgent: "User-Agent", Accept: "Accept", AcceptEncoding: "Accept-Encoding",
	Range: "Range", HTTP2Settings: "HTTP2-Settings", MaxForwards: "Max-Forwards", Origin: "Origin",
	XRequestID: "X-Request-Id", TraceParent: "traceparent", ContentDigest: "Content-Digest", ReprDigest: "Repr-Digest",
	GRPCTimeout: "grpc-timeout", XTimeoutMs: "X-Timeout-Ms", RetryAfter: "Retry-After",
	IfMatch: "If-Match", IfNoneMatch: "If-None-Match", IfModifiedSince: "If-Modified-Since",
	IfUnmodifiedSince: "If-Unmodified-Since", IfRange: "If-Range", Expires: "Expires", LastModified: "Last-Modified",
	Pragma: "Pragma", CDNCacheControl: "CDN-Cache-Control", CacheStatus: "Cache-Status",
}

// String returns the name in its usual spelling; "" for [Unlisted].
func (id ID) String() string { return idNames[id] }

// IDSet is a set of known names.
type IDSet uint64

// Names returns the set of the given names.
func Names(ids ...ID) (s IDSet) {
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

// Has reports whether id is in s; [Unlisted] never is.
func (s IDSet) Has(id ID) bool { return s&(1<<id) != 0 && id != Unlisted }

// HopByHop are the names that end at each hop whatever Connection says (RFC 9110 §7.6.1).
var HopByHop = Names(Connection, KeepAlive, ProxyConnection, TE, Trailer, TransferEncoding, Upgrade, HTTP2Settings)

// lookup maps a cheap hash of a name to the known names that share it.
var lookup = buildLookup()

type lookupTable [256][2]ID

func buildLookup() (t lookupTable) {
	for id := ID(1); id < idCount; id++ {
		slot := &t[nameHash(idNames[id])]
		switch {
		case slot[0] == 0:
			slot[0] = id
		case slot[1] == 0:
			slot[1] = id
		default:
			panic("http7: three known names share a hash: " + idNames[id])
		}
	}
	return t
}

func nameHash[T []byte | string](n T) uint8 {
	l := len(n)
	return uint8(l)*31 ^ (n[0]|0x20)*7 ^ (n[l-1]|0x20)*13 ^ (n[l>>1]|0x20)*3
}

// LookupID returns the ID of a field name, whatever its case; [Unlisted] if Weir has no rule for it.
func LookupID(name []byte) ID {
	if len(name) == 0 {
		return Unlisted
	}
	slot := &lookup[nameHash(name)]
	if id := slot[0]; id != 0 && equalFold(name, idNames[id]) {
		return id
	}
	if id := slot[1]; id != 0 && equalFold(name, idNames[id]) {
		return id
	}
	return Unlisted
}

// Name is a field name made ready at config time, so that a request compares instead of parsing.
type Name struct {
	id   ID
	text string
}

// NewName compiles a field name; the spelling given is the one that is sent.
// It reports whether name is a token (RFC 9110 §5.6.2).
func NewName(name string) (Name, bool) {
	if !IsToken([]byte(name)) {
		return Name{}, false
	}
	return Name{id: LookupID([]byte(name)), text: name}, true
}

// Known returns the compiled form of a known name.
func Known(id ID) Name { return Name{id: id, text: idNames[id]} }

// String returns the name as it was given.
func (n Name) String() string { return n.text }

// ID returns the number of a known name.
func (n Name) ID() ID { return n.id }

// EqualFold reports whether two byte strings are equal but for ASCII case.
func EqualFold[A, B []byte | string](a A, b B) bool { return equalFold(a, b) }

func equalFold[A, B []byte | string](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lower[a[i]] != lower[b[i]] {
			return false
		}
	}
	return true
}

// lower maps ASCII letters to lower case and every other byte to itself.
var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] |= 0x20
		}
	}
	return t
}()

// tokenBytes marks the bytes of a token (RFC 9110 §5.6.2).
var tokenBytes = func() (t [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		t[c] = true
	}
	return t
}()

// IsToken reports whether b is a token: not empty and without separators (RFC 9110 §5.6.2).
func IsToken(b []byte) bool {
	for _, c := range b {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

// IsFieldValue reports whether b may stand as a field value: no control bytes but tab,
// no space or tab at either end (RFC 9110 §5.5). obs-text passes.
func IsFieldValue(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return len(b) == 0 || !isOWS(b[0]) && !isOWS(b[len(b)-1])
}

func isOWS(c byte) bool { return c == ' ' || c == '\t' }
