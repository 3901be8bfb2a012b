// Package conf holds the value types of the configuration (durations, sizes, lists, secrets) and
// the list in which rooms note what is wrong with a value.
//
// Every room's Config is made of these types; internal/tomlfile fills them. conf knows no TOML.
package conf
