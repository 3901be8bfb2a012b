//go:build race

package health

// raced: instrumented code computes several times as slowly. Crowds are a fifth as large then, and simulations fewer; they
// are as large as is promised without.
const raced = true
