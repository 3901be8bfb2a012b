// Package discover finds the endpoints of an upstream where they are not written down: behind host names (A and AAAA
// records), in SRV records, and in a file that is watched.
//
// gateway makes a [Source] for each upstream that needs one, runs it across reloads as long as its configuration stays
// the same, and hands what it publishes to lb. A source never takes back its last good answer: a lookup that fails, a
// name that has gone and a file that is wrong leave the endpoints as they are, and show in [Source.Status].
package discover
