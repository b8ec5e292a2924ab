package media

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"

	"github.com/tocsin-sip/tocsin/internal/audiotest"
)

// secretConn is the socket of a telephone with SRTP, by the library and not by us.
type secretConn struct {
	net.PacketConn

	mu         sync.Mutex
	in, out    *srtp.Context
	refused    int
	lastSealed []byte
}

func (c *secretConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(b)
		if err != nil {
			return n, from, err
		}
		c.mu.Lock()
		plain, err := c.in.DecryptRTP(nil, b[:n], nil)
		if err != nil {
			c.refused++
		}
		c.mu.Unlock()
		if err == nil {
			return copy(b, plain), from, nil
		}
	}
}

func (c *secretConn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	sealed, err := c.out.EncryptRTP(nil, b, nil)
	c.lastSealed = sealed
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	_, err = c.PacketConn.WriteTo(sealed, to)
	return len(b), err
}

var profiles = map[string]srtp.ProtectionProfile{
	"AES_CM_128_HMAC_SHA1_80": srtp.ProtectionProfileAes128CmHmacSha1_80, "AES_CM_128_HMAC_SHA1_32": srtp.ProtectionProfileAes128CmHmacSha1_32,
	"AES_256_CM_HMAC_SHA1_80": srtp.ProtectionProfileAes256CmHmacSha1_80, "AEAD_AES_128_GCM": srtp.ProtectionProfileAeadAes128Gcm,
}

// contextOf reads the value of a crypto attribute as another implementation would.
func contextOf(t *testing.T, crypto string) *srtp.Context {
	t.Helper()
	var tag, name, inline string
	if n, err := fmt.Sscan(crypto, &tag, &name, &inline); n != 3 {
		t.Fatal(crypto, err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(inline, "inline:"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := profiles[name].KeyLen()
	if err != nil {
		t.Fatal(err)
	}
	c, err := srtp.CreateContext(key[:n], key[n:], profiles[name])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *secretConn) key(t *testing.T, own, theirs string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out, c.in = contextOf(t, own), contextOf(t, theirs)
}

func secretPhone(t *testing.T, ssrc uint32) (*audiotest.Phone, *secretConn) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &secretConn{PacketConn: conn}
	return audiotest.NewPhone(t, c, ssrc), c
}

func keyOf(n int, name string) string {
	k, err := profiles[name].KeyLen()
	if err != nil {
		panic(err)
	}
	s, err := profiles[name].SaltLen()
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+n)), k+s)))
}

// cryptoIn are the crypto attributes of our SDP's first line.
func cryptoIn(t *testing.T, body []byte) []string {
	t.Helper()
	var all []string
	for _, a := range read(t, body).MediaDescriptions[0].Attributes {
		if a.Key == "crypto" {
			all = append(all, a.Value)
		}
	}
	return all
}

func secured(at netip.AddrPort, proto string, more ...string) []byte {
	return []byte(strings.Replace(string(offerOf(at, "0", more...)), "RTP/AVP", proto, 1))
}

// secretCall is a caller with SRTP and a PSAP without.
func secretCall(t *testing.T, proto, crypto string) (s *Session, c, p *audiotest.Phone, conn *secretConn, answer []byte) {
	t.Helper()
	s = open(t, Config{})
	c, conn = secretPhone(t, 1000)
	p = audiotest.ListenLocal(t, 2000)
	notes, err := s.SetOffer(caller, secured(c.Address(), proto, "a=crypto:"+crypto))
	settled(t, notes, err)
	p.Aim(where(t, must(t)(s.OfferFor(psap, caller)), 0))
	notes, err = s.SetAnswer(psap, offerOf(p.Address(), "0"))
	settled(t, notes, err)
	answer = must(t)(s.AnswerFor(caller, psap))
	if err := s.Connect(caller, psap); err != nil {
		t.Fatal(err)
	}
	c.Aim(where(t, answer, 0))
	ours := cryptoIn(t, answer)
	if len(ours) != 1 || ours[0][:len(ours[0])-len(keyOf(0, strings.Fields(crypto)[1]))] != crypto[:strings.Index(crypto, "inline:")+7] || !strings.Contains(string(answer), " "+proto+" 0\r\n") {
		t.Fatalf("the answer to %q:\n%s", crypto, answer)
	}
	conn.key(t, crypto, ours[0])
	return s, c, p, conn, answer
}

