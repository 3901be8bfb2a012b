//go:build race

package limit

// raceDetector says that everything is many times slower than it is.
const raceDetector = true
