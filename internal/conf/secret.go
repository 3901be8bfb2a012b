package conf

import (
	"strings"
)

// Mask is what stands for a secret wherever a person may read it.
const Mask = "***"

// Secret is a text that is never printed. An operator writes { env = "NAME" }, { file = "/path" }
// or, less well, the text itself. A loaded config holds the text already; rooms take it with
// [Secret.Reveal]. The zero Secret is none.
type Secret struct {
	// Env is the environment variable that holds the secret.
	Env string `toml:"env"`
	// File is the path of a file that holds the secret; one line end at its end is dropped.
	File string `toml:"file"`

	// text is behind a pointer so that printing a struct with verbs such as %+v shows an address.
	text *string
}

// SecretText returns a secret that holds text.
func SecretText(text string) Secret { return Secret{text: &text} }

// Reveal returns the secret itself; "" if there is none. Don't log it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether no secret was given.
func (s Secret) IsZero() bool { return s.text == nil && s.Env == "" && s.File == "" }

// String returns where the secret comes from, or the mask; never the secret.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "env " + s.Env
	case s.File != "":
		return "file " + s.File
	case s.text != nil:
		return Mask
	}
	return ""
}

// GoString keeps the verb %#v from printing the secret.
func (s Secret) GoString() string { return "conf.Secret(" + s.String() + ")" }

// MarshalText writes where the secret comes from, or the mask; never the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Wants implements [Value].
func (Secret) Wants() (noun, hint string) {
	return "a secret", `write { env = "NAME" } or { file = "/path" }`
}

// UnmarshalText takes the secret's own text. The mask is refused: it comes from a config that
// was printed, and its secret is lost.
func (s *Secret) UnmarshalText(b []byte) error {
	_, hint := s.Wants()
	switch string(b) {
	case "":
		return &BadValue{Text: "the secret is empty", Hint: hint}
	case Mask:
		return &BadValue{Text: `"` + Mask + `" stands for a secret that was not printed`, Hint: hint}
	}
	*s = SecretText(string(b))
	return nil
}

// Resolve reads the secret from where it comes from. lookup is os.LookupEnv and read os.ReadFile,
// or what a test puts in their place. It does nothing for a secret given as text, or none.
func (s *Secret) Resolve(lookup func(string) (string, bool), read func(string) ([]byte, error)) error {
	switch {
	case s.Env != "" && s.File != "":
		return &BadValue{Text: "a secret has one source, not both env and file", Hint: "keep one of the two"}
	case s.Env != "":
		return s.fromEnv(lookup)
	case s.File != "":
		return s.fromFile(read)
	}
	return nil
}

func (s *Secret) fromEnv(lookup func(string) (string, bool)) error {
	text, ok := lookup(s.Env)
	if !ok || text == "" {
		return &BadValue{Text: "the environment variable " + s.Env + " is not set", Hint: "set it where Weir is started"}
	}
	s.text = &text
	return nil
}

func (s *Secret) fromFile(read func(string) ([]byte, error)) error {
	b, err := read(s.File)
	if err != nil {
		return &BadValue{Text: "the secret can't be read: " + FileTrouble(err), Hint: "the user that runs Weir must be able to read this file"}
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if text == "" {
		return &BadValue{Text: "the file " + s.File + " is empty"}
	}
	s.text = &text
	return nil
}
