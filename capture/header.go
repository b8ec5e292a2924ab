package capture

import (
	"bytes"
	"strings"
)

// header is one header field as it lies in a message, with the lines it is folded over
// (RFC 3261 s7.3.1).
type header struct {
	name, value []byte // of the message's own bytes
}

func (h header) is(name string) bool {
	return len(h.name) == len(name) && strings.EqualFold(string(h.name), name)
}

func (h header) isAny(names ...string) bool {
	for _, n := range names {
		if h.is(n) {
			return true
		}
	}
	return false
}

// cutLine takes the first line off; CR LF and a bare LF both end one.
func cutLine(text []byte) (line, rest []byte) {
	end := bytes.IndexByte(text, '\n')
	if end < 0 {
		return text, nil
	}
	return text[:end+1], text[end+1:]
}

// cutHeader takes the first header field off what is behind the start line. It is not ok
// at the empty line, where body is what comes after.
func cutHeader(text []byte) (h header, rest []byte, ok bool) {
	line, rest := cutLine(text)
	if len(bytes.TrimRight(line, "\r\n")) == 0 {
		return header{}, rest, false
	}
	n := len(line)
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		line, rest = cutLine(rest)
		n += len(line)
	}
	name, value, _ := bytes.Cut(text[:n], []byte(":"))
	return header{bytes.TrimRight(name, " \t"), bytes.TrimSpace(value)}, rest, true
}

// summary is what is asked of every message.
type summary struct {
	callID, method []byte
}

// summarise finds the Call-ID and the method, without making anything.
func summarise(raw []byte) summary {
	var s summary
	first, rest := cutLine(raw)
	response := bytes.HasPrefix(first, []byte("SIP/"))
	if !response {
		s.method, _, _ = bytes.Cut(first, []byte(" "))
	}
	for h, rest, ok := cutHeader(rest); ok; h, rest, ok = cutHeader(rest) {
		switch {
		case s.callID == nil && h.isAny("Call-ID", "i"):
			s.callID = h.value
		case response && h.is("CSeq"):
			if blank := bytes.LastIndexAny(h.value, " \t\n"); blank >= 0 {
				s.method = h.value[blank+1:]
			}
		}
		if s.callID != nil && s.method != nil {
			break
		}
	}
	return s
}

// beginsNoCall: an answer or a request of these methods is kept only when its Call-ID is
// claimed already.
func (s summary) beginsNoCall() bool {
	switch string(s.method) {
	case "REGISTER", "OPTIONS", "SUBSCRIBE", "PUBLISH":
		return true
	}
	return false
}

// mask overwrites the secrets of a message that is ours to change.
func mask(raw []byte) {
	_, rest := cutLine(raw)
	h, rest, ok := cutHeader(rest)
	for ; ok; h, rest, ok = cutHeader(rest) {
		if h.isAny("Authorization", "Proxy-Authorization") {
			// The scheme stays: Digest or Bearer is the half of most faults.
			if blank := bytes.IndexAny(h.value, " \t\r\n"); blank >= 0 {
				overwrite(h.value[blank:])
			} else {
				overwrite(h.value)
			}
		}
	}
	maskKeys(rest)
}

// maskKeys overwrites the keys of a=crypto lines: inline:KEY, up to the lifetime behind it
// (RFC 4568 s6.1). They are looked for in the whole body, of whatever type and however
// nested it is.
func maskKeys(body []byte) {
	inline := []byte("inline:")
	for {
		i := bytes.Index(body, inline)
		if i < 0 {
			return
		}
		body = body[i+len(inline):]
		end := bytes.IndexAny(body, "| ;\t\r\n")
		if end < 0 {
			end = len(body)
		}
		overwrite(body[:end])
	}
}

// overwrite leaves blanks and line ends, so that the message stays well formed.
func overwrite(b []byte) {
	for i, c := range b {
		if c > ' ' {
			b[i] = 'x'
		}
	}
}
