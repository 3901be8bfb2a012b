// Package tomlfile loads TOML strictly and knows the line and column of every key and value.
//
// internal/config parses files into trees of [Node], merges them, and calls [Tree.Decode] to fill
// its structs. A tree is parsed once; it is then fitted to the Go type (scalar forms, lists of
// one, no unknown key, no value of a wrong kind), written as canonical TOML and decoded strictly
// by go-toml, which therefore has nothing left to find. Every problem is placed through the tree,
// never by go-toml's position in the rewritten text.
//
// The package knows TOML, Go types and conf's value types; it knows no listener and no route.
// It alone imports go-toml.
package tomlfile
