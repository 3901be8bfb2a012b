//go:build !race

package waf_test

// every is which of many requests a test takes.
const every = 1
