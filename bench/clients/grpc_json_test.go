package clients

import (
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	health1 "google.golang.org/grpc/health/grpc_health_v1"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"weir/bench"
)

// scripted is a reflection stream whose answers are given; questions are kept.
type scripted struct {
	grpc.ClientStream
	answers []*reflection.ServerReflectionResponse
	asked   []*reflection.ServerReflectionRequest
}

func (s *scripted) Send(q *reflection.ServerReflectionRequest) error {
	s.asked = append(s.asked, q)
	return nil
}

func (s *scripted) Recv() (*reflection.ServerReflectionResponse, error) {
	if len(s.answers) == 0 {
		return nil, io.EOF
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next, nil
}

// told is an answer with files.
func told(files ...[]byte) *reflection.ServerReflectionResponse {
	return &reflection.ServerReflectionResponse{MessageResponse: &reflection.ServerReflectionResponse_FileDescriptorResponse{
		FileDescriptorResponse: &reflection.FileDescriptorResponse{FileDescriptorProto: files}}}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	text, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// file is a descriptor file with imports.
func file(t testing.TB, name string, imports ...string) []byte {
	return marshal(t, &descriptorpb.FileDescriptorProto{Name: proto.String(name), Dependency: imports})
}

func TestWhatAFileImportsIsAskedForOnce(t *testing.T) {
	// a imports b and c; both import d, which the server tells with b unasked.
	s := &scripted{answers: []*reflection.ServerReflectionResponse{
		told(file(t, "a", "b", "c")), told(file(t, "b", "d"), file(t, "d")), told(file(t, "c", "d")),
	}}
	files, err := filesOf(s, "a.Service")
	if err != nil || files.NumFiles() != 4 {
		t.Fatalf("%v, %v; want four files", files, err)
	}
	var asked []string
	for _, q := range s.asked {
		asked = append(asked, subject(q))
	}
	if len(asked) != 3 || asked[0] != "a.Service" || asked[1] != "b" || asked[2] != "c" {
		t.Errorf("asked for %v", asked)
	}
}

func TestAReflectionThatMakesNoSenseIsMalformed(t *testing.T) {
	for name, answers := range map[string][]*reflection.ServerReflectionResponse{
		"a file that is none":              {told([]byte("\xff\xff"))},
		"another file than asked for":      {told(file(t, "a", "b")), told(file(t, "c"))},
		"no file for a name":               {told(file(t, "a", "b")), told()},
		"files that import each other":     {told(file(t, "a", "b"), file(t, "b", "a"))},
		"a file of a name that is refused": {told(marshal(t, &descriptorpb.FileDescriptorProto{Name: proto.String("a"), Package: proto.String("..")}))},
	} {
		files, err := filesOf(&scripted{answers: answers}, "a.Service")
		if !errors.Is(err, bench.ErrMalformed) {
			t.Errorf("%s: %v, %v; want malformed", name, files, err)
		}
	}
	if _, err := filesOf(&scripted{}, "a.Service"); !errors.Is(err, io.EOF) {
		t.Errorf("a stream that ends: %v", err)
	}
}

func FuzzReflectionOfAnyServer(f *testing.F) {
	healthFile := marshal(f, protodesc.ToFileDescriptorProto(health1.File_grpc_health_v1_health_proto))
	f.Add(healthFile, []byte{})
	f.Add(file(f, "a", "b"), file(f, "b", "a"))
	f.Add([]byte("\xff"), []byte("x"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		s := &scripted{answers: []*reflection.ServerReflectionResponse{told(first), told(second), told(first, second)}}
		files, err := filesOf(s, "grpc.health.v1.Health")
		if err != nil {
			return
		}
		found, err := methodOf(files, "grpc.health.v1.Health", "Check")
		if err == nil && found.input == nil {
			t.Error("a method without an input")
		}
	})
}
