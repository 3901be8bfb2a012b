//go:build !race

package tcp4

const raced = false
