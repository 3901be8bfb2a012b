package tcp4

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAddressesNameTheirFamily(t *testing.T) {
	for address, want := range map[string][2]string{
		":8080":                 {"tcp", ":8080"},
		"0.0.0.0:80":            {"tcp4", "0.0.0.0:80"},
		"127.0.0.1:0":           {"tcp4", "127.0.0.1:0"},
		"[::]:80":               {"tcp6", "[::]:80"},
		"[::1]:80":              {"tcp6", "[::1]:80"},
		"[fe80::1%eth0]:80":     {"tcp6", "[fe80::1%eth0]:80"},
		"localhost:80":          {"tcp", "localhost:80"},
		"unix:/run/weir.sock":   {"unix", "/run/weir.sock"},
		"unix:@weir":            {"unix", "@weir"},
		"unix:/run/odd:name:80": {"unix", "/run/odd:name:80"},
	} {
		if n, a := network(address); n != want[0] || a != want[1] {
			t.Errorf("%s: %s %s, want %v", address, n, a, want)
		}
	}
}

func TestAnAddressInUseNamesListenerAndAddress(t *testing.T) {
	taken := listenOn(t, hold, "127.0.0.1:0").Addrs()[0].String()
	files := openFiles(t)
	_, err := Listen(Config{Name: "web", Addresses: []string{"127.0.0.1:0", taken}})
	if want := "listener web: address " + taken + ": address already in use"; err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	var bind *BindError
	if !errors.Is(err, syscall.EADDRINUSE) || !errors.As(err, &bind) || bind.Listener != "web" {
		t.Errorf("%#v does not tell its cause", err)
	}
	if now := openFiles(t); now != files {
		t.Errorf("%d files are open after the failure, %d before", now, files)
	}
}

func TestWhatCannotBeBound(t *testing.T) {
	for _, c := range []struct {
		addresses []string
		want      string
	}{
		{nil, "listener web: no address"},
		{[]string{"192.0.2.1:80"}, "listener web: address 192.0.2.1:80: cannot assign requested address"},
		{[]string{"127.0.0.1:http:x"}, "too many colons"},
		{[]string{"unix:/nowhere/weir.sock"}, "listener web: address unix:/nowhere/weir.sock: no such file or directory"},
	} {
		_, err := Listen(Config{Name: "web", Addresses: c.addresses})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.addresses, err, c.want)
		}
	}
}

func TestZeroIsIPv4Alone(t *testing.T) {
	l := listenOn(t, greet("x"), "0.0.0.0:0")
	_, port, _ := net.SplitHostPort(l.Addrs()[0].String())
	if got := read(t, dialTCP(t, "127.0.0.1:"+port)); got != "x" {
		t.Errorf("over IPv4: %q", got)
	}
	if c, err := net.Dial("tcp6", "[::1]:"+port); err == nil {
		_ = c.Close()
		t.Error("0.0.0.0 answers IPv6")
	}
}

func TestASocketFileHasTheModeAndGoesWithItsListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	for mode, want := range map[fs.FileMode]fs.FileMode{0: 0o660, 0o600: 0o600, 0o666: 0o666} {
		l, err := Listen(Config{Name: "web", Addresses: []string{"unix:" + path}, UnixMode: mode})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("mode %o gives %v, %v, want %o", mode, info.Mode(), err, want)
		}
		l.Close()
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after Close: %v, want no file", err)
		}
	}
}

func TestAStaleSocketFileIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	l := listenOn(t, greet("alive"), "unix:"+path)
	c, err := net.Dial("unix", l.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if got := read(t, c); got != "alive" {
		t.Errorf("said %q", got)
	}
}

func TestWhatIsInTheWayStays(t *testing.T) {
	dir := t.TempDir()
	file, live := filepath.Join(dir, "file"), filepath.Join(dir, "live")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	listenOn(t, greet("x"), "unix:"+live)
	for path, want := range map[string]string{
		file: "a file that is not a socket is in the way",
		live: "address already in use",
	} {
		_, err := Listen(Config{Name: "web", Addresses: []string{"unix:" + path}})
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
}

func TestASocketFileOfSomebodyElseStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	l := listenOn(t, hold, "unix:"+path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.StopAccepting()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file that took its place is gone: %v", err)
	}
}

func TestAnAbstractSocketHasNoFile(t *testing.T) {
	name := "@weir-test-" + filepath.Base(t.TempDir())
	l := listenOn(t, greet("x"), "unix:"+name)
	c, err := net.Dial("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if got := read(t, c); got != "x" || l.Addrs()[0].Network() != "unix" {
		t.Errorf("said %q", got)
	}
}