func TestSRTPCallerAndPlainPSAP(t *testing.T) {
	for _, r := range []struct{ name, proto, suite string }{
		{"80 bit tags", "RTP/SAVP", "AES_CM_128_HMAC_SHA1_80"},
		{"32 bit tags", "RTP/SAVP", "AES_CM_128_HMAC_SHA1_32"},
		{"256 bit keys", "RTP/SAVP", "AES_256_CM_HMAC_SHA1_80"},
		{"GCM", "RTP/SAVPF", "AEAD_AES_128_GCM"},
		{"keys beside a plain profile", "RTP/AVP", "AES_CM_128_HMAC_SHA1_80"},
	} {
		t.Run(r.name, func(t *testing.T) {
			s, c, p, conn, _ := secretCall(t, r.proto, "7 "+r.suite+" inline:"+keyOf(1, r.suite))
			c.Say(audiotest.Sine(700, 200*time.Millisecond))
			p.Await(10)
			p.Say(audiotest.Sine(1100, 200*time.Millisecond))
			c.Await(10)
			hears(t, "the PSAP", p, 700)
			hears(t, "the caller", c, 1100)
			if st := s.Stats(caller)[0]; st.Suite != r.suite || st.Forged != 0 || conn.refused != 0 {
				t.Errorf("%+v, %d refused", st, conn.refused)
			}
			// A sound of ours is sealed too.
			c.Forget()
			play, err := s.Play(caller, Sequence(Beep(), Beep()))
			if err != nil {
				t.Fatal(err)
			}
			c.Await(20)
			if l := audiotest.Level(c.Heard(), 1400); l < 0.1 {
				t.Errorf("the caller hears the beep at %.2f", l)
			}
			s.Stop(caller)
			<-play.Done()
			// Packets that come again, or not under the key, are nobody's.
			p.Forget()
			to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.Address().Addr(), s.Stats(caller)[0].Port))
			for _, b := range [][]byte{conn.lastSealed, append([]byte{0x80, 0}, make([]byte, 200)...)} {
				if _, err := conn.PacketConn.WriteTo(b, to); err != nil {
					t.Fatal(err)
				}
			}
			c.Say(audiotest.Sine(700, 20*time.Millisecond))
			p.Await(1)
			if st := s.Stats(caller)[0]; st.Forged != 2 || len(p.Packets()) != 1 {
				t.Errorf("%d forged, %d heard", st.Forged, len(p.Packets()))
			}
		})
	}
}

func TestReKeying(t *testing.T) {
	const suite = "AES_CM_128_HMAC_SHA1_80"
	first, second := "1 "+suite+" inline:"+keyOf(1, suite), "1 "+suite+" inline:"+keyOf(2, suite)
	s, c, p, conn, answer := secretCall(t, "RTP/SAVP", first)
	// A new offer under the same key (a hold, a session timer) leaves ours as it is.
	held := must(t)(s.ReOffer(caller, secured(c.Address(), "RTP/SAVP", "a=crypto:"+first, "a=sendonly")))
	if cryptoIn(t, held)[0] != cryptoIn(t, answer)[0] {
		t.Error("our key changed while the party's did not")
	}
	again := must(t)(s.ReOffer(caller, secured(c.Address(), "RTP/SAVP", "a=crypto:"+second)))
	ours := cryptoIn(t, again)[0]
	if ours == cryptoIn(t, answer)[0] {
		t.Error("our key stayed though the party's changed")
	}
	conn.key(t, second, ours)
	c.Say(audiotest.Sine(700, 200*time.Millisecond))
	p.Await(10)
	p.Say(audiotest.Sine(1100, 200*time.Millisecond))
	c.Await(10)
	hears(t, "the caller", c, 1100)
	// And back to plain RTP, when the party says so.
	plain := must(t)(s.ReOffer(caller, offerOf(c.Address(), "0")))
	if len(cryptoIn(t, plain)) != 0 || s.Stats(caller)[0].Suite != "" {
		t.Errorf("still secured:\n%s", plain)
	}
}

func TestLegIsOfferedSRTP(t *testing.T) {
	for _, r := range []struct {
		name          string
		how           Security
		offer, answer string // profiles
		pick          int    // which of our keys the party answers; -1 for none
		notes         string
	}{
		{"secured, the first suite", Secured, "RTP/SAVP", "RTP/SAVP", 0, ""},
		{"secured, the second suite", Secured, "RTP/SAVP", "RTP/SAVP", 1, ""},
		{"preferred and taken", Preferred, "RTP/AVP", "RTP/AVP", 0, ""},
		{"preferred and not taken", Preferred, "RTP/AVP", "RTP/AVP", -1, ""},
		{"secured and not taken", Secured, "RTP/SAVP", "RTP/AVP", -1, "srtp-refused"},
		{"plain", Plain, "RTP/AVP", "RTP/AVP", -1, ""},
	} {
		t.Run(r.name, func(t *testing.T) {
			s := open(t, Config{})
			c := audiotest.ListenLocal(t, 1000)
			notes, err := s.SetOffer(caller, offerOf(c.Address(), "0"))
			settled(t, notes, err)
			if err := s.Secure(psap, r.how); err != nil {
				t.Fatal(err)
			}
			offer := must(t)(s.OfferFor(psap, caller))
			keys := cryptoIn(t, offer)
			if !strings.Contains(string(offer), " "+r.offer+" ") || (len(keys) == 0) != (r.how == Plain) {
				t.Fatalf("the offer:\n%s", offer)
			}
			if again := must(t)(s.OfferFor(psap, caller)); string(again) != string(offer) {
				t.Errorf("repeated, the offer is another:\n%s", again)
			}
			p, conn := secretPhone(t, 2000)
			var more []string
			if r.pick >= 0 {
				f := strings.Fields(keys[r.pick])
				own := f[0] + " " + f[1] + " inline:" + keyOf(3, f[1])
				more = append(more, "a=crypto:"+own)
				conn.key(t, own, keys[r.pick])
			} else {
				p = audiotest.ListenLocal(t, 2000)
			}
			p.Aim(where(t, offer, 0))
			notes, err = s.SetAnswer(psap, secured(p.Address(), r.answer, more...))
			if err != nil || codes(notes) != r.notes {
				t.Fatal(notes, err)
			}
			c.Aim(where(t, must(t)(s.AnswerFor(caller, psap)), 0))
			if err := s.Connect(caller, psap); err != nil {
				t.Fatal(err)
			}
			c.Say(audiotest.Sine(700, 200*time.Millisecond))
			p.Await(10)
			p.Say(audiotest.Sine(1100, 200*time.Millisecond))
			c.Await(10)
			hears(t, "the PSAP", p, 700)
			hears(t, "the caller", c, 1100)
		})
	}
}

