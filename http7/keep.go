package http7

// kept is what a policy keeps with an exchange.
type kept struct{ by, what any }

// Keep keeps what until x is released, for by alone: a policy whose Response needs what its Request
// has seen, such as a field that stage rewrite may edit meanwhile. Both are pointers, so that nothing
// is allocated. A second call with the same by replaces the first.
func (x *Exchange) Keep(by, what any) {
	for i := range x.keeps {
		if x.keeps[i].by == by {
			x.keeps[i].what = what
			return
		}
	}
	x.keeps = append(x.keeps, kept{by, what})
}

// Kept returns what by keeps with x, nil if it is nothing.
func (x *Exchange) Kept(by any) any {
	for i := range x.keeps {
		if x.keeps[i].by == by {
			return x.keeps[i].what
		}
	}
	return nil
}

func (x *Exchange) forgetKept() {
	clear(x.keeps)
	x.keeps = x.keeps[:0]
}
