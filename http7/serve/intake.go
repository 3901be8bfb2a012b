package serve

import (
	"io"
	"os"
	"sync"

	"weir/internal/sock"
)

// intake reads the body of a stream's request on a lent goroutine, so that who waits for it can be interrupted
// and go on later: the libraries' own deadlines can't be taken back. It reads only when somebody waits, and at most
// one block.
type intake struct {
	lent  bool // the goroutine runs
	asked bool // it has been asked, and has not answered
	block *sock.Block
	at, n int   // the bytes that nobody has taken yet
	err   error // behind them
	large bool  // the last read filled its block

	ask  chan bool     // read once more; false: end
	told chan struct{} // block, n and err are there

	mu   sync.Mutex
	past bool          // guarded by mu: the deadline
	wake chan struct{} // the deadline has passed
}

// await waits until bytes, the end or the deadline have come.
func (in *intake) await(body io.Reader) error {
	if !in.asked && (in.at < in.n || in.err != nil) { // while a read is under way they are the goroutine's
		return nil
	}
	in.mu.Lock()
	past := in.past
	in.mu.Unlock()
	if past {
		return os.ErrDeadlineExceeded
	}
	if !in.asked {
		in.read1(body)
	}
	select {
	case <-in.told:
		in.asked = false
		return nil
	case <-in.wake:
		return os.ErrDeadlineExceeded
	}
}

// read1 asks for one read.
func (in *intake) read1(body io.Reader) {
	in.asked = true
	in.at, in.n = 0, 0
	if !in.lent {
		in.lent = true
		go in.run(body)
	}
	in.ask <- true
}

// run is the body of the goroutine "intake": it ends when the stream does.
func (in *intake) run(body io.Reader) {
	for <-in.ask {
		size := sock.SmallBlock
		if in.large {
			size = sock.LargeBlock
		}
		if in.block == nil {
			in.block = sock.NewBlock(size)
		}
		in.n, in.err = body.Read(in.block.B)
		if in.err != nil && in.err != io.EOF {
			in.n = 0 // the last bytes of a body that is not what was announced would make it look whole
		}
		in.large = in.n == len(in.block.B)
		in.told <- struct{}{}
	}
	in.told <- struct{}{}
}

// read takes bytes that have come.
func (in *intake) read(b []byte) (int, error) {
	if in.at == in.n {
		return 0, in.err
	}
	n := copy(b, in.block.B[in.at:in.n])
	if in.at += n; in.at == in.n {
		in.block.Free()
		in.block = nil
	}
	return n, nil
}

// interrupt wakes who waits, or lets it wait again.
func (in *intake) interrupt(past bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.past = past
	select {
	case <-in.wake:
	default:
	}
	if past {
		in.wake <- struct{}{}
	}
}

// finish ends the goroutine, whose read the end of the body must have woken, and gives back what it held.
func (in *intake) finish() {
	if in.asked {
		<-in.told
	}
	if in.lent {
		in.ask <- false
		<-in.told
	}
	in.block.Free()
	in.block = nil
	in.lent, in.asked, in.large = false, false, false
	in.at, in.n, in.err = 0, 0, nil
	in.interrupt(false)
}
