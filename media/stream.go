package media

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-sip/tocsin/rtp"
)

// maxPacket is the longest packet that is relayed whole: linear speech in stereo is that
// long, the rest fits into an Ethernet frame. maxReport likewise.
const (
	maxPacket = 4096
	maxReport = 1600
)

// maxReadErrors in a row end a reader: the socket is broken for good.
const maxReadErrors = 100

var buffers = sync.Pool{New: func() any { return new([maxPacket]byte) }}

// stream is one pair of ports towards a party, in both directions.
//
// In: the media goroutine reads a packet, asks source whether it is the party's, and
// hands it to every stream in route. Out: whoever feed names may send; anybody else, a
// reader that still holds an old route or a sound that was just replaced, is ignored,
// so that a switch is one switch and not a flutter.
type stream struct {
	leg  *leg // only id and session, which do not change, are used without Session.mu
	key  streamKey
	feed int // our own number, as a feed of others
	pair *rtp.Pair
	done sync.WaitGroup

	receive          []format              // what the payload types we announced mean; guarded by Session.mu
	send             []format              // what the party takes, in its numbers; likewise
	hold             bool                  // the party does not want to receive; likewise
	recoders         map[recoding]*recoder // of what the party says, for others; likewise
	quiet            silence               // what its silence means; likewise
	offered          []masterKey           // of our offers of SRTP; likewise, as are the next two
	dtls             *association
	iceOf            credentials // the party's
	ownKey, theirKey masterKey   // agreed; none for plain RTP

	route   atomic.Pointer[route]
	target  atomic.Pointer[netip.AddrPort] // where we send media; nil: not known yet
	control atomic.Pointer[netip.AddrPort] // and reports
	counts  counts
	in, out atomic.Pointer[seal]        // SRTP, to open and to seal; nil for plain RTP
	locked  atomic.Bool                 // DTLS is to bring the keys: without them nothing passes
	link    atomic.Pointer[association] // to its handshake
	ice     atomic.Pointer[credentials] // ours, when the party offers ICE
	mux     atomic.Bool                 // reports go through the port of the media (RFC 5761)

	srcMu   sync.Mutex
	source  rtp.Source
	follows credentials // the party's of ICE, whose checks move source

	outMu  sync.Mutex
	from   int // the feed that may send; zero for none
	splice rtp.Splice
	voice  atomic.Pointer[format] // how a sound of ours is coded for the party; nil: not at all

	// The reader's own.
	seen  sequence
	press struct {
		any       bool
		timestamp uint32
		ssrc      uint32
	}
}

// route is who hears a stream, and what its payload types are. It is replaced, never changed.
type route struct {
	known   [128]role
	hearers []hearer
}

type role uint8

const (
	foreign   role = iota // a payload type that was not negotiated
	muLaw                 // G.711
	aLaw                  // likewise
	keys                  // telephone-event
	otherwise             // passed through
)

type hearer struct {
	to       *stream
	table    *[128]passage
	recoders []*recoder // of those passages that have one, by their number
}

// passage is what becomes of one payload type on its way to a hearer.
type passage struct {
	do   deed
	pt   uint8
	with uint8 // number of the hearer's recoder
}

type deed uint8

const (
	leaveOut deed = iota // the hearer has no such codec
	pass
	muToA
	aToMu
	passRED // as pass, and the numbers inside too
	recode  // through the hearer's recoder
)

func newStream(l *leg, key streamKey, pair *rtp.Pair, feed int) *stream {
	st := &stream{leg: l, key: key, feed: feed, pair: pair}
	// RFC 3550 s5.1: SSRC, first sequence number and first timestamp are random; the number
	// is below 2^15, so that a loss of the first packets under SRTP cannot hide a rollover.
	st.splice = rtp.NewSplice(rand.Uint32(), rtp.SampleRate, uint16(rand.Uint32())>>1, rand.Uint32())
	st.route.Store(&route{})
	st.done.Go(st.readMedia)
	st.done.Go(st.readControl)
	return st
}

func (st *stream) close() error {
	st.leg.session.mu.Lock()
	st.dissociate()
	st.leg.session.mu.Unlock()
	err := st.pair.Close()
	st.done.Wait()
	return err
}

// negotiate takes the party's address from an offer or answer.
func (st *stream) negotiate(l line) {
	st.srcMu.Lock()
	defer st.srcMu.Unlock()
	st.mux.Store(l.mux)
	if l.ice.user != "" && l.ice == st.follows {
		return // it is where its checks have shown it, whatever else the offer changed
	}
	st.follows = l.ice
	st.source.Negotiate(l.addr)
	set(&st.target, l.addr)
	if l.mux {
		l.control = l.addr
	}
	set(&st.control, l.control)
}

func set(p *atomic.Pointer[netip.AddrPort], addr netip.AddrPort) {
	if !addr.IsValid() {
		p.Store(nil)
		return
	}
	p.Store(&addr)
}

