package tally

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"weir/internal/keyed"
)

// The file of a book is a head and records, all of one length. A record has a key's name and its count at the time; the
// last one of a key counts, and one that was cut or damaged ends the file.
const (
	magic      = "weirqta1"
	recordSize = 48
	headSize   = recordSize
	// flushEvery is how often counts are written down: what a crash loses.
	flushEvery = time.Second
	// slack is how many records a file may have besides one for each key before it is written anew, which it is when
	// half of it is of no use.
	slack = 1024
)

var (
	table = crc32.MakeTable(crc32.Castagnoli)
	// overflowName stands for the keys without a place. No key has such a name.
	overflowName = keyed.Name{31: 0xfe}
)

// file is where a book is written down.
type file struct {
	path string

	mu   sync.Mutex // writing
	lock *os.File   // held while the file is this process's; nil before
	f    *os.File
	// page is the one that the file has; nil if it must be written anew.
	page    *page
	records int
	// behind says that another process has had the lock since this one began, and base is what was written then.
	behind bool
	base   content
	failed bool // Run's own
}

// Open returns a book like New's that is written to the file at path and begins with what is there for the present
// period. [Book.Run] writes. A file that is no book's, or was cut, counts as far as it can be read; err tells of files that
// can't be opened at all.
//
// While another process has the file, such as one that is about to be replaced by this one, this one counts from what is
// written and takes the file over when the other has ended, with what that has counted meanwhile.
func Open(path string, per Per, keys int, now func() time.Time) (*Book, error) {
	b := New(per, keys, now)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	b.file = &file{path: path}
	mine, err := b.file.own()
	if err != nil {
		return nil, err
	}
	found, err := readFile(path)
	if err != nil {
		_ = b.file.close()
		return nil, err
	}
	b.damaged = found.damaged
	b.adopt(found)
	if b.file.behind = !mine; !mine {
		b.file.base = found
	}
	return b, nil
}

// adopt adds what a file says to the present page.
func (b *Book) adopt(found content) {
	p := b.page.Load()
	if found.ends <= p.begins || found.counts == nil {
		return // of an earlier period
	}
	if length := found.ends - found.begins; length == p.ends-p.begins && found.begins == p.ends {
		// It was the next period already when the clock was set back a little.
		p = &page{begins: found.begins, ends: found.ends, counts: p.counts}
		b.page.Store(p)
	}
	for name, count := range found.counts {
		p.add(name, count)
	}
}

// add adds to a key's count.
func (c *counts) add(name keyed.Name, count uint64) {
	if count == 0 {
		return
	}
	c.mark()
	if name != overflowName {
		k := c.table.Named(name)
		s, word, mine := c.table.Claim(&k, 0, count|mark)
		for s != nil && !mine && !s.CompareAndSwap(word, (word+count)|mark) {
			s, word = c.table.Find(&k)
		}
		if s != nil {
			return
		}
	}
	for {
		word := c.overflow.Load()
		if c.overflow.CompareAndSwap(word, (word+count)&countOf|mark) {
			return
		}
	}
}

// Run writes counts down until ctx ends, and then for the last time. failed is told of an error when writing begins to
// fail, and nil when it works again.
func (b *Book) Run(ctx context.Context, failed func(error)) {
	ticks := time.NewTicker(flushEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			b.flush(failed)
		case <-ctx.Done():
			b.flush(failed)
			b.file.mu.Lock()
			defer b.file.mu.Unlock()
			if err := b.file.close(); err != nil {
				failed(err)
			}
			return
		}
	}
}

func (b *Book) flush(failed func(error)) {
	err := b.Flush()
	if (err != nil) != b.file.failed {
		failed(err)
	}
	b.file.failed = err != nil
}

// Flush writes down what has changed. It does nothing for a book without a file, and while another process has it.
func (b *Book) Flush() error {
	f := b.file
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := b.at(b.now())
	if mine, err := f.own(); err != nil || !mine {
		return err
	}
	if f.behind {
		if err := f.takeOver(p); err != nil {
			return err
		}
	}
	if !p.dirty.Swap(false) && (f.page == p || f.page == nil) {
		return nil
	}
	err := f.write(p)
	if err != nil {
		f.page = nil
		p.dirty.Store(true)
	}
	return err
}

// takeOver adds what the process that had the file has counted since this one began, or since the period did.
func (f *file) takeOver(p *page) error {
	found, err := readFile(f.path)
	if err != nil {
		return err
	}
	if f.base.begins != p.begins {
		f.base = content{}
	}
	if found.begins == p.begins {
		for name, count := range found.counts {
			p.add(name, count-min(count, f.base.counts[name]))
		}
	}
	f.behind, f.base = false, content{}
	return nil
}

