package http7

const (
	firstRoom = 512
	mostRoom  = 16 << 10 // what a pooled exchange keeps
)

// Room returns an empty slice with room for n bytes that lives until x is released. Who appends more
// than n has a slice of his own. It allocates nothing in steady state.
func (x *Exchange) Room(n int) []byte {
	at := len(x.room)
	if cap(x.room)-at < n {
		x.room, at = make([]byte, 0, max(firstRoom, n, 2*cap(x.room))), 0
	}
	x.room = x.room[:at+n]
	return x.room[at : at : at+n]
}

func (x *Exchange) giveRoom() {
	if cap(x.room) > mostRoom {
		x.room = nil
	}
	x.room = x.room[:0]
}
