package cmd

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"weir/internal/gateway"
)

// quiet is a program whose words nobody reads.
func quiet() *program {
	return &program{handlers: gateway.Handlers{}, out: io.Discard, err: io.Discard}
}

// freeAddress returns an address of this machine that was free just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestTheDemosGatewayServesUntilItIsStopped(t *testing.T) {
	at := freeAddress(t)
	path := file(t, "admin.address = \"off\"\n"+strings.ReplaceAll(answers("shown"), "127.0.0.1:0", at))
	stop, err := quiet().startForDemo(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, "http://"+at+"/"); got != "shown" {
		t.Errorf("got %q", got)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", at); err == nil {
		_ = c.Close()
		t.Error("it still accepts")
	}
}

func TestADemoThatIsOutOfPatienceCutsItsGateway(t *testing.T) {
	at := freeAddress(t)
	path := file(t, "admin.address = \"off\"\nshutdown.delay = \"1h\"\n"+strings.ReplaceAll(answers("x"), "127.0.0.1:0", at))
	stop, err := quiet().startForDemo(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := stop(over); err == nil {
		t.Error("a stop that cut says nothing of it")
	}
}

func TestTheDemosGatewayFailsOnAWrongConfig(t *testing.T) {
	if _, err := quiet().startForDemo(t.Context(), file(t, wrong), nil); err == nil || !strings.Contains(err.Error(), "adress") {
		t.Errorf("got %v", err)
	}
}
