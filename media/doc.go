// Package media anchors the media of a call: every leg sends to us and hears us.
//
// An anchor is what makes the order of a call independent of its media. The caller's
// phone gets one address, one SSRC and one timeline, while behind them ringing, an
// announcement, the safety team and the PSAP take turns; no leg is re-invited because
// another one answered, moved or left.
//
// # A session
//
// A Session is the media of one call; it has named legs. For each leg:
//
//	a party that offered:  SetOffer -> AnswerFor | AnswerLocal      (ReOffer later)
//	a party that we call:  OfferFor | OfferG711 -> SetAnswer        (again for a retry or a fork)
//	without an offer:      OfferG711 -> SetAnswer                   (RFC 3261 s13.2.1, delayed offer)
//
// and, at any time in between, what it hears: Connect, Listen, Play, Disconnect. A leg
// hears one thing at a time; while something is played to it, that. Streams of two legs
// belong together by kind and order: the first audio with the first audio, the second
// video with the second. G.711, G.722 and
// linear speech (L16) are translated into each other where the two sides have none in
// common; Opus is decoded for a side that has none, which is noted, since it cannot be
// coded; every other codec, real-time text (RFC 4103) and video are passed through,
// renumbered where the two sides gave them different payload types.
//
// # What we offer
//
// G.711 first, no silence suppression (RFC 6881 ED-72), then everything else the caller
// offered under the same payload types and parameters. Media that cannot be relayed
// keeps its m-line with port 0 (RFC 3264 s5.1), so that the lines of both sides match.
//
// # SRTP
//
// A party that offers keys in its SDP (RFC 4568), under RTP/SAVP or beside RTP/AVP, is
// answered under the same profile with a key of ours; Session.Secure makes our own offers
// have keys. SRTP ends at the anchor, each leg has its own keys, and a leg without them is
// plain. A new key in a new offer begins both directions afresh; the same key again keeps
// them. Before the source of a packet is looked at it must be under the key, so only who
// has the key can move a stream. What cannot be keyed is tried in the clear and noted (L1).
//
// A party that offers DTLS (RFC 5764) is answered with the anchor's certificate, made for
// this process and vouched for by its hash in the SDP. The party begins the handshake,
// unless it does not want to, and until it has ended nothing is sent and nothing heard:
//
//	locked --handshake, certificate as in the SDP--> keyed --other certificate--> locked
//
// With ICE (RFC 8445) we are the lite side: the party's checks are answered when they are
// signed with the password of our SDP, and media goes where it nominates. We offer neither
// DTLS nor ICE ourselves. Without rtcp-mux such a party's reports are not understood, since
// they would have a handshake of their own.
//
// # Failure
//
// A body that cannot be read costs nothing but a degradation (L1): what is legible of it
// is used, and when nothing is, G.711 is offered and answered, and the party's address
// is learned from its packets (package rtp, Source). The only errors are those a caller
// must branch on: no port is free, the session has ended, or an answer is asked for where
// nothing was offered. Ports that are still draining are taken before a call is refused.
//
// A party whose media stops does not end anything here: Session.OnLost tells whoever
// decides about calls when neither RTP nor RTCP has come for a while from a party that
// was heard before and has no reason to be silent, and when it is heard again.
//
// # Who runs
//
// One goroutine reads each socket and forwards what it read, without a queue and without
// allocating; one goroutine paces each sound being played; one, for all sessions, looks
// once a second for parties that were lost. Release and Close wait for them, so functions
// given to a Session must not call back into it.
package media
