package http7

import "time"

// Act is what a verdict asks for.
type Act uint8

// The acts.
const (
	Go    Act = iota // on to the next policy
	Reply            // x.Answer or the fault is the answer; nothing behind this policy runs
	Need             // call Resume once n bytes of the body, or all of a shorter one, are collected
	Wait             // call Resume at Until, or when x's Waker is used
)

// Verdict is what a policy says of an exchange. The zero Verdict is Continue.
type Verdict struct {
	Act Act
	// Bytes is how much of the body Need asks for; -1 is the whole body, up to the route's limit.
	Bytes int64
	// Until is when a Wait ends at the latest; the zero time never.
	Until time.Time
	// Fault is the reason of a Reply that refuses; nil when the policy has set an answer of its own.
	Fault *Fault
}

// Continue lets the exchange go on.
var Continue = Verdict{}

// Refuse answers with f.
func Refuse(f *Fault) Verdict { return Verdict{Act: Reply, Fault: f} }

// Answered says that the policy has set x's answer.
func Answered() Verdict { return Verdict{Act: Reply} }

// NeedBody asks for the first n bytes of the body; -1 for all of it.
func NeedBody(n int64) Verdict { return Verdict{Act: Need, Bytes: n} }

// WaitUntil parks the exchange until t or until its [Waker] is used, whichever is first.
func WaitUntil(t time.Time) Verdict { return Verdict{Act: Wait, Until: t} }

// Event says why a policy is resumed.
type Event uint8

// The events.
const (
	BodyReady Event = iota // the bytes that Need asked for are in x.Body.Collected
	Woken                  // the Waker was used
	Expired                // Until has come
)

// Stage is the place of a policy in the house's order.
type Stage uint8

// The stages, in the order in which requests pass them; answers pass in the reverse order.
const (
	Guard Stage = iota
	Identify
	Authorise
	Throttle // "limit" in configs and docs
	Inspect
	Present
	Cache
	Rewrite
	StageCount
)

var stageNames = [StageCount]string{"guard", "identify", "authorise", "limit", "inspect", "present", "cache", "rewrite"}

// String returns the stage's word in configs and docs.
func (s Stage) String() string { return stageNames[s] }

// Mode says whether a policy acts, only records what it would have done, or is not there.
type Mode uint8

// The modes.
const (
	Enforce Mode = iota
	Observe
	Off
)
