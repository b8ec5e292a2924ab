package app_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-sip/tocsin/internal/agent"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// RFC 3891: another position of the PSAP takes the call over. The caller hears it, and
// only the first position is hung up on.
func TestThePSAPMovesTheCall(t *testing.T) {
	r := newRig(t, "")
	psap := r.agent("position1", transport.UDP, psapVoice, answers)
	r.org.Trunks[0].Proxies = []string{psap.URI()}
	r.apply()
	r.start()
	r.register(r.phone, "2041")
	c := r.call(r.phone)
	ours := psap.Calls()[0]
	invite := ours.Invite()
	theirs := ""
	for _, m := range psap.Messages() {
		if m.Method == "INVITE" && m.Status == 200 {
			_, theirs, _ = strings.Cut(m.Header("To"), ";tag=")
		}
	}
	_, tag, _ := strings.Cut(invite.From().Value(), ";tag=")
	position := r.agent("position4", transport.UDP, otherVoice, answers)
	moved, err := position.Call(t.Context(), invite.Contact().Address.String(),
		agent.Options{Headers: []string{"Replaces: " + ours.ID() + ";to-tag=" + tag + ";from-tag=" + theirs}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithTimeout(t.Context(), normal)
	defer done()
	if err := moved.Await(ctx, agent.Up); err != nil {
		status, why := moved.Ended()
		t.Fatalf("%v: %d %s", err, status, why)
	}
	<-ours.Done()
	hears(t, c, otherVoice)
	hears(t, moved, phoneVoice)
	if c.State() != agent.Up {
		t.Error("the caller's leg has ended")
	}
	r.hangUp(c)
	select {
	case <-moved.Done():
	case <-time.After(normal):
		t.Error("the other position is not hung up on")
	}
	if rec := r.record(1); string(rec.AnsweredBy) != "psap-us/1" {
		t.Errorf("answered by %s", rec.AnsweredBy)
	}
}

// wO9: the second attempt says where the call has been.
func TestASecondAttemptSaysSo(t *testing.T) {
	r := newRig(t, "")
	busy := r.agent("busy", transport.TCP, otherVoice, func(agent.Invitation) agent.Script {
		return agent.Script{Steps: []agent.Step{{Do: agent.Refuse, Status: 486}}}
	})
	r.org.Trunks[0].Proxies = []string{busy.URI(), r.psap.URI()}
	r.apply()
	r.start()
	r.register(r.phone, "2041")
	c := r.call(r.phone)
	invite := r.psap.Calls()[0].Invite()
	if h := invite.GetHeader("Reason"); h == nil || !strings.HasPrefix(h.Value(), `emergency;cause=1;text="R8: 486`) {
		t.Errorf("Reason %v", h)
	}
	if h := invite.GetHeader("History-Info"); h == nil || !strings.Contains(h.Value(), "cause%3D486") {
		t.Errorf("History-Info %v", h)
	}
	if h := busy.Calls()[0].Invite().GetHeader("Reason"); h != nil {
		t.Errorf("the first attempt has the Reason %v", h)
	}
	r.hangUp(c)
}
