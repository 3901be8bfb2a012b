// Package wire is the HTTP/1 codec: heads and bodies of requests and answers, in and out.
//
// It does no I/O: an engine (serve on the client's side, forward on the endpoint's) hands it the
// bytes that it has and is told what they are. Heads are parsed into views of the engine's block,
// nothing is copied, nothing allocated. What is ambiguous is refused, never repaired: the rules
// are RFC 9110 and RFC 9112, and where they leave a choice, the stricter one.
//
// wire knows no socket, no policy and no config.
package wire

// Limits bound one head. Each must be positive; HeadBytes stays below 1 GiB.
type Limits struct {
	// HeadBytes bounds a head from its first line to its empty line, both included. Over it:
	// [http7.HeadTooLarge] or [http7.AnswerTooLarge].
	HeadBytes int
	// Fields bounds the field lines of a head, those that are dropped included; the names that
	// Connection nominates have the same bound. Over it: as for HeadBytes.
	Fields int
	// TargetBytes bounds a request's target. Over it: [http7.TargetTooLong]. Answers ignore it.
	TargetBytes int
}

// FrameKind says how the end of a message's body shows.
type FrameKind uint8

// The kinds of framing.
const (
	None       FrameKind = iota // there is no body
	Length                      // after Frame.Length bytes
	Chunked                     // by the chunked coding (RFC 9112 §7.1)
	UntilClose                  // by the end of the connection; answers only
)

// Frame is how a message's body is delimited (RFC 9112 §6.3).
type Frame struct {
	Kind FrameKind
	// Length is the body's length if Kind is Length, 0 included; else 0.
	Length int64

	// strip has the names that Connection nominated: the trailer section loses them too
	// (RFC 9110 §7.6.1). It belongs to the parser and lasts until its Reset.
	strip *strip
}

// Body reports whether bytes of a body are to come.
func (f Frame) Body() bool { return f.Kind > Length || f.Length > 0 }
