package apikey

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"

	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// prefix begins every key that is made here, so that scanners find one where it should not be.
const prefix = "weir_"

// NewKey returns a new key: 256 random bits behind "weir_", in letters, digits, "-" and "_".
func NewKey() string {
	var b [sha256.Size]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// Hash returns what a file of keys says of a key.
func Hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hashed + hex.EncodeToString(sum[:])
}

// Text returns k as a table of a file of keys, or what is wrong with it.
func (k *Key) Text() ([]byte, error) {
	text := bytes.TrimLeft(tomlfile.Write(tomlfile.FromValue(File{Keys: []Key{*k}})), "\n")
	if _, err := parse("", text); err != nil {
		return nil, k.problem()
	}
	return text, nil
}

// problem returns the first thing that is wrong with k, by its key alone: nobody has written a line of it.
func (k *Key) problem() error {
	p := conf.NewProblems()
	k.compile(p)
	for _, one := range p.List() {
		return errors.New(one.Path.String() + ": " + one.Text)
	}
	return errors.New("the key can't be written")
}

// Append appends k to the file of keys at path, which it makes if there is none, for its owner alone. A file with a
// problem is left as it is. It is for one process at a time; one that serves reads the file whole or not at all.
func Append(path string, k *Key) (err error) {
	table, err := k.Text()
	if err != nil {
		return err
	}
	before, err := conf.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return errors.New(path + ": " + conf.FileTrouble(err))
	}
	if _, err := parse(path, before); err != nil {
		return errors.New(path + ": " + err.Error())
	}
	var between []byte
	if n := len(before); n > 0 {
		between = []byte("\n")
		if before[n-1] != '\n' {
			between = []byte("\n\n")
		}
	}
	added := append(between, table...)
	if _, err := parse(path, append(bytes.Clone(before), added...)); err != nil {
		return errors.New(path + ": " + err.Error())
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return errors.New(path + ": " + conf.FileTrouble(err))
	}
	_, err = f.Write(added)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.New(path + ": " + conf.FileTrouble(err))
	}
	return nil
}