func (st *stream) readMedia() {
	b := buffers.Get().(*[maxPacket]byte)
	defer buffers.Put(b)
	st.read(st.pair.RTP, b[:], func(from netip.AddrPort, packet []byte) {
		// RFC 5761 s4: RTCP on the port of RTP is known by its type. It is taken whether it
		// was agreed or not.
		if len(packet) > 1 && packet[1] >= 192 && packet[1] <= 223 {
			st.report(from, packet)
			return
		}
		// RFC 7983 s7: the first octet tells STUN, DTLS and RTP apart.
		switch {
		case len(packet) > 0 && packet[0] < 4:
			st.checked(st.pair.RTP, from, packet)
		case len(packet) > 0 && packet[0] >= 20 && packet[0] < 64:
			st.shaken(from, packet)
		default:
			st.heard(time.Now(), from, packet)
		}
	})
}

func (st *stream) readControl() {
	st.read(st.pair.RTCP, make([]byte, maxReport), func(from netip.AddrPort, packet []byte) {
		if len(packet) > 0 && packet[0] < 4 {
			st.checked(st.pair.RTCP, from, packet)
			return
		}
		st.report(from, packet)
	})
}

func (st *stream) read(socket *rtp.Socket, b []byte, each func(netip.AddrPort, []byte)) {
	for failed := 0; failed < maxReadErrors; {
		n, from, err := socket.ReadFrom(b)
		switch {
		case err == nil:
			failed = 0
			each(from, b[:n])
		case errors.Is(err, net.ErrClosed):
			return
		default:
			// An unconnected socket may still be told of an unreachable receiver.
			if failed++; failed == maxReadErrors {
				st.leg.session.log.Error("media socket is broken", "leg", string(st.leg.id), "port", socket.Port(), "err", err)
			}
		}
	}
}

// heard is the way of every media packet. Nothing here allocates.
func (st *stream) heard(now time.Time, from netip.AddrPort, packet []byte) {
	h, err := rtp.Parse(packet)
	if err != nil {
		st.counts.malformed.Add(1)
		return
	}
	r := st.route.Load()
	what := r.known[h.PayloadType]
	if what == foreign {
		st.counts.foreign.Add(1)
		return
	}
	if in := st.in.Load(); in != nil {
		// Before the source is looked at: only who has the key can move the stream.
		if packet, err = in.unprotect(packet); err == nil {
			h, err = rtp.Parse(packet)
		}
		if err != nil {
			st.counts.forged.Add(1)
			return
		}
	} else if st.locked.Load() {
		st.counts.forged.Add(1)
		return
	}
	st.srcMu.Lock()
	verdict := st.source.Heard(from, h)
	if verdict == rtp.Learn {
		st.learned(from)
	}
	st.srcMu.Unlock()
	if verdict == rtp.Drop {
		st.counts.stray.Add(1)
		return
	}
	st.seen.take(&st.counts, now, h, len(packet))

	session := st.leg.session
	if what == keys {
		st.pressed(h, packet)
	}
	if tap := session.tap.Load(); tap != nil {
		(*tap)(Heard{Leg: st.leg.id, Kind: st.key.kind, At: now, Law: what.law(), Header: h, Payload: h.Payload(packet)})
	}
	for i := range r.hearers {
		to := &r.hearers[i]
		p := to.table[h.PayloadType]
		if p.do == leaveOut {
			continue
		}
		if i == len(r.hearers)-1 {
			to.emit(now, st.feed, h, p, packet)
			continue
		}
		// The packet is rewritten in place, so all but the last get a copy.
		b := buffers.Get().(*[maxPacket]byte)
		to.emit(now, st.feed, h, p, b[:copy(b[:], packet)])
		buffers.Put(b)
	}
}

// learned follows the party to the source that proved itself. srcMu is held.
func (st *stream) learned(from netip.AddrPort) {
	set(&st.target, from)
	if st.mux.Load() {
		set(&st.control, from)
	} else if from.Port() < 65535 {
		// Until its first report shows better: the next port (RFC 3550 s11).
		set(&st.control, netip.AddrPortFrom(from.Addr(), from.Port()+1))
	}
	st.leg.session.log.Info("media source learned", "leg", string(st.leg.id), "kind", st.key.kind, "port", st.pair.RTP.Port())
}

// emit sends a packet of another stream to the hearer's party.
func (to *hearer) emit(now time.Time, feed int, h rtp.Header, p passage, packet []byte) {
	switch p.do {
	case muToA:
		rtp.MuLaw.Transcode(h.Payload(packet))
	case aToMu:
		rtp.ALaw.Transcode(h.Payload(packet))
	case passRED:
		rtp.RenumberRED(h.Payload(packet), func(pt uint8) uint8 {
			if to.table[pt].do == leaveOut {
				return pt
			}
			return to.table[pt].pt
		})
	case recode:
		if h, packet = to.recoders[p.with].recode(h, h.Payload(packet)); len(packet) <= rtp.HeaderSize {
			return // lost, and the gap in the numbers says so
		}
	}
	h.PayloadType = p.pt
	to.to.transmit(now, feed, h, packet)
}

