package sock

import "sync"

// Block sizes. A head is read into a small block, which grows up to the limit on heads; bodies move
// through large ones.
const (
	SmallBlock = 4 << 10
	LargeBlock = 32 << 10
)

var (
	smallBlocks = sync.Pool{New: func() any { return &Block{B: make([]byte, SmallBlock)} }}
	largeBlocks = sync.Pool{New: func() any { return &Block{B: make([]byte, LargeBlock)} }}
)

// Block is a pooled buffer.
type Block struct{ B []byte }

// NewBlock returns a block of at least n bytes, pooled up to [LargeBlock].
func NewBlock(n int) *Block {
	switch {
	case n <= SmallBlock:
		return smallBlocks.Get().(*Block)
	case n <= LargeBlock:
		return largeBlocks.Get().(*Block)
	}
	return &Block{B: make([]byte, n)}
}

// Free gives b back; b may be nil. Nothing may refer to its bytes any more.
func (b *Block) Free() {
	if b == nil {
		return
	}
	switch len(b.B) {
	case SmallBlock:
		smallBlocks.Put(b)
	case LargeBlock:
		largeBlocks.Put(b)
	}
}
