package storetest

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/store"
)

func messages(t *testing.T, s *store.Store) {
	ctx := ctxOf(t)
	m := func(call string, after time.Duration, node string, seq int64) store.Message {
		return store.Message{Call: call, At: noon.Add(after), Node: node, Seq: seq, Direction: "in", Flow: "UDP 192.0.2.1:5060-192.0.2.10:5060",
			Raw: []byte("INVITE sip:911@\xff\x00 SIP/2.0\r\n\r\n")} // what was on the wire need be no text
	}
	want := []store.Message{m("c1", 0, "gw1", 1), m("c1", 0, "gw1", 2), m("c1", time.Microsecond, "gw1", 1), m("c1", time.Second, "gw2", 1), m("c1", 2*time.Second, "gw1", 3)}
	want[1].Direction, want[1].Flow, want[1].Raw = "out", "TCP [::1]:5060-[::1]:40000#7", []byte("SIP/2.0 200 OK\r\n\r\n")
	other := m("c2", 0, "gw1", 1)
	written := append(slices.Clone(want), other)
	slices.Reverse(written)
	for _, batch := range [][]store.Message{written[:2], written[1:3], written, nil} {
		if err := s.AppendMessages(ctx, batch); err != nil {
			t.Fatal(err)
		}
	}
	forged := want[0]
	forged.Raw = []byte("BYE")
	if err := s.AppendMessages(ctx, []store.Message{forged}); err != nil {
		t.Fatal(err)
	}
	if got := must[[]store.Message](t)(s.Messages(ctx, "c1")); !reflect.DeepEqual(got, want) {
		t.Errorf("read back\n%+v\nwant\n%+v", got, want)
	}
	if got := must[[]store.Message](t)(s.Messages(ctx, "c3")); len(got) != 0 {
		t.Errorf("a call there is not has %+v", got)
	}
	if n := must[int64](t)(s.ForgetMessages(ctx, noon.Add(time.Second))); n != 4 {
		t.Errorf("%d were forgotten", n)
	}
	if got := must[[]store.Message](t)(s.Messages(ctx, "c1")); !reflect.DeepEqual(got, want[3:]) {
		t.Errorf("left are %+v", got)
	}
}

func refusedMessage(t *testing.T, s *store.Store) {
	m := store.Message{Call: "c1", At: noon, Node: "gw1", Seq: 1} // Raw is nil, which the wire never shows
	if err := s.AppendMessages(ctxOf(t), []store.Message{m}); !errors.Is(err, store.ErrRefused) {
		t.Errorf("the error is %v", err)
	}
}
