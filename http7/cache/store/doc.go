// Package store keeps objects in memory: a key, a head and a body each, all of them bytes whose meaning is the caller's.
//
// http7/cache calls it; it knows no HTTP. Reads take no lock and allocate nothing. What they return is held, and stays as
// it is until it is released. The bytes in use never exceed the store's size, its own bookkeeping included.
//
// # Structure
//
// A [Store] is cut into shards by the hash of keys. Each has, under one lock that only writers take:
//
//   - an arena (arena.go, memory.go): memory off the Go heap, handed out in runs of 128-byte units up to 64 KiB. The
//     front of an object has key, head, tags and a body that fits; other bodies are chains of segments (segment.go),
//     so that no hole is too small to be used
//   - slabs (slab.go) of [Object]: what is known of each, in 128 bytes that the garbage collector passes over
//   - a table (index.go) from hashes to the numbers of objects, in buckets of one cache line
//   - a policy (policy.go, queue.go, ghosts.go): who goes when there is no room
//
// Purges (purge.go, tags.go, sweep.go) belong to the store as a whole.
//
// # How a read is safe
//
// [Store.Get] finds a number in the table, without knowing whether it still stands for the same object, and looks the
// object up in its slab, which is never anything but objects. It adds one to the object's count of holds. If the sum
// says that the object is free, it takes that back: a miss. Otherwise the object can't be freed or used for anything
// else from here on, and the key is compared, all of it, and whether it is published. Who takes a count to zero, whoever
// that is, marks the object free and puts it on a list, without a lock; the next writer frees its memory.
//
// A growing body is read while it is written: bytes and the words that chain segments are written first, then the size
// by which readers go (growth.go, reader.go). What a draft may come to is set apart for it, though not kept free, and
// what does not fit is refused at once (draft.go). A body that grows over its limit is doomed: it flows through a window
// whose beginning is freed when the slowest reader has passed, or, if there is no other memory, through the last segment
// that it has (window.go).
//
// # How a purge is complete
//
// Purges are numbered. An object's stamp is the newest one that it was judged by. One word, the number of the newest
// record, tells a lookup whether there is something to judge; then it judges the object by the records after its stamp,
// and raises the stamp. A draft is judged, under the lock, by all since the mark that was taken before its request left.
// A sweep in the background judges the rest, and frees what is purged; between two passes it rests.
package store
