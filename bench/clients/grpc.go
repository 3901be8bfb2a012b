package clients

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"weir/bench"
)

// GRPC speaks unary gRPC by grpc-go: grpc:// in clear text, grpcs:// over TLS. The target's path is the method, as in
// grpc://host:port/package.Service/Method; a request's own path replaces it. The body is the message, in protobuf's
// bytes; empty is the message without fields. A body that is a JSON object is encoded by the descriptors that the
// server's reflection (grpc.reflection.v1) gives: they are asked for once, by the first such request, whose latency
// has that in it; see GRPCMessage. Header fields are metadata.
//
// Answer.Status is the HTTP status to which google.rpc.Code maps the code that the server sent: 200 for OK. Answer.Body
// is the message in protobuf's bytes. Bytes are the messages'.
func GRPC(cfg Config) (Protocol, error) {
	t, err := checkGRPC(cfg)
	if err != nil {
		return Protocol{}, err
	}
	all := lanes(t, t.dialGRPC)
	known := &schemas{}
	name := "gRPC"
	if t.secure {
		name = "gRPC over TLS"
	}
	return Protocol{Name: name, Client: func(worker int) (bench.Client, error) {
		l := all[worker%len(all)]
		l.join()
		return &grpcClient{lane: l, schemas: known}, nil
	}}, nil
}

func checkGRPC(cfg Config) (*target, error) {
	t, err := check(cfg, "gRPC", "grpc", "grpcs")
	if err != nil {
		return nil, err
	}
	if _, _, ok := splitMethod(t.url.Path); !ok && t.url.Path != "" && t.url.Path != "/" {
		return nil, fmt.Errorf("%w: target %q: the path of gRPC is /package.Service/Method", bench.ErrConfig, cfg.Target)
	}
	return t, nil
}

// splitMethod takes "/package.Service/Method" apart.
func splitMethod(path string) (service, method string, ok bool) {
	rest, slash := strings.CutPrefix(path, "/")
	service, method, ok = strings.Cut(rest, "/")
	return service, method, slash && ok && service != "" && method != "" && !strings.ContainsAny(method, "/?#")
}

// grpcStatus is the HTTP status that stands for a gRPC code in reports and in bench.Expect: the mapping of
// google.rpc.Code. Several codes share a status.
//
//	200 OK                400 INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE
//	401 UNAUTHENTICATED   403 PERMISSION_DENIED    404 NOT_FOUND   409 ALREADY_EXISTS, ABORTED
//	429 RESOURCE_EXHAUSTED                         499 CANCELLED
//	500 UNKNOWN, INTERNAL, DATA_LOSS, and codes that have no name
//	501 UNIMPLEMENTED     503 UNAVAILABLE          504 DEADLINE_EXCEEDED
func grpcStatus(code uint32) int {
	switch codes.Code(code) {
	case codes.OK:
		return 200
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return 400
	case codes.Unauthenticated:
		return 401
	case codes.PermissionDenied:
		return 403
	case codes.NotFound:
		return 404
	case codes.AlreadyExists, codes.Aborted:
		return 409
	case codes.ResourceExhausted:
		return 429
	case codes.Canceled:
		return 499
	case codes.Unimplemented:
		return 501
	case codes.Unavailable:
		return 503
	case codes.DeadlineExceeded:
		return 504
	}
	return 500
}

// grpcClient is the Client of one worker.
type grpcClient struct {
	lane    *lane[*grpcLink]
	schemas *schemas
	message message
	encoded encoded
}

// Close leaves the connection, which ends with its last worker.
func (g *grpcClient) Close() error {
	g.lane.leave()
	return nil
}

// Do makes one round trip.
func (g *grpcClient) Do(ctx context.Context, deadline time.Time, r *bench.Request) (a bench.Answer, err error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	path := string(r.Path)
	if _, _, ok := splitMethod(path); !ok {
		return a, fmt.Errorf("%w: path %q: gRPC's is /package.Service/Method", bench.ErrConfig, path)
	}
	err = g.lane.do(ctx, &a, func(l *grpcLink) error {
		body := r.Body
		if isJSON(body) {
			if body, err = g.encoded.of(ctx, l.conn, g.schemas, path, body); err != nil {
				return err
			}
		}
		g.message = message{out: body, keep: r.Expect.WantsBody(), in: g.message.in[:0]}
		return g.call(ctx, l, path, r, &a)
	})
	return a, err
}

