package conf

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// MaxFile is how many bytes [ReadFile] reads at most: far more than any config, certificate or page has.
const MaxFile = 16 << 20

// ReadFile reads a file that a config names. It must be a regular one, of at most [MaxFile] bytes: a pipe would
// block whoever reads it, a process that serves among them, and a device has no end. The error is an
// [*fs.PathError]; that of a larger file wraps [ErrTooLarge].
func ReadFile(path string) ([]byte, error) { return ReadUpTo(path, MaxFile) }

// ErrTooLarge is why a regular file that may be read is not.
var ErrTooLarge = errors.New("it is too large")

// ReadUpTo is [ReadFile] for files that have more by nature, such as lists of a million networks: of at most so many bytes.
func ReadUpTo(path string, most int) ([]byte, error) {
	// Looked at before it is opened, for opening alone makes some devices act; and again after it, for what lies
	// there may be another by then.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, irregular(path, info)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, irregular(path, info)
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(text) > most {
		err = &fs.PathError{Op: "read", Path: path, Err: tooLarge{most}}
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// tooLarge is [ErrTooLarge] with the bound.
type tooLarge struct{ most int }

func (e tooLarge) Error() string { return "it has more than " + Bytes(int64(e.most)).String() }

func (e tooLarge) Is(err error) bool { return err == ErrTooLarge }

func irregular(path string, info fs.FileInfo) error {
	why := error(syscall.EISDIR)
	if !info.IsDir() {
		why = errors.New("not a regular file")
	}
	return &fs.PathError{Op: "read", Path: path, Err: why}
}

// FileTrouble returns the innermost cause of a file error, without the system call and the path.
func FileTrouble(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
