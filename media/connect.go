package media

// Connect lets two legs hear each other. A leg that one of them was connected with
// before hears nothing until it is told what; a leg that only listens goes on listening.
func (s *Session) Connect(a, b LegID) error {
	return s.change(a, b, func(la, lb *leg) {
		for _, l := range s.legs {
			if l == la || l == lb || l.hears == "" {
				continue
			}
			if (l.hears == a && la.hears == l.id) || (l.hears == b && lb.hears == l.id) {
				l.hears = ""
			}
		}
		la.hears, lb.hears = b, a
	})
}

// Listen lets one leg hear another, which does not hear it: early media, a member who
// joins listening, a monitor.
func (s *Session) Listen(hearer, source LegID) error {
	return s.change(hearer, source, func(h, _ *leg) { h.hears = source })
}

// Disconnect lets a leg hear nothing, and nobody hear it. What is being played to it
// goes on.
func (s *Session) Disconnect(id LegID) error {
	return s.change(id, id, func(l, _ *leg) {
		l.hears = ""
		for _, other := range s.legs {
			if other.hears == id {
				other.hears = ""
			}
		}
	})
}

func (s *Session) change(a, b LegID, do func(la, lb *leg)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	la, err := s.leg(a)
	if err != nil {
		return err
	}
	lb, err := s.leg(b)
	if err != nil {
		return err
	}
	do(la, lb)
	s.route()
	return nil
}

// route works out afresh who hears what, from what the legs are told to hear and what
// their parties take. Session.mu is held. There are few legs, and it is done only when
// something changed.
func (s *Session) route() {
	routes := map[*stream]*route{}
	for _, l := range s.legs {
		for _, st := range l.streams {
			routes[st] = &route{known: roles(st.receive)}
		}
	}
	for _, l := range s.legs {
		for _, st := range l.streams {
			st.listen(s.feedOf(l, st, routes))
		}
	}
	for st, r := range routes {
		st.route.Store(r)
	}
}

// feedOf decides what a stream's party hears, and enters it with whom it hears.
func (s *Session) feedOf(l *leg, st *stream, routes map[*stream]*route) int {
	st.voice.Store(nil)
	if st.hold || len(st.send) == 0 {
		return 0 // RFC 3264 s8.4: a party on hold is sent nothing
	}
	if f, ok := spokenAs(st.send); ok {
		st.voice.Store(&f)
	}
	if l.playing != nil && st.key == (streamKey{kind: "audio"}) {
		return l.playing.feed
	}
	other := s.legs[l.hears]
	if other == nil {
		return 0
	}
	for _, source := range other.streams {
		if source.key == st.key {
			r := routes[source]
			r.hearers = append(r.hearers, source.towards(st))
			return source.feed
		}
	}
	return 0
}

func roles(formats []format) (known [128]role) {
	for _, f := range formats {
		switch {
		case f.codec == pcmu:
			known[f.pt] = muLaw
		case f.codec == pcma:
			known[f.pt] = aLaw
		case f.isKeyPress():
			known[f.pt] = keys
		default:
			known[f.pt] = otherwise
		}
	}
	return known
}

// towards maps what a party sends to what another takes. Session.mu is held.
func (st *stream) towards(to *stream) hearer {
	h := hearer{to: to, table: new([128]passage)}
	for _, f := range st.receive {
		g, ok := heardBy(f, to.send)
		if !ok {
			continue
		}
		p := passage{do: pass, pt: g.pt}
		switch {
		case f.codec == pcmu && g.codec == pcma:
			p.do = muToA
		case f.codec == pcma && g.codec == pcmu:
			p.do = aToMu
		case f.isRED():
			p.do = passRED
		case f.codec != g.codec:
			p.do = recode
			p.with = uint8(len(h.recoders))
			h.recoders = append(h.recoders, st.recoderFor(to, f, g))
		}
		h.table[f.pt] = p
	}
	return h
}