// own reports whether the file is this process's, which it becomes if nobody else has it.
func (f *file) own() (bool, error) {
	if f.lock != nil {
		return true, nil
	}
	lock, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	switch err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		f.lock = lock
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, lock.Close()
	default:
		return false, errors.Join(err, lock.Close())
	}
}

// write writes what is marked, or all if the file must be written anew.
func (f *file) write(p *page) error {
	if f.page != p || f.records > 2*p.table.Used()+slack || f.gone() {
		return f.writeAll(p)
	}
	out := bufio.NewWriter(f.f)
	f.records += p.collect(out, false)
	return errors.Join(out.Flush(), f.f.Sync())
}

// gone reports whether somebody has removed the file, or put another in its place.
func (f *file) gone() bool {
	there, err := os.Stat(f.path)
	if err != nil {
		return true
	}
	own, err := f.f.Stat()
	return err != nil || !os.SameFile(there, own)
}

// writeAll writes a new file and puts it in the place of the old one.
func (f *file) writeAll(p *page) error {
	fresh, err := os.OpenFile(f.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(fresh)
	_, err = out.Write(head(p.begins, p.ends))
	n := p.collect(out, true)
	if err = errors.Join(err, out.Flush(), fresh.Sync()); err == nil {
		err = os.Rename(f.path+".new", f.path)
	}
	if err != nil {
		return errors.Join(err, fresh.Close())
	}
	old := f.f
	f.f, f.records, f.page = fresh, n, p
	if old != nil {
		return old.Close()
	}
	return nil
}

func (f *file) close() error {
	var err error
	for _, open := range []*os.File{f.f, f.lock} { // the lock goes last
		if open != nil {
			err = errors.Join(err, open.Close())
		}
	}
	f.f, f.lock = nil, nil
	return err
}

// collect writes the records of what is marked, or of all, and takes the marks away. An error is out's to tell.
func (p *page) collect(out *bufio.Writer, all bool) (n int) {
	var record [recordSize]byte
	put := func(name keyed.Name, count uint64) {
		_, _ = out.Write(appendRecord(record[:0], name, count, p.begins)) // Flush tells
		n++
	}
	for e, word := range p.table.All() {
		for word&mark != 0 && !e.CompareAndSwap(word, word&countOf) {
			word = e.Word()
		}
		if all || word&mark != 0 {
			put(e.Name(), word&countOf)
		}
	}
	word := p.overflow.Load()
	for word&mark != 0 && !p.overflow.CompareAndSwap(word, word&countOf) {
		word = p.overflow.Load()
	}
	if word != 0 && (all || word&mark != 0) {
		put(overflowName, word&countOf)
	}
	return n
}

// head is what a file of a period begins with.
func head(begins, ends int64) []byte {
	b := append(make([]byte, 0, headSize), magic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(begins))
	b = binary.LittleEndian.AppendUint64(b, uint64(ends))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, table))
	return b[:headSize]
}

// appendRecord appends a record of a period, which it can't be taken for one of another.
func appendRecord(dst []byte, name keyed.Name, count uint64, begins int64) []byte {
	at := len(dst)
	dst = append(dst, name[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, count)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(begins))
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], table))
}

// content is what a file says.
type content struct {
	begins, ends int64
	counts       map[keyed.Name]uint64
	// damaged says that there is more than could be read.
	damaged bool
}

// readFile reads a file; none says nothing.
func readFile(path string) (content, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return content{}, nil
	}
	if err != nil {
		return content{}, err
	}
	defer f.Close()
	return read(bufio.NewReader(f))
}

// read reads what a file says, up to the first thing that is not right.
func read(r io.Reader) (c content, err error) {
	var block [recordSize]byte
	if n, err := io.ReadFull(r, block[:]); err != nil {
		return content{damaged: n > 0}, ended(err)
	}
	begins := int64(binary.LittleEndian.Uint64(block[8:]))
	ends := int64(binary.LittleEndian.Uint64(block[16:]))
	if !bytes.Equal(block[:], head(begins, ends)) || ends <= begins {
		return content{damaged: true}, nil
	}
	c = content{begins: begins, ends: ends, counts: map[keyed.Name]uint64{}}
	for {
		if n, err := io.ReadFull(r, block[:]); err != nil {
			c.damaged = n > 0
			return c, ended(err)
		}
		name, count := keyed.Name(block[:32]), binary.LittleEndian.Uint64(block[32:])
		var right [recordSize]byte
		if !bytes.Equal(block[:], appendRecord(right[:0], name, count, begins)) || count > 2*MostLimit {
			c.damaged = true
			return c, nil
		}
		c.counts[name] = count
	}
}

// ended is nil if a file has ended.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
