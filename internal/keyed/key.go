package keyed

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
)

// A key is kept in 32 bytes: itself and its length if it has at most 31, else its SHA-256 without the last byte, which
// nobody finds a second text for, and a mark.
const (
	keyWords = 4
	keyBytes = 8 * keyWords
	lengthAt = keyBytes - 1
	digested = 0xff
)

// Key is a whole key, and where it belongs in one table.
type Key struct {
	words [keyWords]uint64
	hash  uint64
}

// Name is a key as it is kept: the same in every process. No two keys have one.
type Name [keyBytes]byte

// NameOf returns the name of key.
func NameOf(key []byte) Name {
	var n Name
	if len(key) <= lengthAt {
		copy(n[:], key)
		n[lengthAt] = byte(len(key))
		return n
	}
	n = sha256.Sum256(key)
	n[lengthAt] = digested
	return n
}

// Key returns key as t finds it. It allocates nothing.
func (t *Table) Key(key []byte) (k Key) {
	if len(key) > lengthAt {
		return t.Named(NameOf(key))
	}
	k.hash = maphash.Bytes(t.seed, key)
	k.words[keyWords-1] = uint64(len(key)) << 56
	i := 0
	for ; len(key) >= 8; key = key[8:] {
		k.words[i] = binary.LittleEndian.Uint64(key)
		i++
	}
	for j, c := range key {
		k.words[i] |= uint64(c) << (8 * j)
	}
	return k
}

// Named returns the key of a name.
func (t *Table) Named(n Name) Key {
	length := min(n[lengthAt], lengthAt)
	return Key{words: n.words(), hash: maphash.Bytes(t.seed, n[:length])}
}

func (n *Name) words() (words [keyWords]uint64) {
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(n[8*i:])
	}
	return words
}

// tag returns the byte of k's hash that groups are searched by, never 0. Where k belongs is told by other bits.
func (k *Key) tag() uint64 {
	if t := k.hash & 0xff; t != 0 {
		return t
	}
	return 1
}

func name(words *[keyWords]uint64) (n Name) {
	for i, w := range words {
		binary.LittleEndian.PutUint64(n[8*i:], w)
	}
	return n
}
