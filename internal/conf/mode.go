package conf

// Mode is how a policy's section acts: "enforce", "observe" (record what would have happened,
// change nothing) or "off". The zero Mode is enforce.
// It is a struct because go-toml never calls UnmarshalText on a type of string kind.
type Mode struct{ m uint8 }

// The modes.
var (
	Enforce = Mode{0}
	Observe = Mode{1}
	ModeOff = Mode{2}
)

var modeNames = [...]string{"enforce", "observe", "off"}

// String returns the text that an operator would write.
func (m Mode) String() string { return modeNames[m.m] }

// MarshalText writes the value as an operator would.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Choices returns the texts of all modes.
func (Mode) Choices() []string { return modeNames[:] }

// Wants implements [Value].
func (Mode) Wants() (noun, hint string) {
	return "a mode", `write "enforce", "observe" or "off"`
}

// UnmarshalText reads one of the three modes.
func (m *Mode) UnmarshalText(b []byte) error {
	for i, name := range modeNames {
		if name == string(b) {
			m.m = uint8(i)
			return nil
		}
	}
	if near := Nearest(string(b), modeNames[:]); near != "" {
		_, hint := m.Wants()
		return &BadValue{Text: `"` + string(b) + `" is not a mode`, Hint: `did you mean "` + near + `"? ` + hint}
	}
	return bad(m, b)
}
