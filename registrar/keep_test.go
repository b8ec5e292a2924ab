package registrar

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// shelf is a Keeper in memory.
type shelf struct {
	mu     sync.Mutex
	bs     map[string]Binding
	broken error
	hangs  bool
	tries  int
}

func (s *shelf) do(ctx context.Context, f func()) error {
	s.mu.Lock()
	s.tries++
	hangs, err := s.hangs, s.broken
	if !hangs && err == nil {
		f()
	}
	s.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (s *shelf) Put(ctx context.Context, b Binding) error {
	return s.do(ctx, func() {
		if s.bs == nil {
			s.bs = map[string]Binding{}
		}
		s.bs[b.ID] = b
	})
}

func (s *shelf) Delete(ctx context.Context, id string) error {
	return s.do(ctx, func() { delete(s.bs, id) })
}

func (s *shelf) Load(ctx context.Context) (bs []Binding, err error) {
	err = s.do(ctx, func() {
		for _, b := range s.bs {
			bs = append(bs, b)
		}
	})
	return bs, err
}

func (s *shelf) set(broken error, hangs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.hangs = broken, hangs
}

func (s *shelf) kept() map[string]Binding {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	bs := map[string]Binding{}
	for id, b := range s.bs {
		bs[id] = b
	}
	return bs
}

var errDisk = errors.New("disk full")

func TestKeeperThatFailsFailsNoRegister(t *testing.T) {
	for name, breaks := range map[string]func(*shelf){
		"it fails": func(s *shelf) { s.set(errDisk, false) },
		"it hangs": func(s *shelf) { s.set(nil, true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &shelf{}
				breaks(k)
				r := registrarOf(campus(), Config{Keeper: k})
				r.Start()
				defer r.Close()
				p := dana(t, r, udp(home))
				for range 5 {
					before := time.Now()
					status(t, p.register("Contact: <sip:dana@192.0.2.10>"), 200)
					if waited := time.Since(before); waited != 0 {
						t.Fatalf("a REGISTER waited %v for the keeper", waited)
					}
					time.Sleep(time.Minute)
				}
				if n := r.Stats().KeeperErrors.Load(); n < 5 || n > 30 {
					t.Errorf("%d errors counted in 5 minutes", n)
				}
				if n := r.owed.size(); n != 1 {
					t.Errorf("%d bindings owed, want the one there is", n)
				}
				k.set(nil, false)
				time.Sleep(time.Minute)
				bs := k.kept()
				if len(bs) != 1 {
					t.Fatalf("kept after it came back: %v", bs)
				}
				for _, b := range bs {
					if b.CSeq != uint32(p.cseq) {
						t.Errorf("kept CSeq %d, want the latest, %d", b.CSeq, p.cseq)
					}
				}
			})
		})
	}
}

func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &shelf{}
		r := registrarOf(campus(), Config{Keeper: k, Node: "a"})
		r.Start()
		p, q := dana(t, r, udp(home)), dana(t, r, tcp("192.0.2.20:40000", 3))
		q.username, q.password, q.to, q.callID = "eli", "pa55", "eli@acme.example", "eli"
		status(t, p.register("Contact: <sip:dana@192.0.2.10>"), 200)
		status(t, q.register("Contact: <sip:eli@192.0.2.20;transport=tcp>"), 200)
		r.Close()
		r.Close()

		k.set(errDisk, false)
		again := registrarOf(campus(), Config{Keeper: k, Node: "a"})
		again.Start()
		defer again.Close()
		time.Sleep(time.Second / 2)
		if got := again.Contacts("acme", "2001"); got != nil {
			t.Fatalf("contacts %v from a keeper that fails", got)
		}
		// Dana's phone registers again before the keeper is back.
		p.r, p.callID = again, "rebooted"
		status(t, p.register("Contact: <sip:dana@192.0.2.10>", "Expires: 600"), 200)
		k.set(nil, false)
		time.Sleep(time.Minute)

		if bs := again.Bindings("acme", "2001"); len(bs) != 1 || bs[0].CallID != "rebooted" {
			t.Errorf("bindings %+v, want the one of after the restart alone", bs)
		}
		want := []Contact{{Device: "desk", URI: "sip:eli@192.0.2.20;transport=tcp", Node: "a"}}
		if diff := cmp.Diff(want, again.Contacts("acme", "2002")); diff != "" {
			t.Errorf("a connection does not outlive the process (-want +got):\n%s", diff)
		}
		if bs := k.kept(); len(bs) != 2 {
			t.Errorf("%d kept, want 2: %v", len(bs), bs)
		}
		if o, ok := again.Owner(p.flow.Remote, p.flow.String(), ""); !ok || o.Extension != "2001" {
			t.Errorf("owner %v, %v", o, ok)
		}
	})
}

