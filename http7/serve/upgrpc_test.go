package serve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"weir/http7/forward"
	"weir/lb"
)

// plainCodec passes messages as they are.
type plainCodec struct{}

func (plainCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (plainCodec) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), b...)
	return nil
}
func (plainCodec) Name() string { return "plain" }

// grpcServer is an endpoint with grpc-go, whose every method is that handler.
func grpcServer(t testing.TB, handler grpc.StreamHandler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(plainCodec{}), grpc.UnknownServiceHandler(handler))
	go func() { _ = server.Serve(l) }() // ends with Stop
	t.Cleanup(server.Stop)
	return l.Addr().String()
}

func echoStream(_ any, s grpc.ServerStream) error {
	for {
		var b []byte
		switch err := s.RecvMsg(&b); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := s.SendMsg(&b); err != nil {
			return err
		}
	}
}

// grpcThrough returns a client that calls through a rig before those endpoints.
func grpcThrough(t testing.TB, change func(*rig), endpoints ...string) (*rig, *grpc.ClientConn) {
	t.Helper()
	r := newRigWith(t, func(r *rig) {
		r.site.Protocols = H1 | H2
		r.forward.Protocol = forward.ProtocolH2C
		if change != nil {
			change(r)
		}
	}, endpoints...)
	client, err := grpc.NewClient(r.addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(plainCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return r, client
}

var bothWays = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// say sends a message and returns what comes back.
func say(t testing.TB, s grpc.ClientStream, b []byte) []byte {
	t.Helper()
	if err := s.SendMsg(&b); err != nil {
		t.Fatal(err)
	}
	var got []byte
	if err := s.RecvMsg(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestGRPCStreamsGoBothWaysAtOnce(t *testing.T) {
	t.Parallel()
	_, client := grpcThrough(t, nil, grpcServer(t, echoStream))
	s, err := client.NewStream(t.Context(), bothWays, "/a.B/C")
	if err != nil {
		t.Fatal(err)
	}
	large := 3 << 20
	if testing.Short() {
		large = 1 << 20
	}
	for _, size := range []int{0, 1, 1000, 100_000, large, 1} {
		if got := say(t, s, make([]byte, size)); len(got) != size {
			t.Fatalf("%d bytes came back as %d", size, len(got))
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var b []byte
	if err := s.RecvMsg(&b); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

func TestGRPCCallsEndAsTheEndpointEndsThem(t *testing.T) {
	t.Parallel()
	_, client := grpcThrough(t, nil, grpcServer(t, func(_ any, s grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(s.Context())
		switch {
		case len(md["fail-at-once"]) > 0:
			return status.Error(codes.PermissionDenied, "not you")
		case len(md["fail-late"]) > 0:
			var b []byte
			_ = s.RecvMsg(&b)
			_ = s.SendMsg(&b)
			s.SetTrailer(metadata.Pairs("x-end", "1", "x-end", "2"))
			return status.Error(codes.DataLoss, "half of it")
		}
		return echoStream(nil, s)
	}))
	for _, test := range []struct {
		what string
		key  string
		code codes.Code
		text string
		ends int
	}{
		{"well", "fine", codes.OK, "", 0},
		{"with a status and nothing else", "fail-at-once", codes.PermissionDenied, "not you", 0},
		{"with a status behind a message", "fail-late", codes.DataLoss, "half of it", 2},
	} {
		t.Run(test.what, func(t *testing.T) {
			ctx := metadata.AppendToOutgoingContext(t.Context(), test.key, "1")
			var trailer metadata.MD
			in, out := []byte("hello"), []byte(nil)
			err := client.Invoke(ctx, "/a.B/C", &in, &out, grpc.Trailer(&trailer))
			if s := status.Convert(err); s.Code() != test.code || s.Message() != test.text || len(trailer["x-end"]) != test.ends {
				t.Errorf("%v, %v", err, trailer)
			}
		})
	}
}

func TestACancelledGRPCCallIsCancelledAtTheEndpoint(t *testing.T) {
	t.Parallel()
	begun, over := make(chan struct{}), make(chan error, 1)
	_, client := grpcThrough(t, nil, grpcServer(t, func(_ any, s grpc.ServerStream) error {
		close(begun)
		<-s.Context().Done()
		over <- s.Context().Err()
		return s.Context().Err()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	s, err := client.NewStream(ctx, bothWays, "/a.B/C")
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	cancel()
	if err := comes(t, "the end at the endpoint", over); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_ = s
}

// A client that says nothing for longer than a slow body is given was taken for one: an open stream was cut although
// its answer was under way.
func TestAGRPCStreamMayPauseLongerThanABody(t *testing.T) {
	t.Parallel()
	_, client := grpcThrough(t, nil, grpcServer(t, echoStream))
	s, err := client.NewStream(t.Context(), bothWays, "/a.B/C")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := say(t, s, []byte("hello")); string(got) != "hello" {
			t.Fatalf("got %q", got)
		}
		<-time.After(rateGrace + 200*time.Millisecond)
	}
	if got := say(t, s, []byte("still here")); string(got) != "still here" {
		t.Errorf("got %q", got)
	}
}

// giving is an endpoint that answers each call frame by frame.
func giving(t testing.TB, answer func(fr *http2.Framer, head *http2.MetaHeadersFrame)) string {
	return origin(t, func(c net.Conn) {
		fr := http2.NewFramer(c, c)
		fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil || fr.WriteSettings() != nil {
			return
		}
		for {
			f, err := fr.ReadFrame()
			if err != nil {
				return
			}
			if head, ok := f.(*http2.MetaHeadersFrame); ok {
				answer(fr, head)
			}
		}
	})
}

// grpc-go cancels the stream when the deadline that it was told has passed, often before Weir's clock has ticked.
func TestACallThatItsEndpointCancelsInTimeEndsByTheClientsDeadline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		begins bool // to answer
		late   bool // cancels when the time is up, not before
		status string
		fault  string
		failed bool
	}{
		{"before the head", false, true, "4", "route_timeout", false},
		{"in the body", true, true, "4", "route_timeout", false},
		{"of its own", false, false, "1", "upstream_cancelled", true},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			stop := func() {}
			r := newRigWith(t, func(r *rig) {
				stop = logging(r, &out)
				once(r)
				toH2(r)
				r.site.Protocols = H1 | H2
			}, giving(t, func(fr *http2.Framer, head *http2.MetaHeadersFrame) {
				if c.begins {
					_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: head.StreamID, BlockFragment: []byte{0x88}, EndHeaders: true})
				}
				for _, f := range head.Fields {
					if left, ok := parseGRPCTimeout([]byte(f.Value)); ok && c.late && f.Name == "grpc-timeout" {
						<-time.After(left - time.Millisecond) // as its clock has it
					}
				}
				_ = fr.WriteRSTStream(head.StreamID, http2.ErrCodeCancel) // shows by what the client gets
			}))
			f := r.newFrames()
			timeout := "1M" // is far away
			if c.late {
				timeout = "300m"
			}
			f.ask(1, true, ":method", "POST", "content-type", "application/grpc", "te", "trailers", "grpc-timeout", timeout)
			status := ""
			for over := false; !over; {
				fr, err := f.fr.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				if head, ok := fr.(*http2.MetaHeadersFrame); ok {
					for _, h := range head.Fields {
						if h.Name == "grpc-status" {
							status = h.Value
						}
					}
				}
				over = fr.Header().StreamID == 1 && (fr.Header().Type == http2.FrameRSTStream || fr.Header().Flags.Has(http2.FlagHeadersEndStream))
			}
			if status != c.status {
				t.Errorf("grpc-status %q, want %q", status, c.status)
			}
			_ = f.nc.Close()
			r.idle(t)
			r.settled()
			stop()
			if !strings.Contains(out.String(), `"fault":"`+c.fault+`"`) {
				t.Errorf("logged %s", out.String())
			}
			failed := int64(0)
			for slot := range lb.TallySlots {
				failed += int64(r.plan.Upstream.View().Members()[0].Endpoint.Tally(slot).Failed)
			}
			if (failed > 0) != c.failed {
				t.Errorf("the endpoint is blamed %d times", failed)
			}
		})
	}
}
