package registrar

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

func TestWhereAPhoneIsReached(t *testing.T) {
	tests := []struct {
		name    string
		flow    transport.Flow
		via     string
		headers []string
		uri     string
		flowed  bool
	}{
		{"a LAN: the contact is where it sends from", udp("10.1.2.3:5060"), ";rport", []string{"Contact: <sip:dana@10.1.2.3:5060>"}, "sip:dana@10.1.2.3:5060", true},
		{"no rport: it listens at its contact, not where it sends from", udp("192.0.2.10:49152"), "", []string{"Contact: <sip:dana@192.0.2.10:5060>"}, "sip:dana@192.0.2.10:5060", false},
		{"rport: answers go where it sends from (RFC 3581)", udp("192.0.2.10:49152"), ";rport", []string{"Contact: <sip:dana@192.0.2.10:5060>"}, "sip:dana@192.0.2.10:5060", true},
		{"a NAT: a private contact from a public address", udp("203.0.113.9:61000"), "", []string{"Contact: <sip:dana@192.168.1.20:5060;ob>"}, "sip:dana@203.0.113.9:61000;ob", true},
		{"a carrier's NAT (RFC 6598)", udp("203.0.113.9:61000"), "", []string{"Contact: <sip:dana@100.64.1.20>"}, "sip:dana@203.0.113.9:61000", true},
		{"a public contact that is not the source is believed", udp("203.0.113.9:61000"), "", []string{"Contact: <sip:dana@198.51.100.4:5070>"}, "sip:dana@198.51.100.4:5070", false},
		{"a name nobody else can resolve", udp("203.0.113.9:61000"), "", []string{"Contact: <sip:dana@phone.local>"}, "sip:dana@203.0.113.9:61000", true},
		{"TCP: the connection; without it, the port of the contact", tcp("203.0.113.9:61000", 7), "", []string{"Contact: <sip:dana@192.168.1.20:5062>"}, "sip:dana@203.0.113.9:5062;transport=tcp", true},
		{"IPv6, whatever its spelling", udp("[2001:db8::5]:5060"), ";rport", []string{"Contact: <sip:dana@[2001:DB8:0::5]>"}, "sip:dana@[2001:DB8:0::5]", true},
		{"IPv6 behind a private one", udp("[2001:db8::5]:5060"), ";rport", []string{"Contact: <sip:dana@[fd00::5]>"}, "sip:dana@[2001:db8::5]:5060", true},
		{"an edge proxy: its flow, and the contact as it is", udp("203.0.113.9:5060"), "", []string{"Path: <sip:203.0.113.9;lr>", "Contact: <sip:dana@192.168.1.20>"}, "sip:dana@192.168.1.20", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := registrarOf(campus(), Config{})
			p := dana(t, r, tt.flow)
			p.via = tt.via
			res := p.register(tt.headers...)
			status(t, res, 200)
			want := Contact{Device: "desk", URI: tt.uri}
			if tt.flowed {
				want.Flow = tt.flow.String()
			}
			if diff := cmp.Diff([]Contact{want}, r.Contacts("acme", "2001")); diff != "" {
				t.Errorf("contacts (-want +got):\n%s", diff)
			}
			if f, ok := r.FlowNamed(tt.flow.String()); !ok || f != tt.flow {
				t.Errorf("flow %v, %v", f, ok)
			}
		})
	}
}

func TestConnectionGone(t *testing.T) {
	r := registrarOf(campus(), Config{})
	p := dana(t, r, tcp("203.0.113.9:61000", 7))
	status(t, p.register("Contact: <sip:dana@203.0.113.9:5060;transport=tcp>"), 200)
	r.Closed(p.flow)
	want := []Contact{{Device: "desk", URI: "sip:dana@203.0.113.9:5060;transport=tcp"}}
	if diff := cmp.Diff(want, r.Contacts("acme", "2001")); diff != "" {
		t.Errorf("it is tried by its contact (-want +got):\n%s", diff)
	}
	if _, ok := r.FlowNamed(p.flow.String()); ok {
		t.Error("the flow is still known")
	}
	o, ok := r.Owner(netip.MustParseAddrPort("203.0.113.9:61999"), "TCP of a new connection", "sip:dana@203.0.113.9:5060;transport=tcp")
	if !ok || o.Expired || o.Device != "desk" {
		t.Errorf("a new connection of the same phone: %+v, %v", o, ok)
	}
}

