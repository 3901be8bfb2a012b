//go:build !race

package health

const raced = false
