package tomlfile

import (
	"fmt"
	"reflect"

	"weir/internal/conf"
)

// Sources are where secrets come from: os.LookupEnv and [conf.ReadFile], or what a test puts in their
// place. A secret that is given as a text with ${NAME} in it asks Lookup too, whatever [Node.Expand] put there.
type Sources struct {
	Lookup func(name string) (string, bool)
	Read   func(path string) ([]byte, error)
}

// Decode fills the zero value dst points to from the tree, and its secrets from src. Everything
// that does not fit is noted in r and left out of dst; then dst is good for further checks whose
// problems [Report.Place] sifts, and for nothing else.
func Decode(root *Node, dst any, src Sources, r *Report) {
	v := reflect.ValueOf(dst).Elem()
	f := &fitter{report: r, root: root, top: fieldsOf(v.Type()), shapes: shapes{}}
	fitted := f.fit(root, v.Type())
	if err := (&assigner{f.shapes, r.rest}).assign(v, fitted); err != nil {
		// Not reachable: what the fitter passes, fits (FuzzDecode). Refuse, all the same.
		r.add(Finding{Text: fmt.Sprintf("the config can't be decoded: %v", err)})
		return
	}
	s := &secrets{root: root, report: r, src: src, shapes: f.shapes}
	s.walk(v, nil)
}

// secrets reads every secret in a decoded value.
type secrets struct {
	root   *Node
	report *Report
	src    Sources
	shapes shapes
}

func (s *secrets) walk(v reflect.Value, path conf.Path) {
	switch {
	case !s.shapes.hides(v.Type()):
	case v.Type() == secretType:
		s.resolve(v.Addr().Interface().(*conf.Secret), path)
	case v.Kind() == reflect.Pointer && !v.IsNil():
		s.walk(v.Elem(), path)
	case v.Kind() == reflect.Struct:
		for _, f := range s.shapes.of(v.Type()).fields {
			s.walk(v.FieldByIndex(f.index), append(path, f.key))
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			s.walk(v.Index(i), append(path, index(i)))
		}
	case v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.Pointer:
		for _, k := range v.MapKeys() {
			s.walk(v.MapIndex(k), append(path, k.String()))
		}
	}
}

func (s *secrets) resolve(secret *conf.Secret, path conf.Path) {
	err := s.expand(secret, path)
	if err == nil {
		err = secret.Resolve(s.src.Lookup, s.src.Read)
	}
	if err != nil {
		p := conf.NewProblems().At(append(conf.Path(nil), path...))
		p.AddError("", err)
		s.report.Place(s.root, p.List())
	}
}

// expand replaces the variables in a secret that is given as a text by those of secrets. A text that is one
// variable and nothing else has become the secret's Env already.
func (s *secrets) expand(secret *conf.Secret, path conf.Path) error {
	if secret.Env != "" || secret.File != "" {
		return nil
	}
	n := s.root
	for _, k := range path {
		if n = n.step(k); n == nil {
			return nil
		}
	}
	if n.Kind != String || n.source == "" {
		return nil
	}
	text, trouble, hint := expandText(n.source, s.src.Lookup)
	if trouble != "" {
		return &conf.BadValue{Text: trouble, Hint: hint}
	}
	*secret = conf.SecretText(text)
	return nil
}
