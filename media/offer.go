package media

import (
	"slices"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
	"github.com/tocsin-sip/tocsin/trace"
)

// OfferFor is the offer for a leg that we call on behalf of another, in the image of
// what that one offered: the same lines in the same order, G.711 first. Its only
// errors are rtp.ErrNoPorts and ErrClosed.
func (s *Session) OfferFor(id, model LegID) ([]byte, []trace.Degradation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.legs[model]
	if m == nil || len(m.remote.lines) == 0 {
		return s.offer(id, []spoken{plainAudio()})
	}
	lines := make([]spoken, 0, len(m.remote.lines))
	for _, l := range m.remote.lines {
		lines = append(lines, offerLike(l))
	}
	// RFC 6881 ED-72: G.711 is in what reaches a PSAP, also when the caller only writes.
	if !slices.ContainsFunc(lines, func(out spoken) bool { return out.key.kind == "audio" && !out.declined }) {
		lines = append(lines, plainAudio())
	}
	return s.offer(id, lines)
}

// OfferG711 is an offer of plain G.711 and nothing else: for a leg that refused more
// (R8: 488 and its kin), and for one that asked us to offer.
func (s *Session) OfferG711(id LegID) ([]byte, []trace.Degradation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offer(id, []spoken{plainAudio()})
}

func plainAudio() spoken {
	return spoken{
		localLine: localLine{key: streamKey{kind: "audio"}, formats: append(g711(), newFormat(101, "telephone-event/8000", "0-15"))},
		proto:     "RTP/AVP", sends: true, receives: true, unsuppressed: true,
	}
}

// offerLike is the line we offer for one that a caller offered.
func offerLike(l line) spoken {
	out := spoken{localLine: localLine{key: l.key}, proto: "RTP/AVP", opaque: l.opaque, attrs: l.attrs, bandwidth: l.bandwidth, sends: true, receives: true}
	if l.declined || !l.relayed() {
		out.proto, out.formats, out.declined = l.proto, l.formats, true
		return out
	}
	if !l.secured() {
		out.proto = l.proto // RTP/AVP, or RTP/AVPF where the caller takes feedback
	}
	if l.key.kind != "audio" {
		out.formats, out.sends, out.receives = l.formats, l.sends, l.receives
		return out
	}
	// Speech is offered both ways whatever the caller says of its own: a caller may put
	// us on hold, and the PSAP must still be able to speak when it takes us off.
	out.unsuppressed = true
	out.formats = offered(l.formats)
	return out
}

// offered orders the caller's formats and adds what an emergency call must have.
func offered(caller []format) []format {
	var talk, coded, pressed []format
	for _, f := range caller {
		switch _, isG711 := f.law(); {
		case f.suppressesSilence():
		case f.isKeyPress():
			pressed = append(pressed, f)
		case isG711:
			talk = append(talk, f)
		default:
			coded = append(coded, f)
		}
	}
	first := slices.ContainsFunc(caller, format.translatable)
	for _, f := range g711() {
		if _, has := find(f, talk); !has && !taken(f.pt, caller) {
			talk = append(talk, f)
		}
	}
	// RFC 6881 ED-72: an offer that reaches a PSAP contains G.711. It comes first where
	// the caller has something that we can translate it to; a caller who has not is heard
	// only in its own codecs, so there it comes after them.
	all := append(talk, coded...)
	if !first {
		all = append(coded, talk...)
	}
	if _, has := find(format{codec: keyPress}, pressed); !has {
		// A member of the team answers by pressing 1 (R1), whatever the caller's phone has.
		for pt := uint8(101); ; pt = 96 + (pt-95)%32 {
			if !taken(pt, caller) {
				pressed = append(pressed, newFormat(pt, "telephone-event/8000", "0-15"))
				break
			}
			if pt == 100 { // all thirty-two are in use
				break
			}
		}
	}
	// Keys go before the codecs that are passed through: some gateways read only so far.
	if first {
		return append(append(talk, pressed...), coded...)
	}
	return append(all, pressed...)
}

func taken(pt uint8, formats []format) bool {
	for _, f := range formats {
		if f.pt == pt {
			return true
		}
	}
	return false
}

// offer opens what the lines need and writes them. Session.mu is held.
func (s *Session) offer(id LegID, lines []spoken) ([]byte, []trace.Degradation, error) {
	l, err := s.leg(id)
	if err != nil {
		return nil, nil, err
	}
	notes, err := l.open(lines)
	if err != nil {
		return nil, notes, err
	}
	l.secure(lines)
	l.offered, l.answered = false, nil
	body := l.say(lines)
	s.route()
	return body, notes, nil
}

// secure adds keys to what a leg is offered, when it is to have them.
func (l *leg) secure(lines []spoken) {
	for i := range lines {
		out := &lines[i]
		if out.stream == nil || l.security != Preferred && l.security != Secured {
			continue
		}
		out.keys = out.stream.offerKeys()
		if l.security == Secured {
			out.proto = "RTP/S" + strings.TrimPrefix(out.proto, "RTP/")
		}
	}
}

