package media

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/sdp/v3"
)

const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"

// formatsOf is the m-line at i without its port.
func formatsOf(t testing.TB, body []byte, i int) string {
	t.Helper()
	for l := range strings.SplitSeq(string(body), "\r\n") {
		if fields := strings.Fields(l); strings.HasPrefix(l, "m=") {
			if i--; i >= 0 {
				continue
			}
			port := "open"
			if fields[1] == "0" {
				port = "declined"
			}
			return strings.Join(append([]string{fields[0][2:], port}, fields[2:]...), " ")
		}
	}
	return "no such line"
}

func TestWhatWeOffer(t *testing.T) {
	for _, r := range []struct {
		name, offer string
		lines       []string
		has, hasNot []string
		notes       string
	}{
		{name: "ED-72 G.711 first, then what else the caller has", offer: head + "m=audio 4000 RTP/AVP 9 111 0 8 101\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n",
			lines: []string{"audio open RTP/AVP 0 8 101 9 111"}, has: []string{"a=fmtp:111 useinbandfec=1", "a=fmtp:101 0-16", "a=ptime:20", "a=silenceSupp:off - - - -", "a=sendrecv"}},
		{name: "the caller's order of the two laws is kept", offer: head + "m=audio 4000 RTP/AVP 8 0\r\n", lines: []string{"audio open RTP/AVP 8 0 101"}},
		{name: "ED-72 no silence suppression", offer: head + "m=audio 4000 RTP/AVP 0 13 98\r\na=rtpmap:98 CN/16000\r\na=silenceSupp:on - - - -\r\n",
			lines: []string{"audio open RTP/AVP 0 8 101"}, hasNot: []string{"CN", "silenceSupp:on"}},
		{name: "a caller whose codec we cannot translate is heard in it first", offer: head + "m=audio 4000 RTP/AVP 18\r\n", lines: []string{"audio open RTP/AVP 18 0 8 101"}},
		{name: "a caller whose codec we can translate", offer: head + "m=audio 4000 RTP/AVP 9\r\n", lines: []string{"audio open RTP/AVP 0 8 101 9"}},
		{name: "101 is in use for another codec", offer: head + "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 speex/8000\r\n", lines: []string{"audio open RTP/AVP 0 8 102 101"}},
		{name: "a caller that holds us is offered both ways", offer: head + "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n", lines: []string{"audio open RTP/AVP 0 8 101"}, has: []string{"a=sendrecv"}},
		{name: "text and video pass", offer: head + "m=audio 4000 RTP/AVP 0\r\nm=text 4002 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\na=rtt-mixer\r\nm=video 4004 RTP/AVPF 99\r\nb=AS:512\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 profile-level-id=42e01f\r\na=rtcp-fb:99 nack pli\r\na=sendonly\r\n",
			lines: []string{"audio open RTP/AVP 0 8 101", "text open RTP/AVP 98", "video open RTP/AVPF 99"}, has: []string{"a=rtt-mixer", "b=AS:512", "a=rtcp-fb:99 nack pli", "a=fmtp:99 profile-level-id=42e01f", "a=sendonly"}},
		{name: "what cannot be relayed keeps its line", offer: head + "m=audio 4000 RTP/AVP 0\r\nm=message 4002 TCP/MSRP *\r\na=accept-types:text/plain\r\nm=image 4004 udptl t38\r\n",
			lines: []string{"audio open RTP/AVP 0 8 101", "message declined TCP/MSRP *", "image declined udptl t38"}, notes: "media-not-relayed media-not-relayed"},
		{name: "ED-72 a caller that only writes", offer: head + "m=text 4002 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n", lines: []string{"text open RTP/AVP 98", "audio open RTP/AVP 0 8 101"}},
		{name: "a line the caller declines stays declined", offer: head + "m=video 0 RTP/AVP 34\r\nm=audio 4000 RTP/AVP 0\r\n", lines: []string{"video declined RTP/AVP 34", "audio open RTP/AVP 0 8 101"}},
		{name: "SRTP ends at the anchor", offer: head + "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n",
			lines: []string{"audio open RTP/AVP 0 8 101"}, hasNot: []string{"crypto"}},
		{name: "SRTP with a key too short", offer: head + "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNf\r\n",
			lines: []string{"audio open RTP/AVP 0 8 101"}, hasNot: []string{"crypto"}, notes: "srtp-key-unusable"},
		{name: "of a line in the clear and its secured twin the secured one is taken", offer: head + "m=audio 4002 RTP/AVP 0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n",
			lines: []string{"audio declined RTP/AVP 0", "audio open RTP/AVP 0 8 101"}},
		{name: "unless it has no key that we can use", offer: head + "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNf\r\nm=audio 4002 RTP/AVP 0\r\n",
			lines: []string{"audio declined RTP/SAVP 0", "audio open RTP/AVP 0 8 101"}},
		{name: "the transport of a leg ends here", offer: head + "a=group:BUNDLE a\r\na=ice-ufrag:x\r\nm=audio 4000 RTP/AVP 0\r\na=mid:a\r\na=candidate:1 1 UDP 1 192.0.2.7 4000 typ host\r\na=fingerprint:sha-256 AA\r\na=rtcp-mux\r\na=rtcp:4009\r\na=ssrc:1 cname:x\r\na=extmap:1 urn:x\r\n",
			lines: []string{"audio open RTP/AVP 0 8 101"}, hasNot: []string{"BUNDLE", "ice-", "mid", "candidate", "fingerprint", "rtcp-mux", "4009", "ssrc", "extmap"}},
		{name: "the older hold has no address", offer: strings.ReplaceAll(head, "192.0.2.7", "0.0.0.0") + "m=audio 4000 RTP/AVP 0\r\n", lines: []string{"audio open RTP/AVP 0 8 101"}},
		{name: "a host name is learned", offer: strings.ReplaceAll(head, "192.0.2.7", "phone.example.com") + "m=audio 4000 RTP/AVP 0\r\n", lines: []string{"audio open RTP/AVP 0 8 101"}, notes: "media-address-unknown"},
	} {
		t.Run(r.name, func(t *testing.T) {
			s := open(t, Config{})
			notes, err := s.SetOffer(caller, []byte(r.offer))
			if err != nil || codes(notes) != r.notes {
				t.Errorf("degraded: %v, %v", notes, err)
			}
			body := must(t)(s.OfferFor(psap, caller))
			for i, want := range r.lines {
				if got := formatsOf(t, body, i); got != want {
					t.Errorf("line %d: %s, want %s", i, got, want)
				}
			}
			if n := strings.Count(string(body), "\r\nm="); n != len(r.lines) {
				t.Errorf("%d lines", n)
			}
			for _, want := range r.has {
				if !strings.Contains(string(body), want+"\r\n") {
					t.Errorf("lacks %q:\n%s", want, body)
				}
			}
			for _, not := range r.hasNot {
				if strings.Contains(string(body), not) {
					t.Errorf("has %q:\n%s", not, body)
				}
			}
		})
	}
}

