//go:build linux

package tcp4

import (
	"io"
	"net"
	"testing"
	"time"
)

// conversation is a session in which more than talkAfter messages have gone each way.
func conversation(t *testing.T, s *stage, conns <-chan *net.TCPConn) (client, endpoint *net.TCPConn) {
	t.Helper()
	client = s.dial()
	endpoint = await(t, conns)
	for range 2 * talkAfter {
		send(t, client, "question")
		expect(t, endpoint, "question")
		send(t, endpoint, "answer")
		expect(t, client, "answer")
	}
	return client, endpoint
}

// The poller tells of an end that comes with the last message only together with that message, and
// in a conversation nobody reads again behind a message.
func TestTheEndThatComesWithTheLastMessageOfAConversationIsSeen(t *testing.T) {
	t.Parallel()
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	for range 3 {
		client, endpoint := conversation(t, s, conns)
		send(t, client, "bye")
		_ = client.CloseWrite()
		expect(t, endpoint, "bye")
		expectEnd(t, endpoint)
		send(t, endpoint, "see you")
		_ = endpoint.CloseWrite()
		expect(t, client, "see you")
		expectEnd(t, client)
		if rec := s.record(); rec.End != Done {
			t.Fatalf("%+v", rec)
		}
	}
}

func TestAResetThatComesWithTheLastMessageOfAConversationIsPassedOn(t *testing.T) {
	t.Parallel()
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	for range 3 {
		client, endpoint := conversation(t, s, conns)
		send(t, client, "bye")
		reset(client)
		if _, err := io.ReadAll(endpoint); err == nil {
			t.Fatal("the endpoint has seen an end, want a reset")
		}
		if rec := s.record(); rec.End != ClientReset {
			t.Fatalf("%+v", rec)
		}
	}
}

func TestASilenceInAConversationIsNoEnd(t *testing.T) {
	t.Parallel()
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	client, endpoint := conversation(t, s, conns)
	for range 2 {
		<-time.After(doubtFor + doubtFor/4) // both directions are looked at
		send(t, client, "still here?")
		expect(t, endpoint, "still here?")
		send(t, endpoint, "yes")
		expect(t, client, "yes")
	}
}

func TestAnEndInAStreamTheOtherWayIsSeen(t *testing.T) {
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	client, endpoint := conversation(t, s, conns)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // the answers go on while the client ends; joined below
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = endpoint.Write([]byte("more"))
			}
		}
	}()
	go func() { _, _ = io.Copy(io.Discard, client) }() // ends with the session
	send(t, client, "bye")
	_ = client.CloseWrite()
	expect(t, endpoint, "bye")
	expectEnd(t, endpoint)
	close(stop)
	<-stopped
	_ = endpoint.CloseWrite()
	if rec := s.record(); rec.End != Done {
		t.Errorf("%+v", rec)
	}
}

func TestADirectionThatMissedAnEndIsWoken(t *testing.T) {
	for range 4 {
		d, sender, receiver := between(t)
		var both doubts
		other, _, _ := between(t)
		both.of = [2]*direction{d, other}
		d.doubt.session = &both
		d.talked = talkAfter // it takes the next message for all there is
		send(t, sender, "bye")
		_ = sender.CloseWrite()
		if v := d.pass(); v != sourceEnded {
			t.Fatalf("verdict %d, want %d", v, sourceEnded)
		}
		expect(t, receiver, "bye")
		both.stop()
	}
}

// Once the sink's descriptor was not known before the first message, and every message went the long way.
func TestMessagesBetweenSocketsGoTheShortWay(t *testing.T) {
	d, sender, receiver := between(t)
	done := make(chan verdict, 1)
	go func() { done <- d.pass() }()
	for range 2 * talkAfter {
		send(t, sender, "message")
		expect(t, receiver, "message")
	}
	if !d.doubt.unsure.Load() {
		t.Error("the direction has not talked, though every message was small and taken whole")
	}
	reset(sender)
	if v := await(t, done); v != sourceFailed {
		t.Errorf("verdict %d, want %d", v, sourceFailed)
	}
}

func TestAShortExchangeEndsAtOnce(t *testing.T) {
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	for range 20 {
		client := s.dial()
		send(t, client, "all I have")
		_ = client.CloseWrite()
		endpoint := await(t, conns)
		expect(t, endpoint, "all I have")
		expectEnd(t, endpoint)
		_ = endpoint.Close()
		expectEnd(t, client)
		if rec := s.record(); rec.End != Done || rec.BytesIn != 10 {
			t.Fatalf("%+v", rec)
		}
	}
}

func TestAMessageCostsNoMemory(t *testing.T) {
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	client, endpoint := conversation(t, s, conns)
	question, answer := make([]byte, 64), make([]byte, 64)
	if n := testing.AllocsPerRun(200, func() {
		_, _ = client.Write(question)
		_, _ = io.ReadFull(endpoint, question)
		_, _ = endpoint.Write(answer)
		_, _ = io.ReadFull(client, answer)
	}); !raced && n > 0.5 { // the looks come now and then
		t.Errorf("%v allocations", n)
	}
}

func TestASessionWhoseClientIsClosedUnderItEnds(t *testing.T) {
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	served := make(chan net.Conn, 1)
	l := listenOn(t, func(c net.Conn) { served <- c; s.relay.Serve(c) }, "127.0.0.1:0")
	client := dialTCP(t, l.Addrs()[0].String())
	endpoint := await(t, conns)
	for range 2 * talkAfter {
		send(t, client, "question")
		expect(t, endpoint, "question")
	}
	_ = await(t, served).Close()
	if rec := s.record(); rec.End != ClientReset {
		t.Errorf("%+v", rec)
	}
	expectReset(t, endpoint)
}
