package config

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of a config file. It is made from the comments and
// types of the Config structs by this package's tests, which fail when it is out of date. TOML has
// more rules than it can say; [Load] knows them all.
func Schema() []byte { return slices.Clone(schema) }
