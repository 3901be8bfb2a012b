// Package shared keeps limits that several Weir nodes have in common, in one Redis or Valkey.
//
// rate_limit and quota call it where their scope is "shared"; gateway makes the [Store] of the [shared] table and runs it.
// It knows keys and counts, and neither requests nor configs of policies.
//
// Redis holds the truth: a script takes tokens from a key's bucket by Redis's own clock, all or as many as there are, so
// that no two nodes are given the same token. A node takes more than it needs at once, a grant, in the background, and
// admits from what it holds without asking anybody; a request waits for an answer only where the node holds nothing and
// does not know that there is nothing, and never longer than the timeout. See decision 031.
//
// The bound: a node holds at most [Limit.Grant] tokens of a key, and spends only what it was given. So n nodes admit, in
// any span of time t, at most burst + rate × (t + d) + n × Grant, where d is what the slowest answer takes, a millisecond as
// a rule and the timeout at most; a quota is never exceeded, and up to n × Grant of it may
// lie unused on nodes that are not asked for it any more, until they give it back. Grant is a share of the burst, rounded
// down: of small bursts it is 0, every request asks, and the bound is exact.
//
// A user of the server needs EVALSHA, EVAL, GET, SET, EXPIREAT and TIME for keys with the prefix.
//
// Without Redis each node decides by itself, as configured; see [Config.OnFailure]. What it spent meanwhile is charged when
// Redis is back.
package shared
