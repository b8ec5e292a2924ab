package media

import (
	"errors"
	"slices"

	"github.com/tocsin-sip/tocsin/trace"
)

// ErrNoOffer: an answer was asked for and the party has offered nothing.
var ErrNoOffer = errors.New("no offer to answer")

// SetOffer takes the SDP of a party that calls us. Nothing is opened or sent before it
// is answered, so it only says what is degraded.
func (s *Session) SetOffer(id LegID, body []byte) ([]trace.Degradation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.leg(id)
	if err != nil {
		return nil, err
	}
	return l.setOffer(body), nil
}

func (l *leg) setOffer(body []byte) []trace.Degradation {
	// RFC 3264 s8: an offer that repeats the last one changes nothing.
	if l.offered && l.remote.raw == string(body) {
		return nil
	}
	d, notes := readSDP(body, l.id)
	l.remote, l.offered, l.answered = d, true, nil
	return notes
}

// AnswerFor is the answer to a party's offer when it is to talk with another leg, which
// has answered or offered: the codecs that both take. Once an offer is answered, the
// answer stays the same (RFC 3261 s13.2.1), and the degradation says when it does not
// suit another leg: then only a re-INVITE with OfferFor helps.
func (s *Session) AnswerFor(id, from LegID) ([]byte, []trace.Degradation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.leg(id)
	if err != nil {
		return nil, nil, err
	}
	return s.answer(l, s.legs[from])
}

// AnswerLocal is the answer to a party's offer while it talks with nobody: G.711 for
// what we play to it, and its text stream, which waits for the far side.
func (s *Session) AnswerLocal(id LegID) ([]byte, []trace.Degradation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.leg(id)
	if err != nil {
		return nil, nil, err
	}
	return s.answer(l, nil)
}

// ReOffer takes a party's new offer within the call, and answers it for whom the party
// hears now: hold and resume, a new address, fewer or more codecs. The other side is not
// told; it is anchored too.
func (s *Session) ReOffer(id LegID, body []byte) ([]byte, []trace.Degradation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.leg(id)
	if err != nil {
		return nil, nil, err
	}
	notes := l.setOffer(body)
	answer, more, err := s.answer(l, s.legs[l.hears])
	return answer, append(notes, more...), err
}

func (s *Session) answer(l, far *leg) ([]byte, []trace.Degradation, error) {
	if !l.offered {
		return nil, nil, ErrNoOffer
	}
	if l.answered != nil {
		return l.answered, l.suits(far), nil
	}
	var notes []trace.Degradation
	lines := make([]spoken, 0, len(l.remote.lines))
	for _, theirs := range l.remote.lines {
		out, more := answerLine(l.id, theirs, far)
		notes = append(notes, more...)
		lines = append(lines, out)
	}
	more, err := l.open(lines)
	notes = append(notes, more...)
	if err != nil {
		return nil, notes, err
	}
	for i, out := range lines {
		if out.stream == nil {
			continue
		}
		out.stream.send = out.formats
		keys, err := out.stream.answerKeys(l.remote.lines[i])
		if err != nil { // the key was read, so it is the library's fault and not the party's
			notes = append(notes, degraded("srtp-key-unusable", "plain RTP for the %s of %s: %v", out.key.kind, l.id, err))
			lines[i].proto = "RTP/AVP"
		}
		lines[i].keys = append(keys, out.stream.answerChecks(l.remote.lines[i])...)
		lines[i].ice = l.remote.lines[i].ice.user != ""
		notes = append(notes, l.settle(out.stream, l.remote.lines[i])...)
	}
	l.quiet(lines)
	l.answered = l.say(lines)
	s.route()
	return l.answered, notes, nil
}

// quiet ends what an earlier offer had and this one has not.
func (l *leg) quiet(lines []spoken) {
	for _, st := range l.streams {
		if !slices.ContainsFunc(lines, func(out spoken) bool { return out.stream == st }) {
			st.send = nil
			st.quiet.means = asAgreed
			st.negotiate(line{})
		}
	}
}

// takes is what a leg takes of one kind, nil when it declined it or has not said.
func (l *leg) takes(key streamKey) []format {
	for _, st := range l.streams {
		if st.key == key {
			return st.send
		}
	}
	return nil
}