func TestReadKey(t *testing.T) {
	const key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
	for _, r := range []struct {
		name, value string
		mki         int
		ok          bool
	}{
		{"RFC 4568 s6.1", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20|1:4 ", 4, true},
		{"without lifetime and name", "2 AES_CM_128_HMAC_SHA1_32 inline:" + key, 0, true},
		{"a window", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " WSH=128", 0, true},
		{"an option", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " -NEW=1", 0, true},
		{"reports in the clear", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNENCRYPTED_SRTCP", 0, false},
		{"another suite", "1 F8_128_HMAC_SHA1_80 inline:" + key, 0, false},
		{"two keys", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|1:4;inline:" + key + "|2:4", 0, false},
		{"too short for its suite", "1 AES_256_CM_HMAC_SHA1_80 inline:" + key, 0, false},
		{"not base64", "1 AES_CM_128_HMAC_SHA1_80 inline:%%%", 0, false},
		{"a name of no length", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|1:0", 0, false},
		{"nothing", "", 0, false},
	} {
		k, err := readKey(r.value)
		if (err == nil) != r.ok || len(k.mki) != r.mki {
			t.Errorf("%s: %+v, %v", r.name, k, err)
		}
	}
	if k, err := readKey("1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|258:3"); err != nil || string(k.mki) != "\x00\x01\x02" {
		t.Errorf("%x, %v", k.mki, err)
	}
}

func TestReportsUnderSRTPOnOnePort(t *testing.T) {
	const suite = "AES_CM_128_HMAC_SHA1_80"
	crypto := "1 " + suite + " inline:" + keyOf(1, suite)
	s := open(t, Config{})
	c, conn := secretPhone(t, 1000)
	p := audiotest.ListenLocal(t, 2000)
	notes, err := s.SetOffer(caller, secured(c.Address(), "RTP/SAVP", "a=crypto:"+crypto, "a=rtcp-mux"))
	settled(t, notes, err)
	p.Aim(where(t, must(t)(s.OfferFor(psap, caller)), 0))
	reports, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reports.Close() })
	notes, err = s.SetAnswer(psap, offerOf(p.Address(), "0", "a=rtcp:"+fmt.Sprint(reports.LocalAddr().(*net.UDPAddr).Port)))
	settled(t, notes, err)
	answer := must(t)(s.AnswerFor(caller, psap))
	if !strings.Contains(string(answer), "a=rtcp-mux\r\n") || strings.Contains(string(answer), "a=rtcp:") {
		t.Errorf("the answer:\n%s", answer)
	}
	c.Aim(where(t, answer, 0))
	conn.key(t, crypto, cryptoIn(t, answer)[0])
	if err := s.Connect(caller, psap); err != nil {
		t.Fatal(err)
	}
	p.Say(audiotest.Sine(1100, 20*time.Millisecond))
	heard := c.Await(1)[0]
	b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1000, Reports: []rtcp.ReceptionReport{{SSRC: heard.SSRC, LastSequenceNumber: uint32(heard.Sequence)}}}})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := contextOf(t, crypto).EncryptRTCP(nil, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.PacketConn.WriteTo(sealed, net.UDPAddrFromAddrPort(where(t, answer, 0))); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2000)
	if err := reports.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, _, err := reports.ReadFrom(got)
	if err != nil {
		t.Fatal(err)
	}
	all, err := rtcp.Unmarshal(got[:n])
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := all[0].(*rtcp.ReceiverReport); !ok || len(r.Reports) != 1 || r.Reports[0].SSRC != 2000 {
		t.Errorf("the PSAP got %v", all)
	}
}
