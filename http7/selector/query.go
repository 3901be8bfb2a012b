package selector

import "weir/http7"

// query writes the values of all parameters called name, decoded as a form is (WHATWG URL §5.1):
// "+" is a blank, "%41" a letter, a "%" that begins no escape is itself. A parameter without "=" is
// there with an empty value. Which of several an endpoint takes is its own choice.
func (w *writer) query(query []byte, name string) {
	for c := http7.Parameters(query, name); c.Next(); {
		for value := c.Raw(); len(value) > 0; {
			b, n := http7.DecodeForm(value)
			w.byte(b)
			value = value[n:]
		}
		w.endValue()
	}
}
