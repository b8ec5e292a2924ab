package media

import (
	"github.com/pion/opus"

	"github.com/tocsin-sip/tocsin/rtp"
)

// isOpus: RFC 7587 s7 always writes opus/48000/2.
func (f format) isOpus() bool { return f.codec.name == "OPUS" }

// decodable says whether we can turn a format into speech, and so into G.711 for others.
// Of Opus we have the decoder only: a caller who has nothing else is heard by a PSAP, which
// is the half of the call that says where help is needed.
func (f format) decodable() bool { return f.translatable() || f.isOpus() }

// opusDecoder is an Opus decoder whose packets come from anybody. A packet it cannot read
// is a lost one; so is one at which the library fails, which must not end other calls.
type opusDecoder struct {
	decoder opus.Decoder
	ready   bool
}

func (d *opusDecoder) Decode(pcm []int16, coded []byte) (n int) {
	defer func() {
		if recover() != nil {
			d.ready, n = false, 0
		}
	}()
	if !d.ready {
		decoder, err := opus.NewDecoderWithOutput(rtp.SampleRate, 1)
		if err != nil {
			return 0
		}
		d.decoder, d.ready = decoder, true
	}
	n, err := d.decoder.DecodeToInt16(coded, pcm)
	if err != nil {
		return 0
	}
	return n
}
