package pebble

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
)

// startNames starts the name server at an address. All names are at ip.
func (a *Authority) startNames(program, address, ip string) {
	a.t.Helper()
	cmd := exec.Command(program, "-dnsserver", address, "-management", a.names, "-defaultIPv4", ip, "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed, as it says
	})
	a.await(a.names)
	a.await(address)
}

// Hook returns a program that writes DNS records for the authority to see, to be called as an acme
// table's dns.exec is. The program is this test's own, whose TestMain calls [Main] first.
func (a *Authority) Hook() []string { return []string{os.Args[0], hookWord, a.names} }

// hookWord is the argument by which Main knows what it is to do.
const hookWord = "pebble-dns-hook"

// Main does what [Authority.Hook] promises and ends, if the process was started for that.
func Main() {
	if len(os.Args) < 6 || os.Args[1] != hookWord {
		return
	}
	management, word, name, value := os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	path := map[string]string{"present": "set-txt", "cleanup": "clear-txt"}[word]
	text, _ := json.Marshal(map[string]string{"host": name, "value": value}) // strings marshal
	resp, err := http.Post("http://"+management+"/"+path, "application/json", bytes.NewReader(text))
	if err != nil || resp.StatusCode != http.StatusOK {
		fmt.Fprintln(os.Stderr, "the name server refuses:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