// transmit puts a packet into the one stream the party hears.
func (st *stream) transmit(now time.Time, feed int, h rtp.Header, packet []byte) {
	st.outMu.Lock()
	defer st.outMu.Unlock()
	to := st.target.Load()
	if feed != st.from || to == nil {
		return
	}
	st.splice.Next(now, feed, h).Rewrite(packet)
	st.counts.sent.Add(1)
	if out := st.out.Load(); out != nil {
		var err error
		if packet, err = out.protect(packet); err != nil {
			st.counts.unsent.Add(1)
			return
		}
	} else if st.locked.Load() {
		st.counts.unsent.Add(1)
		return
	}
	if st.pair.RTP.WriteTo(packet, *to) != nil {
		st.counts.unsent.Add(1)
	}
}

// listen sets which feed the party hears.
func (st *stream) listen(feed int) {
	st.outMu.Lock()
	defer st.outMu.Unlock()
	st.from = feed
}

// pressed tells of a key once, when it goes down: all packets of one press have one
// timestamp (RFC 4733 s2.2.1), so its first one is known by a new one.
func (st *stream) pressed(h rtp.Header, packet []byte) {
	k, ok := rtp.ParseKeyPress(h.Payload(packet))
	if !ok || st.press.any && st.press.timestamp == h.Timestamp && st.press.ssrc == h.SSRC {
		return
	}
	st.press.any, st.press.timestamp, st.press.ssrc = true, h.Timestamp, h.SSRC
	if f := st.leg.session.keys.Load(); f != nil {
		(*f)(st.leg.id, k.Key)
	}
}

// report passes an RTCP packet on to the stream whose party hears this one.
func (st *stream) report(from netip.AddrPort, packet []byte) {
	if len(packet) < 8 || packet[0]>>6 != 2 || packet[1] < 192 || packet[1] > 223 {
		st.counts.malformed.Add(1)
		return
	}
	st.srcMu.Lock()
	party := st.source.Current()
	st.srcMu.Unlock()
	if from.Addr() != party.Addr() {
		st.counts.stray.Add(1)
		return
	}
	if in := st.in.Load(); in != nil {
		var err error
		if packet, err = in.unprotectReport(packet); err != nil {
			st.counts.forged.Add(1)
			return
		}
	} else if st.locked.Load() {
		st.counts.forged.Add(1)
		return
	}
	st.counts.reported.Store(time.Now().UnixNano())
	// RFC 4961: reports go back to where they come from.
	if at := st.control.Load(); at == nil || *at != from {
		set(&st.control, from)
	}
	hearers := st.route.Load().hearers
	for i, to := range hearers {
		b := packet
		if i < len(hearers)-1 {
			copied := buffers.Get().(*[maxPacket]byte)
			b = copied[:copy(copied[:], packet)]
			to.to.reportFrom(st, b)
			buffers.Put(copied)
			continue
		}
		to.to.reportFrom(st, b)
	}
}

// reportFrom sends a report of other's party, about its stream and ours, to our party.
func (st *stream) reportFrom(other *stream, packet []byte) {
	at := st.control.Load()
	if at == nil {
		return
	}
	var t rtp.Translation
	st.outMu.Lock()
	feed, ssrc, _, ts := st.splice.Shift()
	t.Sent = rtp.Renumbering{From: binary.BigEndian.Uint32(packet[4:]), To: st.splice.SSRC}
	if feed == other.feed && ssrc == t.Sent.From {
		t.Sent.Timestamp = ts
	}
	st.outMu.Unlock()
	other.outMu.Lock()
	feed, ssrc, seq, _ := other.splice.Shift()
	if feed == st.feed {
		t.Received = rtp.Renumbering{From: other.splice.SSRC, To: ssrc, Sequence: -seq}
	}
	other.outMu.Unlock()
	if n := rtp.TranslateRTCP(packet, t); n > 0 {
		packet = packet[:n]
		if out := st.out.Load(); out != nil {
			var err error
			if packet, err = out.protectReport(packet); err != nil {
				return
			}
		} else if st.locked.Load() {
			return
		}
		socket := st.pair.RTCP
		if st.mux.Load() {
			socket = st.pair.RTP
		}
		_ = socket.WriteTo(packet, *at) // reports are advice, and the next one comes
	}
}

func (r role) law() rtp.Law {
	switch r {
	case muLaw:
		return rtp.MuLaw
	case aLaw:
		return rtp.ALaw
	}
	return 0
}