// call makes one call of path with g.message and reads what came into a.
func (g *grpcClient) call(ctx context.Context, l *grpcLink, path string, r *bench.Request, a *bench.Answer) error {
	seen := &call{}
	options := []grpc.CallOption{grpc.ForceCodecV2(rawCodec{})}
	if r.Host != "" {
		options = append(options, grpc.CallAuthority(r.Host))
	}
	err := l.conn.Invoke(outgoing(seen.tag(ctx), r.Header), path, &g.message, &g.message, options...)
	a.Out, a.In = int64(len(g.message.out)), g.message.got
	if g.message.keep {
		a.Body = g.message.in
	}
	code := status.Code(err)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%v: %w", code, ctx.Err())
	case code == codes.DeadlineExceeded && (!seen.ended.Load() || overdue(ctx)):
		// The server knows our deadline and may be first to act on it, a moment before ctx.
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	case err == nil && seen.again.Load():
		return errRefusedStream
	case err == nil, seen.ended.Load():
		a.Status = grpcStatus(uint32(code))
		if err != nil {
			a.Note = fmt.Sprintf("%v: %s", code, status.Convert(err).Message())
		}
		return nil
	}
	return sortGRPC(err, seen)
}

// overdue reports whether ctx's deadline has passed.
func overdue(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// errRefusedStream is a call that came through only at a second attempt, which grpc-go makes on its own.
var errRefusedStream = errors.New("the server refused the stream; a second one went through")

// Texts of grpc-go for an answer that came without a grpc-status; they have no type.
const (
	textReset   = "stream terminated by RST_STREAM"
	textNotGRPC = "unexpected HTTP status code received from server"
)

// sortGRPC makes err of a call to which no whole answer came one that bench.KindOf sorts.
func sortGRPC(err error, seen *call) error {
	said := status.Convert(err)
	text := said.Message()
	switch {
	case seen.again.Load(), strings.Contains(text, errOver.Error()):
		return &unprocessed{err}
	case seen.begun.Load():
		return fmt.Errorf("%w: %w", bench.ErrShort, err)
	case strings.HasPrefix(text, textNotGRPC), said.Code() != codes.Unavailable && !strings.HasPrefix(text, textReset):
		return fmt.Errorf("%w: not gRPC: %w", bench.ErrMalformed, err)
	}
	return err
}

// outgoing puts the header fields into ctx as metadata, without those that gRPC sets itself.
func outgoing(ctx context.Context, header []bench.Field) context.Context {
	if len(header) == 0 {
		return ctx
	}
	md := make(metadata.MD, len(header))
	for _, f := range header {
		name := strings.ToLower(f.Name)
		if !ofConnection(name) && name != "content-type" && !strings.HasPrefix(name, "grpc-") {
			md[name] = append(md[name], f.Value)
		}
	}
	return metadata.NewOutgoingContext(ctx, md)
}

// message is what one call sends and keeps.
type message struct {
	out  []byte
	keep bool
	in   []byte // the start of the answer, where it is kept
	got  int64
}

// rawCodec passes a message's bytes through.
type rawCodec struct{}

// Name is the content subtype.
func (rawCodec) Name() string { return "proto" }

// Marshal copies the bytes: grpc-go may hold them when the call is over.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*message)
	if !ok {
		return nil, fmt.Errorf("message of type %T", v)
	}
	return mem.BufferSlice{mem.Copy(m.out, mem.DefaultBufferPool())}, nil
}

// Unmarshal counts the bytes, and keeps them where they are wanted.
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("message of type %T", v)
	}
	m.got = int64(data.Len())
	if m.keep {
		for _, b := range data {
			m.in = append(m.in, b.ReadOnlyData()[:min(b.Len(), bench.MaxExpectedBody-len(m.in))]...)
		}
	}
	return nil
}

var _ encoding.CodecV2 = rawCodec{}

// call is what is seen of one call. grpc-go may still write it when the call is over.
type call struct {
	begun atomic.Bool // the head of an answer came
	ended atomic.Bool // the trailer, with grpc-status
	again atomic.Bool // the server did not process the first attempt, and grpc-go made a second
}

type callKey struct{}

func (c *call) tag(ctx context.Context) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// watcher tells calls what grpc-go sees of them.
type watcher struct{}

// HandleRPC notes the event in the call.
func (watcher) HandleRPC(ctx context.Context, event stats.RPCStats) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return
	}
	switch e := event.(type) {
	case *stats.Begin:
		if e.IsTransparentRetryAttempt {
			c.again.Store(true)
		}
	case *stats.InHeader:
		c.begun.Store(true)
	case *stats.InTrailer:
		c.ended.Store(true)
	}
}

// TagRPC leaves ctx as it is; the call is in it.
func (watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn leaves ctx as it is.
func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (watcher) HandleConn(context.Context, stats.ConnStats) {}

// anySize lifts grpc-go's limit of 4 MiB.
const anySize = math.MaxInt32
