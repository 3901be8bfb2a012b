package basic

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/http7/policy"
	"weir/internal/conf"
	"weir/internal/filewatch"
	"weir/internal/verified"
)

// mark stands for a user name and a password: their HMAC under a key of this process, so that nobody outside can make
// two of them meet, or learn anything by how long a look takes.
type mark [sha256.Size]byte

const (
	// rightMemory and wrongMemory bound what is remembered, in bytes: some thousand passwords.
	rightMemory = 4 << 20
	wrongMemory = 1 << 20
	// wrongFor is how long a wrong password is refused again without work.
	wrongFor = 10 * time.Second
)

// users are those of the file as it is now. It never changes.
type users struct {
	named map[string]*account
	all   []*account // by name
}

// accounts are the users of a file, and what is remembered of their passwords. They live over reloads.
type accounts struct {
	path    string
	now     atomic.Pointer[users]
	right   *verified.Table[*account]
	wrong   *verified.Table[refused]
	marks   sync.Pool // of *marker
	slots   chan struct{}
	file    *filewatch.File
	unshow  func()
	loading sync.Mutex

	mu      sync.Mutex
	flights map[mark]*flight
}

// refused is why a password was wrong, and under which users.
type refused struct {
	why   error
	under *users
}

// flight is work on one mark, which others with the same wait for.
type flight struct {
	done  chan struct{}
	of    *account
	err   error
	under *users // nil: nothing was verified
}

// Why a password is not taken, for the log.
var (
	errNobody = errors.New("there is no such user")
	errBusy   = errors.New("too many passwords are worked on")
)

func newAccounts(path string, parallel int) *accounts {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	a := &accounts{
		path: path, right: verified.New[*account](rightMemory), wrong: verified.New[refused](wrongMemory),
		slots: make(chan struct{}, parallel), flights: map[mark]*flight{},
	}
	a.marks.New = func() any { return &marker{mac: hmac.New(sha256.New, key)} }
	a.now.Store(&users{})
	return a
}

// openAccounts returns the users of a file, kept over reloads; nobody without needs.
func openAccounts(name, path string, parallel int, needs *policy.Needs) (*accounts, error) {
	if needs == nil {
		return newAccounts(path, parallel), nil
	}
	key := name + "\x00" + path + "\x00" + string(binary.LittleEndian.AppendUint32(nil, uint32(parallel)))
	fresh := false
	a, err := policy.Adopt(needs.Turn, key, func() (a *accounts, err error) {
		a, fresh = newAccounts(path, parallel), true
		if a.file, err = needs.Files.Watch(name, path, a.load); err == nil {
			a.unshow = needs.FailedFile(name, a.file)
		}
		return a, err
	})
	if err == nil && !fresh { // whoever reloads wants what is there now
		err = a.load()
	}
	return a, err
}

// Close ends the watch over the file.
func (a *accounts) Close() {
	a.unshow()
	a.file.Close()
}

// load reads the file. Who comes later reads later.
func (a *accounts) load() error {
	a.loading.Lock()
	defer a.loading.Unlock()
	text, err := conf.ReadFile(a.path)
	if err != nil {
		return errors.New(conf.FileTrouble(err))
	}
	named, err := parse(text, a.now.Load().named)
	if err != nil {
		return err
	}
	u := &users{named: named}
	for _, one := range named {
		u.all = append(u.all, one)
	}
	slices.SortFunc(u.all, func(a, b *account) int { return strings.Compare(a.name, b.name) })
	a.now.Store(u)
	return nil
}

// recall returns what is remembered of m: whose password it is, or why it is wrong; neither if it is not known.
func (a *accounts) recall(m *mark, now time.Time) (*account, error) {
	u := a.now.Load()
	// A user who is gone from the file, or has another hash there, is another account.
	if of := a.right.Get(m[:], now); of != nil && u.named[(*of).name] == *of {
		return *of, nil
	}
	if e := a.wrong.Get(m[:], now); e != nil && e.under == u {
		return nil, e.why
	}
	return nil, nil
}

// verify works on a password, once for all who ask with the same at once, and remembers what it came to for so long.
// It waits for its turn as long as ctx lasts.
func (a *accounts) verify(ctx context.Context, m *mark, user, password string, keep time.Duration) (*account, error) {
	for {
		f, mine := a.board(m)
		if mine {
			a.fly(ctx, m, f, func(u *users) (*account, error) { return a.work(u, m, user, password, keep) })
			return f.of, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, errBusy
		}
		// Whoever was first may have left, waited for too long, or been told by users who are no more: that need not hold
		// for others.
		if f.under == a.now.Load() {
			return f.of, f.err
		}
		if ctx.Err() != nil {
			return nil, errBusy
		}
	}
}

// board returns the work on m that is under way, or a new one that is the caller's to do.
func (a *accounts) board(m *mark) (f *flight, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f = a.flights[*m]; f != nil {
		return f, false
	}
	f = &flight{done: make(chan struct{}), err: errBusy}
	a.flights[*m] = f
	return f, true
}

// fly does work when it is its turn, for all who wait for f.
func (a *accounts) fly(ctx context.Context, m *mark, f *flight, work func(*users) (*account, error)) {
	defer a.land(m, f)
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return
	}
	f.under = a.now.Load()
	f.of, f.err = work(f.under)
}

func (a *accounts) land(m *mark, f *flight) {
	a.mu.Lock()
	delete(a.flights, *m)
	a.mu.Unlock()
	close(f.done)
}

// work verifies a password by u. For a user who is not there it does the work of one who is, drawn by the mark of the name,
// so that the time it takes does not tell.
func (a *accounts) work(u *users, m *mark, user, password string, keep time.Duration) (*account, error) {
	one, err := u.named[user], errNobody
	stand := one
	if one != nil {
		err = one.wrong
	} else if len(u.all) > 0 {
		stand = u.all[a.draw(user)%uint64(len(u.all))]
	}
	right := stand != nil && stand.digest.Match(password) && one != nil
	now := time.Now()
	if !right {
		a.wrong.Put(m[:], refused{err, u}, 0, now.Add(wrongFor), now)
		return nil, err
	}
	if keep > 0 {
		a.right.Put(m[:], one, 0, now.Add(keep), now)
	}
	return one, nil
}

// draw returns a number that is always the same for a name, and that nobody outside knows.
func (a *accounts) draw(user string) uint64 {
	s := a.marks.Get().(*marker)
	defer a.marks.Put(s)
	var m mark
	s.mark(&m, []byte(user), nil)
	return binary.LittleEndian.Uint64(m[:8])
}

// marker makes marks. It is for one goroutine at a time.
type marker struct {
	mac  hash.Hash
	sum  mark
	text [mostName + 1 + mostPassword]byte // what a client's credential says
}

// mark is the HMAC of both with their border.
func (s *marker) mark(m *mark, user, password []byte) {
	s.mac.Reset()
	s.sum[0], s.sum[1] = byte(len(user)), byte(len(user)>>8)
	_, _ = s.mac.Write(s.sum[:2]) // a hash never fails
	_, _ = s.mac.Write(user)
	_, _ = s.mac.Write(password)
	s.mac.Sum(s.sum[:0])
	*m = s.sum
}
