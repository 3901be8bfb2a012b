package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/admin"
)

// Who may ask for a plan must not learn by it what he could not read: a config that is sent could include any file, and
// put any variable where the plan or a problem tells it.
func TestAPostedConfigGetsOnlyTheFilesAndVariablesOfTheServingOne(t *testing.T) {
	t.Setenv("WEIR_TEST_USED", "used")
	t.Setenv("WEIR_TEST_OTHER", "confidential")
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign")
	if err := os.WriteFile(foreign, []byte("root:confidential:1:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, web0+"[[routes]]\nrespond.body = \"${WEIR_TEST_USED}\"\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(r.path), "more.toml"), []byte("zone = \"a\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.write("include = \"more.toml\"\n" + web0 + "[[routes]]\nrespond.body = \"${WEIR_TEST_USED}\"\n")
	if v := r.g.Reload(); !v.OK {
		t.Fatalf("%+v", v)
	}
	for _, c := range []struct {
		about, config string
		ok            bool
		word          string // of the error or the problem
	}{
		{"what the serving one uses", "include = \"more.toml\"\n" + plain + "[[routes]]\nrespond.body = \"${WEIR_TEST_USED}!\"\n", true, ""},
		{"another file", "include = \"" + foreign + "\"\n" + plain, false, foreign + " is not among that"},
		{"another variable", plain + "[[routes]]\nrespond.body = \"${WEIR_TEST_OTHER}\"\n", false, "WEIR_TEST_OTHER"},
		{"another secret", plain + "[admin]\ntoken = { env = \"WEIR_TEST_OTHER\" }\n[[routes]]\nrespond.body = \"x\"\n", false, "WEIR_TEST_OTHER"},
	} {
		a, err := r.g.Plan(t.Context(), admin.PlanQuestion{Name: "new.toml", Config: c.config})
		said := ""
		if err != nil {
			said = err.Error()
		}
		for _, p := range a.Problems {
			said += p.String() + "\n"
		}
		if a.OK != c.ok || !strings.Contains(said, c.word) || strings.Contains(said, "confidential") {
			t.Errorf("%s: %+v, %q; want %v with %q", c.about, a, said, c.ok, c.word)
		}
	}
}
