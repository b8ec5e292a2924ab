// Package rtp is the part of RFC 3550 and RFC 3551 that a relay for emergency calls needs.
//
// It holds sockets, headers, the two G.711 laws, G.722 and L16 as far as a telephone hears
// them, tones and WAV; it knows no call, no
// SDP and no policy. What it promises:
//
//   - Nothing on the path of a packet allocates. A packet is read into a buffer that
//     its reader owns, its header is rewritten in place and the same bytes are sent.
//
//   - Ports are lent in pairs, even for RTP and the next odd one for RTCP (RFC 3550
//     s11), and a pair given back drains before it is lent again, so that the last
//     packets of one call never reach the next. When every pair is lent, asking for
//     one more is an error that says so in numbers; it never waits.
//
//   - Source answers "where do we send?" behind NAT:
//
//     negotiated --five valid packets in sequence from another source--> locked
//     any state  --offer/answer--> negotiated
//
//     One stray or forged packet moves nothing; a locked source cannot be moved by
//     anybody but the party itself, through its signalling.
//
//   - Splice gives the receiver one SSRC, one sequence and one timeline while what it
//     hears is switched from an announcement to the PSAP and back (RFC 3550 s5.1:
//     a receiver treats a jump in them as a new stream, and many phones click, mute
//     or re-buffer).
//
// A malformed packet is an error of Parse and is dropped by whoever asked; no input
// makes this package panic (it is fuzzed). A failing socket ends its own reader and
// nothing else.
package rtp
