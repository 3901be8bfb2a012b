//go:build race

package waf_test

// every is which of many requests a test takes: under the race detector each is ten times as slow.
const every = 10
