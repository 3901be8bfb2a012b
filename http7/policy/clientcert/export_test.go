package clientcert

// What tests of the other package share with those of this one.
var (
	Certified = certified
	Who       = who
)