// TestLearning: what is learned is not believed blindly, and what belongs to nobody yet is
// not lost.
func TestLearning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		stored := func(id, extension string, end time.Duration) Binding {
			return Binding{ID: id, AOR: AOR{"acme", extension, "desk"}, Contact: "sip:" + id + "@192.0.2.10", Source: udp(home).Remote, Updated: now.Add(-time.Minute), Expires: now.Add(end)}
		}
		k := &shelf{bs: map[string]Binding{
			"live":     stored("live", "2001", time.Hour),
			"ended":    stored("ended", "2001", -time.Hour),
			"too old":  stored("too-old", "2001", -25*time.Hour),
			"no owner": stored("no-owner", "2999", time.Hour),
		}}
		for id, b := range k.bs {
			b.ID = id
			k.bs[id] = b
		}
		r := registrarOf(campus(), Config{Keeper: k})
		r.Start()
		defer r.Close()
		kept := k.kept()
		if live, ended := r.Count(); live != 1 || ended != 1 {
			t.Errorf("%d live, %d ended, want one each", live, ended)
		}
		_, old := kept["too old"]
		if _, orphan := kept["no owner"]; old || !orphan || len(kept) != 3 {
			t.Errorf("kept %v", kept)
		}
		newer := stored("live", "2001", 2*time.Hour)
		newer.Updated, newer.CSeq = now, 7
		older := newer
		older.Updated, older.CSeq = now.Add(-time.Second), 6
		r.Learn(newer, older)
		if bs := r.Bindings("acme", "2001"); bs[0].CSeq != 7 {
			t.Errorf("CSeq %d, want that of the newest", bs[0].CSeq)
		}
	})
}

// TestAnotherNodesFlow: a binding of another node is known and rung, but its flow is not
// ours.
func TestAnotherNodesFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registrarOf(campus(), Config{Node: "b"})
		flow := tcp("192.0.2.20:40000", 3)
		r.Learn(Binding{ID: "1", AOR: AOR{"acme", "2001", "desk"}, Contact: "sip:dana@192.0.2.20", Source: flow.Remote, Flow: flow, Protocol: transport.TCP,
			Node: "a", Updated: time.Now(), Expires: time.Now().Add(time.Hour)})
		want := []Contact{{Device: "desk", URI: "sip:dana@192.0.2.20", Flow: flow.String(), Node: "a"}}
		if diff := cmp.Diff(want, r.Contacts("acme", "2001")); diff != "" {
			t.Errorf("contacts (-want +got):\n%s", diff)
		}
		if f, ok := r.FlowNamed(flow.String()); ok {
			t.Errorf("flow %v of another node is found here", f)
		}
	})
}

func TestDirectoryChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &shelf{}
		var d atomic.Pointer[org.Directory]
		d.Store(campus())
		r := New(Config{Keeper: k, Directory: d.Load})
		r.Start()
		defer r.Close()
		p, q := dana(t, r, udp(home)), dana(t, r, udp("192.0.2.20:5060"))
		q.username, q.password, q.to, q.callID = "eli", "pa55", "eli@acme.example", "eli"
		status(t, p.register("Contact: <sip:dana@192.0.2.10>"), 200)
		status(t, q.register("Contact: <sip:eli@192.0.2.20>"), 200)

		d.Store(campus(func(o *org.Organisation) {
			o.Extensions[0].Devices[0].Password = "changed"
			o.Extensions[1].Devices = nil
		}))
		r.Apply(d.Load())
		if got := r.Contacts("acme", "2001"); len(got) != 1 {
			t.Errorf("a changed password ends the binding: %v", got)
		}
		if _, ok := r.Owner(q.flow.Remote, q.flow.String(), "sip:eli@192.0.2.20"); ok || r.Contacts("acme", "2002") != nil {
			t.Error("a device that is gone is still known")
		}
		if n := len(k.kept()); n != 1 {
			t.Errorf("%d kept, want 1", n)
		}
		status(t, p.register("Contact: <sip:dana@192.0.2.10>"), 401)
		time.Sleep(time.Hour)
		if got := r.Contacts("acme", "2001"); got != nil {
			t.Errorf("with the old password it is bound for longer than it asked: %v", got)
		}
	})
}
