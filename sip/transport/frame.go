package transport

import (
	"errors"
	"fmt"
)

var (
	errTooLarge    = errors.New("message larger than the limit")
	errUnframeable = errors.New("no way to find the end of the message")
)

// frame is what a framer found at the front of a stream.
type frame int

const (
	frameNone    frame = iota + 1 // more bytes are needed
	frameMessage                  // a whole message
	framePing                     // CRLF CRLF between messages: RFC 5626 s3.5.1
)

// framer cuts a byte stream into messages by Content-Length (RFC 3261 s18.3). It holds
// at most one message and what came in the same read behind it.
type framer struct {
	max  int // bytes of one message
	buf  []byte
	done int // bytes at the front of buf already handed out
	seen int // of the message at buf[done:], bytes searched for the end of its head
	need int // its whole length, once the head is complete
	crlf int // CRLFs in a row since the last message
}

const readSize = 4 << 10

// space returns where to read the next bytes to; added says how many came.
func (f *framer) space() []byte {
	if f.done > 0 {
		n := copy(f.buf, f.buf[f.done:])
		f.buf, f.done = f.buf[:n], 0
	}
	if len(f.buf) == 0 && cap(f.buf) > 4*readSize {
		f.buf = nil // one large message should not hold its space for the life of the connection
	}
	if cap(f.buf)-len(f.buf) < readSize/4 {
		grown := make([]byte, len(f.buf), max(readSize, 2*cap(f.buf)))
		copy(grown, f.buf)
		f.buf = grown
	}
	return f.buf[len(f.buf):cap(f.buf)]
}

func (f *framer) added(n int) { f.buf = f.buf[:len(f.buf)+n] }

// partial says whether a message has begun and not ended.
func (f *framer) partial() bool { return len(f.buf) > f.done }

// pong takes one CRLF with nothing behind it for the answer to a ping (RFC 5626 s3.5.1). It could be half a
// ping; which is for the caller to tell, who knows whether an answer is awaited.
func (f *framer) pong() bool {
	if f.crlf != 1 || f.partial() {
		return false
	}
	f.crlf = 0
	return true
}

// next takes one thing off the front. A message aliases the buffer and is good until space is
// called. After an error the stream cannot be read on; with errUnframeable the
// head that was understood is returned, so that it can be answered.
func (f *framer) next() (frame, []byte, error) {
	if f.need == 0 {
		// RFC 3261 s7.5: CRLFs before a start line are ignored.
		for f.done < len(f.buf) {
			c := f.buf[f.done]
			if c != '\r' && c != '\n' {
				break
			}
			f.done++
			if c != '\n' {
				continue
			}
			if f.crlf++; f.crlf == 2 {
				f.crlf = 0
				return framePing, nil, nil
			}
		}
	}
	b := f.buf[f.done:]
	if len(b) == 0 {
		return frameNone, nil, nil
	}
	f.crlf = 0
	if f.need == 0 {
		from := max(0, f.seen-3) // the end may straddle two reads
		end := headEnd(b[from:])
		if end == 0 {
			if f.seen = len(b); f.seen > f.max {
				return frameNone, nil, errTooLarge
			}
			return frameNone, nil, nil
		}
		if end += from; end > f.max {
			return frameNone, nil, errTooLarge
		}
		length, _, err := contentLength(b[:end])
		if err != nil {
			return frameNone, b[:end], fmt.Errorf("%w: %w", errUnframeable, err)
		}
		// RFC 3261 s20.14 makes it mandatory on a stream; without it the only
		// reading that keeps the connection is that there is no body.
		if f.need = end + length; f.need > f.max {
			return frameNone, nil, errTooLarge
		}
	}
	if len(b) < f.need {
		return frameNone, nil, nil
	}
	msg := b[:f.need:f.need]
	f.done += f.need
	f.need, f.seen = 0, 0
	return frameMessage, msg, nil
}