// suits says when the answer a party has does not reach the leg it is to hear.
func (l *leg) suits(far *leg) []trace.Degradation {
	if far == nil {
		return nil
	}
	for _, st := range l.streams {
		theirs := far.takes(st.key)
		if st.key.kind != "audio" || len(theirs) == 0 {
			continue
		}
		for _, f := range st.send {
			if _, ok := reachableBy(f, theirs); ok && f.speech() {
				return nil
			}
		}
		if oneWay(st.send, theirs) {
			return []trace.Degradation{halfHeard(l.id)}
		}
		return []trace.Degradation{degraded("no-common-codec", "%s and %s have no codec in common: %s needs a new offer", l.id, far.id, l.id)}
	}
	return nil
}

// oneWay says whether a party that speaks in some formats is heard by one that takes others.
func oneWay(speaks, takes []format) bool {
	return slices.ContainsFunc(speaks, func(f format) bool {
		_, ok := heardBy(f, takes)
		return ok && f.speech()
	})
}

func halfHeard(id LegID) trace.Degradation {
	return degraded("heard-one-way", "%s offers only a codec that we can decode and not code: it is heard and hears nothing, until it takes a new offer", id)
}

// answerLine answers one line of an offer.
func answerLine(id LegID, theirs line, far *leg) (spoken, []trace.Degradation) {
	out := spoken{
		localLine: localLine{key: theirs.key},
		proto:     theirs.proto, opaque: theirs.opaque,
		// RFC 3264 s6.1: what they send we receive, and the reverse.
		sends: theirs.receives, receives: theirs.sends,
	}
	if theirs.declined || !theirs.relayed() {
		out.formats, out.declined = theirs.formats, true
		return out, nil
	}
	out.mux = theirs.mux
	if theirs.secured() && !theirs.sealable() {
		// RFC 3264 s6 wants the profile of the offer, with a key we have not got. Some
		// phones take plain RTP all the same; for the others nothing is lost.
		out.proto = "RTP/AVP"
	}
	wanted, attrs := local(theirs), theirs.attrs[:0:0]
	if far != nil {
		if takes := far.takes(theirs.key); len(takes) > 0 {
			wanted = takes
		} else if theirs.key.kind != "audio" {
			wanted = nil
		}
		if l, ok := far.remote.line(theirs.key); ok {
			attrs = l.attrs
		}
	}
	out.attrs = attrs
	out.formats = shared(wanted, theirs.formats)
	if slices.ContainsFunc(out.formats, format.speech) {
		return out, nil
	}
	if theirs.key.kind != "audio" {
		out.formats, out.declined = theirs.formats, true
		return out, nil
	}
	// Nothing is heard until somebody offers again, but the call stands (L1).
	out.formats = shared(local(theirs), theirs.formats)
	if !slices.ContainsFunc(out.formats, format.speech) {
		out.formats = theirs.formats[:1:1]
	}
	if far != nil && oneWay(out.formats, far.takes(theirs.key)) {
		return out, []trace.Degradation{halfHeard(id)}
	}
	return out, []trace.Degradation{degraded("no-common-codec", "%s offers no codec that can be used", id)}
}

// local is what we take ourselves of an offered line: the speech we can play, and text
// that waits for a far side.
func local(theirs line) []format {
	switch theirs.key.kind {
	case "audio":
		_, hasG711 := find(format{codec: pcmu}, theirs.formats)
		if !hasG711 {
			_, hasG711 = find(format{codec: pcma}, theirs.formats)
		}
		wanted := []format{}
		for _, f := range theirs.formats {
			_, isG711 := f.law()
			if isG711 || f.codec == keyPress || !hasG711 && f.translatable() {
				wanted = append(wanted, f)
			}
		}
		return wanted
	case "text":
		return theirs.formats
	}
	return nil
}

// shared are the offered formats that reach one of wanted, in the order of wanted, with
// the numbers of the offer (RFC 3264 s6.1) and the parameters of the other side.
func shared(wanted, offered []format) []format {
	var both []format
	for _, w := range wanted {
		f, ok := reachableBy(w, offered)
		if !ok || f.suppressesSilence() || taken(f.pt, both) {
			continue
		}
		// The parameters of RED name payload types, and those are the offer's.
		if !f.isRED() && w.fmtp != "" && w.codec == f.codec {
			f.fmtp = w.fmtp
		}
		both = append(both, f)
	}
	return both
}