// TestOwner is R15 (a): the nearest evidence of where a request comes from.
func TestOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registrarOf(campus(), Config{})
		register := func(username, password string, flow transport.Flow, contact string) {
			p := dana(t, r, flow)
			p.username, p.password, p.to, p.callID = username, password, username+"@acme.example", username
			status(t, p.register("Contact: <"+contact+">"), 200)
			time.Sleep(time.Second)
		}
		ata := udp("192.0.2.30:5060") // one box, two lines
		conn := tcp("192.0.2.40:40001", 5)
		register("dana", "s3cret", ata, "sip:line1@192.0.2.30")
		register("eli", "pa55", ata, "sip:line2@192.0.2.30")
		register("dana-app", "t0ken", conn, "sip:app@192.0.2.40;transport=tcp")

		at := netip.MustParseAddrPort
		tests := []struct {
			name, source, flow, contact string
			owner                       string
		}{
			{"the flow", "192.0.2.40:40001", conn.String(), "", "acme/2001/app"},
			{"the flow, whatever the contact says", "192.0.2.40:40001", conn.String(), "sip:eve@203.0.113.66", "acme/2001/app"},
			{"one flow of two lines: the contact tells them apart", "192.0.2.30:5060", ata.String(), "sip:line1@192.0.2.30", "acme/2001/desk"},
			{"one flow of two lines, the other", "192.0.2.30:5060", ata.String(), "sip:line2@192.0.2.30", "acme/2002/desk"},
			{"one flow of two lines and no contact: the newest", "192.0.2.30:5060", ata.String(), "", "acme/2002/desk"},
			{"the source address and port, at another of our ports", "192.0.2.30:5060", "UDP 192.0.2.1:5080-192.0.2.30:5060", "sip:line1@192.0.2.30", "acme/2001/desk"},
			{"the source address as IPv4 in IPv6", "[::ffff:192.0.2.30]:5060", "", "sip:line1@192.0.2.30", "acme/2001/desk"},
			{"the source address and an equal contact", "192.0.2.40:50123", "", "sip:app@192.0.2.40;transport=TCP", "acme/2001/app"},
			{"the source address and another contact", "192.0.2.40:50123", "", "sip:other@192.0.2.40;transport=tcp", ""},
			{"another source address and an equal contact: anybody can write that", "203.0.113.66:5060", "", "sip:app@192.0.2.40;transport=tcp", ""},
			{"the source address alone", "192.0.2.30:9999", "", "", ""},
		}
		check := func(expired bool) {
			for _, tt := range tests {
				o, ok := r.Owner(at(tt.source), tt.flow, tt.contact)
				got := ""
				if ok {
					got = o.String()
				}
				if got != tt.owner || ok && o.Expired != expired {
					t.Errorf("%s: owner %q (expired %v), want %q", tt.name, got, o.Expired, tt.owner)
				}
			}
		}
		check(false)
		time.Sleep(2 * time.Hour)
		check(true)
	})
}

func TestGrace(t *testing.T) {
	for _, how := range []string{"expired", "removed by the phone"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &shelf{}
				r := registrarOf(campus(), Config{Keeper: k})
				r.Start()
				defer r.Close()
				p := dana(t, r, udp(home))
				status(t, p.register("Contact: <sip:dana@192.0.2.10>", "Expires: 60"), 200)
				if how == "expired" {
					time.Sleep(time.Minute - time.Nanosecond)
					if len(r.Contacts("acme", "2001")) != 1 {
						t.Fatal("it is not rung until its end")
					}
					time.Sleep(time.Nanosecond)
				} else {
					status(t, p.send("Contact: *", "Expires: 0"), 200)
				}
				if got := r.Contacts("acme", "2001"); got != nil {
					t.Errorf("still rung: %v", got)
				}
				time.Sleep(24*time.Hour - time.Second)
				if o, ok := r.Owner(p.flow.Remote, p.flow.String(), ""); !ok || !o.Expired {
					t.Errorf("within a day: %+v, %v", o, ok)
				}
				time.Sleep(2 * time.Second)
				if o, ok := r.Owner(p.flow.Remote, p.flow.String(), ""); ok {
					t.Errorf("after a day: %+v", o)
				}
				time.Sleep(time.Minute)
				if live, ended := r.Count(); live+ended != 0 || len(k.kept()) != 0 {
					t.Errorf("%d live, %d ended, %d kept after it was forgotten", live, ended, len(k.kept()))
				}
			})
		})
	}
}

func TestEndedAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registrarOf(campus(), Config{MaxEnded: 2, MaxContacts: 5})
		r.Start()
		defer r.Close()
		p := dana(t, r, udp(home))
		for i := range 5 {
			status(t, p.register(fmt.Sprintf("Contact: <sip:dana@192.0.2.10:%d>", 6000+i), "Expires: 60"), 200)
			time.Sleep(time.Second)
		}
		time.Sleep(5 * time.Minute)
		if live, ended := r.Count(); live != 0 || ended != 2 {
			t.Errorf("%d live, %d ended, want 0 and 2", live, ended)
		}
		if bs := r.Bindings("acme", "2001"); bs[0].Contact != "sip:dana@192.0.2.10:6004" {
			t.Errorf("the newest is %s", bs[0].Contact)
		}
	})
}

// TestLateAfterTheEnd: a REGISTER that was delayed does not bring a binding back, and a
// phone that lost count is not locked out.
func TestLateAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registrarOf(campus(), Config{})
		p := dana(t, r, udp(home))
		p.cseq = 10
		status(t, p.register(here), 200)
		status(t, p.send(here+";expires=0"), 200)
		p.cseq = 4
		status(t, p.send(here), 500)
		time.Sleep(settled)
		p.cseq = 4
		status(t, p.send(here), 200)
	})
}

// TestObservations is N1: desk phones are observed by their REGISTERs.
func TestObservations(t *testing.T) {
	var got []string
	r := registrarOf(campus(), Config{Observe: func(o Observation) {
		s := fmt.Sprintf("%s %s at %s by %s", o.AOR, o.Change, o.Source, o.UserAgent)
		if o.Was.IsValid() {
			s += " was " + o.Was.String()
		}
		got = append(got, s)
	}})
	p := dana(t, r, udp("203.0.113.9:1000"))
	status(t, p.register(here), 200)
	status(t, p.send(here), 200)
	p.flow = udp("198.51.100.4:2000")
	status(t, p.send(here), 200)
	status(t, p.send("Contact: *", "Expires: 0"), 200)
	p.password = "wrong"
	status(t, p.send(here), 401)
	want := []string{
		"acme/2001/desk added at 203.0.113.9:1000 by phone 1.0",
		"acme/2001/desk refreshed at 203.0.113.9:1000 by phone 1.0",
		"acme/2001/desk moved at 198.51.100.4:2000 by phone 1.0 was 203.0.113.9:1000",
		"acme/2001/desk ended at 198.51.100.4:2000 by phone 1.0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

// TestAtOnce: everything may be asked at once; it says most with -race.
func TestAtOnce(t *testing.T) {
	d := campus()
	r := registrarOf(d, Config{MaxContacts: 50})
	r.Start()
	defer r.Close()
	var work sync.WaitGroup
	for i := range 8 {
		p := dana(t, r, tcp(fmt.Sprintf("192.0.2.10:%d", 5000+i), uint64(i+1)))
		p.callID = fmt.Sprint("call-", i)
		contact := fmt.Sprintf("Contact: <sip:dana@192.0.2.10:%d>", 5000+i)
		work.Go(func() {
			for range 50 {
				if res := p.register(contact); res.StatusCode != 200 {
					t.Errorf("answered %d", res.StatusCode)
				}
				r.Contacts("acme", "2001")
				if _, ok := r.Owner(p.flow.Remote, p.flow.String(), ""); !ok {
					t.Error("not known right after its REGISTER")
				}
				r.Apply(d)
			}
			r.Closed(p.flow)
		})
	}
	work.Wait()
	if cs := r.Contacts("acme", "2001"); len(cs) != 8 {
		t.Errorf("%d contacts, want 8", len(cs))
	}
}
