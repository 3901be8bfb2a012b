package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"weir/bench"
)

// GRPCMessage encodes a JSON object as the input of the method that cfg.Target names, by the server's reflection, so
// that a run can send it without asking during the run. Any other text is returned as it is. Errors are those of
// Client.Do; ErrConfig is wrapped where the body or the method is at fault, or the server has no reflection.
func GRPCMessage(ctx context.Context, cfg Config, body []byte) ([]byte, error) {
	if !isJSON(body) {
		return body, nil
	}
	t, err := checkGRPC(cfg)
	if err != nil {
		return nil, err
	}
	l, err := t.dialGRPC(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()
	return new(encoded).of(ctx, l.conn, &schemas{}, t.url.Path, body)
}

// isJSON reports whether body is a JSON object. A protobuf message is not taken for one: its first byte would have to
// begin a group of field 15, and the rest to be JSON too.
func isJSON(body []byte) bool {
	object := bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
	return object && json.Valid(body)
}

// encoded remembers the last body that a worker had encoded.
type encoded struct {
	path        string
	text, bytes []byte
}

// of returns the encoding of text as the input of path.
func (e *encoded) of(ctx context.Context, conn *grpc.ClientConn, known *schemas, path string, text []byte) ([]byte, error) {
	if path == e.path && bytes.Equal(text, e.text) {
		return e.bytes, nil
	}
	s, err := known.find(ctx, conn, path)
	if err != nil {
		return nil, err
	}
	m := dynamicpb.NewMessage(s.input)
	if err := (protojson.UnmarshalOptions{Resolver: s.types}).Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%w: body: not a %s: %v", bench.ErrConfig, s.input.FullName(), err)
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%w: body: %v", bench.ErrConfig, err)
	}
	e.path, e.text, e.bytes = path, append(e.text[:0], text...), out
	return out, nil
}

// schema is what a method takes.
type schema struct {
	input protoreflect.MessageDescriptor
	types *dynamicpb.Types
	err   error // why there is none, for good
}

// schemas are the methods of one server that have been asked for. It is safe for concurrent use.
type schemas struct {
	mu    sync.Mutex
	known map[string]schema
}

// find returns the schema of path, and asks the server for it the first time. Others wait meanwhile.
func (s *schemas) find(ctx context.Context, conn *grpc.ClientConn, path string) (schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.known[path]; ok {
		return found, found.err
	}
	found, err := describe(ctx, conn, path)
	if err != nil && !errors.Is(err, bench.ErrConfig) {
		return found, err // the connection's: ask again next time
	}
	if s.known == nil {
		s.known = map[string]schema{}
	}
	found.err = err
	s.known[path] = found
	return found, err
}

// describe asks the server for the method's descriptors.
func describe(ctx context.Context, conn *grpc.ClientConn, path string) (schema, error) {
	service, method, ok := splitMethod(path)
	if !ok {
		return schema{}, fmt.Errorf("%w: path %q: gRPC's is /package.Service/Method", bench.ErrConfig, path)
	}
	files, err := fetchFiles(ctx, conn, service)
	if err != nil {
		return schema{}, err
	}
	return methodOf(files, service, method)
}

// methodOf returns what a service's method takes.
func methodOf(files *protoregistry.Files, service, method string) (schema, error) {
	found, err := files.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return schema{}, fmt.Errorf("%w: %v", bench.ErrConfig, err)
	}
	described, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return schema{}, fmt.Errorf("%w: %s is not a service", bench.ErrConfig, service)
	}
	m := described.Methods().ByName(protoreflect.Name(method))
	switch {
	case m == nil:
		return schema{}, fmt.Errorf("%w: service %s has no method %s", bench.ErrConfig, service, method)
	case m.IsStreamingClient(), m.IsStreamingServer():
		return schema{}, fmt.Errorf("%w: method %s is not unary", bench.ErrConfig, m.FullName())
	}
	return schema{input: m.Input(), types: dynamicpb.NewTypes(files)}, nil
}

// fetchFiles asks the server for the file of a service and for all that it imports.
func fetchFiles(ctx context.Context, conn *grpc.ClientConn, service string) (*protoregistry.Files, error) {
	ctx, cancel := context.WithTimeout(ctx, reflectionTimeout)
	defer cancel() // ends the stream
	stream, err := reflection.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return nil, sortReflection(ctx, err)
	}
	files, err := filesOf(stream, service)
	if err != nil {
		return nil, sortReflection(ctx, err)
	}
	return files, nil
}

// filesOf asks on a stream of reflection for the file of a service, and for what it imports and that imports.
func filesOf(stream reflection.ServerReflection_ServerReflectionInfoClient, service string) (*protoregistry.Files, error) {
	set := &fileSet{stream: stream, got: map[string]bool{}}
	first := &reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service}}
	if err := set.fetch(first); err != nil {
		return nil, err
	}
	for i := 0; i < len(set.files.File); i++ {
		for _, name := range set.files.File[i].Dependency {
			if set.got[name] {
				continue
			}
			next := &reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_FileByFilename{FileByFilename: name}}
			if err := set.fetch(next); err != nil {
				return nil, err
			}
		}
	}
	files, err := protodesc.NewFiles(&set.files)
	if err != nil {
		return nil, fmt.Errorf("%w: the server's descriptors: %w", bench.ErrMalformed, err)
	}
	return files, nil
}

// reflectionTimeout bounds the questions about one method.
const reflectionTimeout = 10 * time.Second

// maxFiles bounds what a server may say a service imports.
const maxFiles = 1000

// fileSet is the files that a server has told.
type fileSet struct {
	stream reflection.ServerReflection_ServerReflectionInfoClient
	files  descriptorpb.FileDescriptorSet
	got    map[string]bool
}

// fetch asks one question and adds the files of the answer.
func (f *fileSet) fetch(question *reflection.ServerReflectionRequest) error {
	if err := f.stream.Send(question); err != nil {
		if _, said := f.stream.Recv(); said != nil {
			err = said // Send knows only io.EOF
		}
		return err
	}
	answer, err := f.stream.Recv()
	if err != nil {
		return err
	}
	if e := answer.GetErrorResponse(); e != nil {
		return fmt.Errorf("%w: the server's reflection of %s: %s", bench.ErrConfig, subject(question), e.GetErrorMessage())
	}
	for _, text := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(text, file); err != nil {
			return fmt.Errorf("%w: a descriptor: %w", bench.ErrMalformed, err)
		}
		if !f.got[file.GetName()] {
			f.got[file.GetName()] = true
			f.files.File = append(f.files.File, file)
		}
	}
	if name := question.GetFileByFilename(); name != "" && !f.got[name] || len(f.files.File) > maxFiles {
		return fmt.Errorf("%w: the server's reflection did not tell %q, or told too much", bench.ErrMalformed, name)
	}
	return nil
}

// subject is what a question is about.
func subject(question *reflection.ServerReflectionRequest) string {
	if name := question.GetFileByFilename(); name != "" {
		return name
	}
	return question.GetFileContainingSymbol()
}

// sortReflection says what to do where a server has no reflection.
func sortReflection(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("asking the server's reflection: %w", ctx.Err())
	}
	if status.Code(err) == codes.Unimplemented {
		return fmt.Errorf("%w: the body is JSON, but the server has no reflection (grpc.reflection.v1): give the message in protobuf's bytes", bench.ErrConfig)
	}
	return err
}
