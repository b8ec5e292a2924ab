package media

import (
	"cmp"

	"github.com/tocsin-sip/tocsin/rtp"
)

// decoder and encoder turn coded speech into samples at rtp.SampleRate and back, and say
// how many samples or octets that were.
type decoder interface {
	Decode(pcm []int16, coded []byte) int
}

type encoder interface {
	Encode(coded []byte, pcm []int16) int
}

type lawCoder struct{ law rtp.Law }

func (c lawCoder) Decode(pcm []int16, coded []byte) int {
	n := min(len(pcm), len(coded))
	c.law.Decode(pcm[:n], coded[:n])
	return n
}

func (c lawCoder) Encode(coded []byte, pcm []int16) int {
	n := min(len(pcm), len(coded))
	c.law.Encode(coded[:n], pcm[:n])
	return n
}

// translatable says whether we can turn a format into speech and speech into it.
func (f format) translatable() bool {
	if _, ok := f.law(); ok {
		return true
	}
	return f.codec == g722 || f.isLinear()
}

// isLinear: L16 (RFC 3551 s4.5.11) at a rate that speech may have.
func (f format) isLinear() bool {
	return f.codec.name == "L16" && f.codec.clock >= rtp.SampleRate && f.codec.clock <= 48000 && f.codec.channels >= 1 && f.codec.channels <= 2
}

func (f format) decoder() decoder {
	if law, ok := f.law(); ok {
		return lawCoder{law}
	}
	switch {
	case f.codec == g722:
		return rtp.NewG722()
	case f.isOpus():
		return &opusDecoder{}
	}
	return rtp.NewLinearDecoder(int(f.codec.clock), f.codec.channels)
}

func (f format) encoder() encoder {
	if law, ok := f.law(); ok {
		return lawCoder{law}
	}
	if f.codec == g722 {
		return rtp.NewG722()
	}
	return rtp.NewLinearEncoder(int(f.codec.clock), f.codec.channels)
}

// octets is how long so many samples are when they are coded.
func (f format) octets(samples int) int {
	if f.isLinear() {
		return samples*int(f.codec.clock)*2*f.codec.channels/rtp.SampleRate + 2*f.codec.channels
	}
	return samples
}

// samples is how many samples so many octets may be at most.
func (f format) samples(octets int) int {
	switch {
	case f.isOpus():
		return 6 * rtp.FrameSize // RFC 6716 s3.2: 120 ms in a packet, however short it is
	case f.isLinear():
		return octets*rtp.SampleRate/(2*f.codec.channels*int(f.codec.clock)) + 2
	}
	return octets
}

// maxSpeech is the longest packet that is translated, in samples: 200 ms (RFC 3551 s4.2).
const maxSpeech = 10 * rtp.FrameSize

// recoder translates one party's speech for another whose codec is another. Its state goes
// on while the two stay what they are, whatever is played in between. Only the reader of
// the source uses it.
type recoder struct {
	from, to format
	decode   decoder
	encode   encoder
	pcm      []int16 // as long as the longest packet so far, as is packet
	packet   []byte

	begun   bool
	in, out uint32 // the last timestamps
}

func newRecoder(from, to format) *recoder {
	return &recoder{from: from, to: to, decode: from.decoder(), encode: to.encoder()}
}

// recode is the packet for the other side. What lies between header and payload is left
// out: it spoke of the other coding. A packet that cannot be decoded is empty.
func (r *recoder) recode(h rtp.Header, payload []byte) (rtp.Header, []byte) {
	if n := min(r.from.samples(len(payload)), maxSpeech); n > len(r.pcm) {
		r.pcm = make([]int16, n)
		r.packet = make([]byte, rtp.HeaderSize+r.to.octets(n)+sealRoom)
	}
	if len(r.pcm) == 0 {
		return h, nil
	}
	body := r.packet[rtp.HeaderSize : len(r.packet)-sealRoom]
	n := r.encode.Encode(body, r.pcm[:r.decode.Decode(r.pcm, payload)])
	h.Timestamp = r.timestamp(h.Timestamp)
	h.Put(r.packet)
	return h, r.packet[:rtp.HeaderSize+n]
}

// timestamp moves a timestamp to the clock of the other side. It counts from one packet to
// the next, since their timelines do not end at the same time.
func (r *recoder) timestamp(in uint32) uint32 {
	from, to := int64(cmp.Or(r.from.codec.clock, rtp.SampleRate)), int64(cmp.Or(r.to.codec.clock, rtp.SampleRate))
	if !r.begun {
		r.begun, r.in, r.out = true, in, in
	}
	step := int64(int32(in - r.in))
	r.out += uint32(step * to / from)
	r.in += uint32(step)
	return r.out
}

// recoding names a recoder of a source stream.
type recoding struct {
	to       *stream
	from, as uint8 // payload types
}

// recoderFor finds or makes the recoder of a format on its way to a hearer. Session.mu is held.
func (st *stream) recoderFor(to *stream, from, as format) *recoder {
	key := recoding{to, from.pt, as.pt}
	if r := st.recoders[key]; r != nil && r.from.codec == from.codec && r.to.codec == as.codec {
		return r
	}
	if st.recoders == nil {
		st.recoders = map[recoding]*recoder{}
	}
	r := newRecoder(from, as)
	st.recoders[key] = r
	return r
}
