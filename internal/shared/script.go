package shared

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// rateScript is the generic cell rate algorithm by the server's clock, in µs since 2026: of the tokens that lie ready it
// takes those that requests wait for, and of what is left then at most half to hold. The key holds when the bucket is full, and goes when it is. A clock that was put back makes
// a bucket empty at worst. What is no number, or of another type, counts as absent.
const rateScript = `
local t = redis.call('TIME')
local now = (t[1] - 1767225600) * 1000000 + t[2]
local every, burst, need, more, charge = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local kept = redis.pcall('GET', KEYS[1])
local full = math.max(type(kept) == 'string' and tonumber(kept) or 0, now) + every * charge
full = math.max(math.min(full, now + every * burst), now)
local ready = math.floor((now + every * burst - full) / every + 0.000001)
local got = math.min(ready, need)
got = got + math.min(math.floor((ready - got) / 2), more)
full = full + every * got
if got > 0 or charge ~= 0 then
  redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', string.format('%.0f', math.ceil((full - now) / 1000) + 1))
end
local retry = 0
if ready - got < 1 then retry = math.max(math.ceil(full + every - (now + every * burst)), 1) end
return {got, ready - got, retry}
`

// quotaScript counts what is used of a quota. The key goes some time after the period is over. If the server has
// forgotten it, what the node has seen used stands in its place, and so it does for what is no number.
const quotaScript = `
local most, need, more, charge, used = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local kept = redis.pcall('GET', KEYS[1])
used = math.max((type(kept) == 'string' and tonumber(kept) or used) + charge, 0)
local ready = math.max(most - used, 0)
local got = math.min(ready, need)
got = got + math.min(math.floor((ready - got) / 2), more)
used = used + got
redis.call('SET', KEYS[1], string.format('%.0f', used))
redis.call('EXPIREAT', KEYS[1], ARGV[6])
return {got, ready - got, 0}
`

// key returns the name of w's key on the server. What clients say is in it as a hash alone: it may be a secret.
func (w *wish) key(prefix string) string {
	sum := sha256.Sum256([]byte(w.of.key))
	name := prefix + w.limit.name + ":" + hex.EncodeToString(sum[:16])
	if w.limit.period != nil {
		name += ":" + strconv.FormatInt(w.begins, 10)
	}
	return name
}

// keptAfter is how long the count of a quota outlives its period, for nodes whose clocks are behind.
const keptAfter = time.Hour

// arguments returns what w's script is told.
func (w *wish) arguments() []any {
	whole := func(n int64) string { return strconv.FormatInt(n, 10) }
	l := w.limit
	if l.period != nil {
		return []any{whole(l.most), whole(w.need), whole(w.more), whole(w.charge), whole(w.used), whole(w.ends + int64(keptAfter/time.Second))}
	}
	every := strconv.FormatFloat(l.every/float64(time.Microsecond), 'f', 6, 64)
	return []any{every, whole(l.most), whole(w.need), whole(w.more), whole(w.charge)}
}