func TestWhatWeAnswer(t *testing.T) {
	for _, r := range []struct {
		name, offer, far string
		lines            []string
		notes            string
	}{
		{name: "what both take, in the numbers of the offer", offer: "m=audio 4000 RTP/AVP 0 8 9 101\r\na=rtpmap:101 telephone-event/8000\r\n", far: "m=audio 5000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
			lines: []string{"audio open RTP/AVP 8 101"}},
		{name: "the other law is translated", offer: "m=audio 4000 RTP/AVP 0\r\n", far: "m=audio 5000 RTP/AVP 8\r\n", lines: []string{"audio open RTP/AVP 0"}},
		{name: "keys the far side does not know are not asked for", offer: "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", far: "m=audio 5000 RTP/AVP 0\r\n", lines: []string{"audio open RTP/AVP 0"}},
		{name: "video that the far side declines is declined", offer: "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 34\r\n", far: "m=audio 5000 RTP/AVP 0\r\nm=video 0 RTP/AVP 34\r\n", lines: []string{"audio open RTP/AVP 0", "video declined RTP/AVP 34"}},
		{name: "a far side that answers fewer lines", offer: "m=video 4002 RTP/AVP 34\r\nm=audio 4000 RTP/AVP 0\r\n", far: "m=audio 5000 RTP/AVP 0\r\n", lines: []string{"video declined RTP/AVP 34", "audio open RTP/AVP 0"}, notes: "sdp-lines-moved"},
		{name: "no codec in common", offer: "m=audio 4000 RTP/AVP 18\r\n", far: "m=audio 5000 RTP/AVP 0\r\n", lines: []string{"audio open RTP/AVP 18"}, notes: "no-common-codec"},
		{name: "a codec in common when we translate", offer: "m=audio 4000 RTP/AVP 18 9\r\n", far: "m=audio 5000 RTP/AVP 0\r\n", lines: []string{"audio open RTP/AVP 9"}},
		{name: "an answer of something else", offer: "m=audio 4000 RTP/AVP 0\r\n", far: "m=audio 5000 RTP/AVP 3\r\n", lines: []string{"audio open RTP/AVP 0"}, notes: "no-common-codec"},
		{name: "audio declined", offer: "m=audio 4000 RTP/AVP 0\r\n", far: "m=audio 0 RTP/AVP 0\r\n", lines: []string{"audio open RTP/AVP 0"}, notes: "audio-declined"},
		{name: "the other kind of line declined by us", offer: "m=audio 4000 RTP/AVP 0\r\nm=message 4002 TCP/MSRP *\r\n", far: "m=audio 5000 RTP/AVP 0\r\nm=message 0 TCP/MSRP *\r\n", lines: []string{"audio open RTP/AVP 0", "message declined TCP/MSRP *"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			s := open(t, Config{})
			_, err := s.SetOffer(caller, []byte(head+r.offer))
			if err != nil {
				t.Fatal(err)
			}
			must(t)(s.OfferFor(psap, caller))
			notes, err := s.SetAnswer(psap, []byte(head+r.far))
			if err != nil {
				t.Fatal(err)
			}
			body, more, err := s.AnswerFor(caller, psap)
			if err != nil || codes(append(notes, more...)) != r.notes {
				t.Errorf("degraded: %v, %v, %v", notes, more, err)
			}
			var got []string
			for i := range strings.Count(string(body), "\r\nm=") {
				got = append(got, formatsOf(t, body, i))
			}
			if diff := cmp.Diff(r.lines, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnswersAreGivenOnce(t *testing.T) {
	s := open(t, Config{})
	if _, _, err := s.AnswerLocal(caller); err != ErrNoOffer {
		t.Errorf("an answer to nothing: %v", err)
	}
	if _, err := s.SetOffer(caller, []byte(head+"m=audio 4000 RTP/AVP 18 8 101\r\na=rtpmap:101 telephone-event/8000\r\nm=text 4002 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\nm=video 4004 RTP/AVP 34\r\n")); err != nil {
		t.Fatal(err)
	}
	local := must(t)(s.AnswerLocal(caller))
	for i, want := range []string{"audio open RTP/AVP 8 101", "text open RTP/AVP 98", "video declined RTP/AVP 34"} {
		if got := formatsOf(t, local, i); got != want {
			t.Errorf("line %d of the local answer: %s, want %s", i, got, want)
		}
	}
	must(t)(s.OfferFor(psap, caller))
	if _, err := s.SetAnswer(psap, []byte(head+"m=audio 5000 RTP/AVP 0\r\nm=text 5002 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\nm=video 0 RTP/AVP 34\r\n")); err != nil {
		t.Fatal(err)
	}
	if again := must(t)(s.AnswerFor(caller, psap)); string(again) != string(local) {
		t.Errorf("RFC 3261 s13.2.1: another answer to the same offer:\n%s\n%s", local, again)
	}
	// Another far side that only takes what the answer left out.
	must(t)(s.OfferFor(team, caller))
	if _, err := s.SetAnswer(team, []byte(head+"m=audio 5000 RTP/AVP 18\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, notes, err := s.AnswerFor(caller, team); err != nil || codes(notes) != "no-common-codec" {
		t.Errorf("said %v, %v", notes, err)
	}
}

func TestDelayedOffer(t *testing.T) {
	s := open(t, Config{})
	if got := formatsOf(t, must(t)(s.OfferFor(psap, caller)), 0); got != "audio open RTP/AVP 0 8 101" {
		t.Errorf("offered %s", got)
	}
	if got := formatsOf(t, must(t)(s.OfferG711(caller)), 0); got != "audio open RTP/AVP 0 8 101" {
		t.Errorf("offered %s", got)
	}
	notes, err := s.SetAnswer(caller, []byte(head+"m=audio 4000 RTP/AVP 8\r\n"))
	settled(t, notes, err)
	if got := s.Stats(caller)[0].Remote.String(); got != "192.0.2.7:4000" {
		t.Errorf("sends to %s", got)
	}
	// A retry with plain G.711 keeps the port and is a new version.
	first := must(t)(s.OfferFor(psap, caller))
	second := must(t)(s.OfferG711(psap))
	if where(t, first, 0) != where(t, second, 0) || read(t, first).Origin.SessionID != read(t, second).Origin.SessionID {
		t.Errorf("the retry:\n%s\n%s", first, second)
	}
}

var broken = map[string]string{
	"empty":                       "",
	"not SDP":                     "hello, is this 911?",
	"binary":                      "\x00\xff\xfe\x01",
	"only a version":              "v=0\r\n",
	"no origin":                   "v=0\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
	"lines in any order":          "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.7\r\nv=0\r\nt=0 0\r\ns=-\r\n",
	"bare line feeds":             strings.ReplaceAll(head, "\r\n", "\n") + "m=audio 4000 RTP/AVP 0\n",
	"blank lines":                 "\r\n\r\n" + strings.ReplaceAll(head, "\r\n", "\r\n\r\n") + "m=audio 4000 RTP/AVP 0\r\n\r\n",
	"cut in the middle":           head + "m=audio 4000 RT",
	"a port too high":             head + "m=audio 99999 RTP/AVP 0\r\n",
	"a negative port":             head + "m=audio -4 RTP/AVP 0\r\n",
	"no formats":                  head + "m=audio 4000 RTP/AVP\r\n",
	"formats that are no numbers": head + "m=audio 4000 RTP/AVP x y 300\r\n",
	"a broken attribute":          head + "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96\r\na=rtpmap\r\na=fmtp:\r\na=rtcp:\r\na=rtcp:70000\r\n",
	"a second m-line broken":      head + "m=audio 4000 RTP/AVP 0\r\nm=video\r\n",
	"an address that is none":     strings.ReplaceAll(head, "192.0.2.7", "999.1.1.1") + "m=audio 4000 RTP/AVP 0\r\n",
	"multicast":                   strings.ReplaceAll(head, "192.0.2.7", "224.2.1.1/127") + "m=audio 4000 RTP/AVP 0\r\n",
	"the other family":            strings.ReplaceAll(head, "IP4 192.0.2.7", "IP6 2001:db8::1") + "m=audio 4000 RTP/AVP 0\r\n",
	"a hundred lines":             head + strings.Repeat("m=audio 4000 RTP/AVP 0\r\n", 100),
	"a comfortable phone":         head + "m=audio 4000 RTP/AVP 13\r\n",
	"every payload type":          head + "m=audio 4000 RTP/AVP" + everyType() + "\r\n",
}

func everyType() string {
	var b strings.Builder
	for pt := range 128 {
		b.WriteString(" " + itoa(pt))
	}
	return b.String()
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// L1: whatever the SDP is, the PSAP is offered G.711, and a caller that offers speech in
// any way gets an answer with an open line of it.
func serves(t *testing.T, body []byte) {
	s := open(t, Config{})
	if _, err := s.SetOffer(caller, body); err != nil {
		t.Fatal(err)
	}
	offer, _, err := s.OfferFor(psap, caller)
	if err != nil {
		t.Fatal(err)
	}
	readable(t, offer)
	if _, err := s.SetAnswer(psap, body); err != nil {
		t.Fatal(err)
	}
	answer, _, err := s.AnswerFor(caller, psap)
	if err != nil {
		t.Fatal(err)
	}
	readable(t, answer)
	if err := s.Connect(caller, psap); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(offer), "m=audio 4") || !strings.Contains(string(offer), "a=rtpmap:0 PCMU/8000") && !strings.Contains(string(offer), "a=rtpmap:8 PCMA/8000") {
		t.Errorf("no open line with G.711 in the offer\n%s", offer)
	}
	if !s.legs[caller].remote.speechless() && !strings.Contains(string(answer), "m=audio 4") {
		t.Errorf("no open line of speech in the answer\n%s", answer)
	}
}

func (d description) speechless() bool {
	for _, l := range d.lines {
		if l.key.kind == "audio" && l.relayed() && !l.declined {
			return false
		}
	}
	return true
}

// readable: another implementation can read what we say, but for kinds and protocols
// that it does not know, which stand in declined lines.
func readable(t *testing.T, body []byte) {
	t.Helper()
	var lines []string
	for l := range strings.SplitSeq(string(body), "\r\n") {
		if f := strings.Fields(l); strings.HasPrefix(l, "m=") && len(f) > 3 && f[1] == "0" {
			l = "m=audio 0 RTP/AVP 0"
		}
		lines = append(lines, l)
	}
	var s sdp.SessionDescription
	if err := s.UnmarshalString(strings.Join(lines, "\r\n")); err != nil {
		t.Fatalf("%v in\n%q", err, body)
	}
}

func TestBrokenSDP(t *testing.T) {
	for name, body := range broken {
		t.Run(name, func(t *testing.T) { serves(t, []byte(body)) })
	}
}

func FuzzSDP(f *testing.F) {
	for _, body := range broken {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) { serves(t, body) })
}