// open finds the streams that lines need. Without a port for speech it fails; without
// one for anything else that line is declined.
func (l *leg) open(lines []spoken) ([]trace.Degradation, error) {
	var notes []trace.Degradation
	for i := range lines {
		out := &lines[i]
		if out.declined {
			continue
		}
		st, more, err := l.stream(out.key)
		notes = append(notes, more...)
		if err != nil {
			if out.key.kind == "audio" {
				return notes, err
			}
			out.declined = true
			notes = append(notes, degraded("media-declined", "no port for the %s of %s: %v", out.key.kind, l.id, err))
			continue
		}
		out.stream = st
		st.receive = out.formats
		if out.key.kind == "audio" {
			// Liberal in: the static numbers of G.711 mean G.711 whatever was agreed.
			for _, f := range g711() {
				if !taken(f.pt, st.receive) {
					st.receive = append(st.receive[:len(st.receive):len(st.receive)], f)
				}
			}
		}
	}
	return notes, nil
}

// SetAnswer takes what a party answered to our last offer, in a 18x, a 200 or an ACK.
// Another answer replaces the one before and opens the learning of its address again;
// the same answer again changes nothing.
func (s *Session) SetAnswer(id LegID, body []byte) ([]trace.Degradation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.leg(id)
	if err != nil {
		return nil, err
	}
	if !l.offered && l.remote.raw == string(body) && len(l.remote.lines) > 0 {
		return nil, nil
	}
	d, notes := readSDP(body, id)
	l.remote, l.offered = d, false
	for i, own := range l.local {
		if own.stream == nil {
			continue
		}
		theirs, ok := line{}, false
		// RFC 3264 s6: the lines of an answer match those of the offer by their order.
		if i < len(d.lines) && d.lines[i].key.kind == own.key.kind {
			theirs, ok = d.lines[i], true
		} else if theirs, ok = d.line(own.key); ok {
			notes = append(notes, degraded("sdp-lines-moved", "the answer of %s has its %s in another line than our offer", id, own.key.kind))
		}
		if !ok || theirs.declined || !theirs.relayed() {
			own.stream.send = nil
			own.stream.quiet.means = asAgreed
			own.stream.negotiate(line{})
			if own.key.kind == "audio" {
				notes = append(notes, degraded("audio-declined", "%s has declined audio", id))
			}
			continue
		}
		d.rename(theirs.key, own.key)
		notes = append(notes, l.agree(own.stream, theirs, own.formats)...)
		sealed, err := own.stream.takeKeys(theirs)
		if err != nil || !sealed && l.security == Secured {
			// L1: it is better heard in the clear than not at all.
			notes = append(notes, degraded("srtp-refused", "%s was offered SRTP for its %s and has answered without: plain RTP is tried", id, own.key.kind))
		}
	}
	s.route()
	return notes, nil
}

// rename lets an answer's line be found under our key for it.
func (d description) rename(from, to streamKey) {
	if from == to {
		return
	}
	for i := range d.lines {
		if d.lines[i].key == to {
			d.lines[i].key.n = -1 - i
		}
	}
	for i := range d.lines {
		if d.lines[i].key == from {
			d.lines[i].key = to
			return
		}
	}
}

// agree settles what a party takes and where, after it answered.
func (l *leg) agree(st *stream, theirs line, ours []format) []trace.Degradation {
	var notes []trace.Degradation
	st.send = nil
	talks := false
	for _, f := range theirs.formats {
		if _, ok := find(f, ours); ok {
			st.send = append(st.send, f)
			talks = talks || f.speech()
		}
	}
	if !talks {
		notes = append(notes, degraded("no-common-codec", "%s has answered with none of the %s codecs offered", l.id, st.key.kind))
		if st.key.kind == "audio" {
			st.send = append(g711(), st.send...)
		}
	}
	return append(notes, l.settle(st, theirs)...)
}

// settle takes a party's address and direction.
func (l *leg) settle(st *stream, theirs line) []trace.Degradation {
	var notes []trace.Degradation
	if bound := l.session.anchor.bound; theirs.addr.IsValid() && bound.Is4() && theirs.addr.Addr().Is6() {
		notes = append(notes, degraded("media-address-family", "%s is on IPv6 and media is anchored on IPv4 only: its address is learned from its packets", l.id))
		theirs.addr, theirs.control = line{}.addr, line{}.control
	}
	st.hold = !theirs.receives
	st.quiet = silence{since: time.Now(), means: meaning(theirs)}
	st.setClock()
	st.negotiate(theirs)
	return notes
}

// setClock lets the timeline run at the clock of what is sent.
func (st *stream) setClock() {
	st.outMu.Lock()
	defer st.outMu.Unlock()
	st.splice.Clock = rtp.SampleRate
	for _, f := range st.send {
		if f.speech() && f.codec.clock > 0 {
			st.splice.Clock = f.codec.clock
			return
		}
	}
}
