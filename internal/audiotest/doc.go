// Package audiotest hears what a test's phones hear.
//
// Counting packets does not show that a caller and a PSAP can talk: the packets may
// carry silence, the wrong law or the wrong party. Tests therefore send something that
// can be recognised and look for it on the other side: Level measures one frequency
// (the Goertzel algorithm), Match finds known speech wherever it begins (normalised
// cross-correlation, so loudness does not matter). Phone is an RTP end point with
// ears and a mouth, over any net.PacketConn.
//
// It is used by tests only, and fails by answering "not heard", never by panicking.
package audiotest
