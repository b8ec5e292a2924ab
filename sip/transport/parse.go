package transport

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// ErrNotSIP says that bytes are not a SIP message, or a response nobody could match.
var ErrNotSIP = errors.New("not a SIP message")

// errBadResponse is the part of ErrNotSIP that says nothing against what else its sender sends.
var errBadResponse = fmt.Errorf("%w: unusable response", ErrNotSIP)

// Parse reads one message: a datagram, or what a stream's framing cut out. It copies
// what it keeps of raw. The faults are what a strict element would refuse the message for; the
// message is usable as far as it goes: a header that could not be read is there as text, and
// its typed accessor returns nil.
//
// Bytes after Content-Length are ignored (RFC 3261 s18.3); without one the body is the rest.
// Folded lines are joined, compact names written out and known names put into
// their usual case, so that they can be looked up and removed by name.
func Parse(raw []byte) (sip.Message, []Fault, error) {
	end := headEnd(raw)
	var faults []Fault
	head, body := raw, []byte(nil)
	if end > 0 {
		head, body = raw[:end], raw[end:]
	} else {
		faults = append(faults, Fault{Kind: UnfinishedHead})
	}
	start, rest, _ := strings.Cut(string(head), "\n")
	msg, faults, err := parseStart(start, faults)
	if err != nil {
		return nil, nil, err
	}
	for rest != "" {
		var line string
		line, rest = nextLine(rest)
		if line == "" {
			continue
		}
		faults = parseHeader(msg, line, faults)
	}
	length, stated, err := contentLength(head)
	switch {
	case err != nil:
		faults = append(faults, Fault{BadLength, "Content-Length", err.Error()})
	case stated && length > len(body):
		faults = append(faults, Fault{ShortBody, "Content-Length", fmt.Sprintf("%d of %d bytes", len(body), length)})
	case stated:
		body = body[:length]
	}
	faults = validate(msg, faults)
	if res, ok := msg.(*sip.Response); ok && !matchable(res) {
		return nil, nil, fmt.Errorf("%w: Via, From, To, Call-ID or CSeq missing or broken", errBadResponse)
	}
	if len(body) > 0 {
		msg.SetBody(bytes.Clone(body))
	}
	return msg, faults, nil
}

// headEnd is the length of the start line and headers with the empty line after them; 0 if it is
// not there. A bare LF ends a line too: some UAs write one, and nothing else it could mean is legal.
func headEnd(b []byte) int {
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n + 1
		switch rest := b[i:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return i + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i + 2
		}
	}
}

// nextLine takes a header line with its continuations, joined by one space (RFC 3261 s7.3.1).
func nextLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	line = strings.TrimRight(line, "\r \t")
	for rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
		var more string
		more, rest, _ = strings.Cut(rest, "\n")
		if more = strings.Trim(more, "\r \t"); more != "" {
			line += " " + more
		}
	}
	return line, rest
}

func parseStart(line string, faults []Fault) (sip.Message, []Fault, error) {
	line = strings.TrimSuffix(line, "\r")
	if len(line) >= 4 && strings.EqualFold(line[:4], "SIP/") {
		return parseStatus(line, faults)
	}
	if trimmed := strings.TrimSpace(line); trimmed != line {
		line = trimmed
		faults = append(faults, Fault{BadStartLine, "", "white space around it"})
	}
	first, last := strings.IndexByte(line, ' '), strings.LastIndexByte(line, ' ')
	if first <= 0 || last == first {
		return nil, nil, fmt.Errorf("%w: no request line", ErrNotSIP)
	}
	method, uri, version := line[:first], line[first+1:last], line[last+1:]
	if !isToken(method) {
		return nil, nil, fmt.Errorf("%w: no method", ErrNotSIP)
	}
	if len(version) < 4 || !strings.EqualFold(version[:4], "SIP/") {
		return nil, nil, fmt.Errorf("%w: no version in the request line", ErrNotSIP)
	}
	if !strings.EqualFold(version, "SIP/2.0") {
		faults = append(faults, Fault{BadVersion, "", version})
	}
	// RFC 4475 s3.1.2.7 to s3.1.2.9: brackets or blanks in the Request-URI.
	bare := strings.Join(strings.Fields(uri), "")
	bare = strings.TrimSuffix(strings.TrimPrefix(bare, "<"), ">")
	if bare != uri {
		faults = append(faults, Fault{BadStartLine, "", "brackets or blanks in the Request-URI"})
	}
	target, err := parseURI(bare)
	if err != nil {
		faults = append(faults, Fault{BadStartLine, "", err.Error()})
	} else if len(target.Headers) > 0 {
		// RFC 3261 s19.1.1: headers are not allowed in a Request-URI.
		faults = append(faults, Fault{BadStartLine, "", "headers in the Request-URI"})
	}
	return sip.NewRequest(sip.RequestMethod(method), target), faults, nil
}

func parseStatus(line string, faults []Fault) (sip.Message, []Fault, error) {
	version, rest, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || n < 100 || n > 699 {
		return nil, nil, fmt.Errorf("%w: status code %.20q", errBadResponse, code)
	}
	if !strings.EqualFold(version, "SIP/2.0") {
		return nil, nil, fmt.Errorf("%w: version %.20q", errBadResponse, version)
	}
	return sip.NewResponse(n, reason), faults, nil
}

// parseHeader adds one header row to msg, as several values where it is a list.
func parseHeader(msg sip.Message, line string, faults []Fault) []Fault {
	name, value, ok := strings.Cut(line, ":")
	name = strings.TrimRight(name, " \t")
	if !ok || !isToken(name) {
		return append(faults, Fault{BadHeader, "", fmt.Sprintf("%.40q is no header", line)})
	}
	name, value = headerName(name), strings.TrimSpace(value)
	// keep is for what could not be read: still there for whoever looks for it by name.
	keep := func(kind FaultKind, text, why string) {
		msg.AppendHeader(sip.NewHeader(name, text))
		faults = append(faults, Fault{kind, name, why})
	}
	switch name {
	case "Via":
		for _, text := range splitList(value) {
			via, fault, err := parseVia(text)
			if err != nil {
				keep(BadHeader, text, err.Error())
				continue
			}
			if fault != "" {
				faults = append(faults, Fault{BadHeader, name, fault})
			}
			msg.AppendHeader(via)
		}
	case "From", "To":
		a, err := parseAddress(value)
		if err != nil {
			keep(BadHeader, value, err.Error())
			break
		}
		if a.fault != "" {
			faults = append(faults, Fault{BadHeader, name, a.fault})
		}
		if name == "From" {
			msg.AppendHeader(&sip.FromHeader{DisplayName: a.display, Address: a.uri, Params: a.params})
		} else {
			msg.AppendHeader(&sip.ToHeader{DisplayName: a.display, Address: a.uri, Params: a.params})
		}
	case "Contact", "Route", "Record-Route":
		for _, text := range splitList(value) {
			if text == "*" && name == "Contact" {
				msg.AppendHeader(&sip.ContactHeader{Address: sip.Uri{Wildcard: true, Host: "*"}})
				continue
			}
			a, err := parseAddress(text)
			if err != nil {
				keep(BadHeader, text, err.Error())
				continue
			}
			if a.fault != "" {
				faults = append(faults, Fault{BadHeader, name, a.fault})
			}
			switch name {
			case "Contact":
				msg.AppendHeader(&sip.ContactHeader{DisplayName: a.display, Address: a.uri, Params: a.params})
			case "Route":
				msg.AppendHeader(&sip.RouteHeader{Address: a.uri})
			default:
				msg.AppendHeader(&sip.RecordRouteHeader{Address: a.uri})
			}
		}
	case "Call-ID":
		if value == "" || strings.ContainsAny(value, " \t") {
			keep(BadHeader, value, "empty or with blanks")
			break
		}
		id := sip.CallIDHeader(value)
		msg.AppendHeader(&id)
	case "CSeq":
		number, method, _ := strings.Cut(value, " ")
		n, err := strconv.ParseUint(number, 10, 64)
		method = strings.TrimSpace(method)
		switch {
		case err != nil || n >= 1<<31: // RFC 3261 s8.1.1.5
			keep(BadNumber, value, "number not below 2^31")
		case !isToken(method):
			keep(BadHeader, value, "no method")
		default:
			msg.AppendHeader(&sip.CSeqHeader{SeqNo: uint32(n), MethodName: sip.RequestMethod(method)})
		}
	case "Max-Forwards":
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil || n > 255 { // RFC 3261 s20.22
			keep(BadNumber, value, "not 0 to 255")
			break
		}
		h := sip.MaxForwardsHeader(n)
		msg.AppendHeader(&h)
	case "Content-Length":
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			// The fault is noted by contentLength, which has seen all of them.
			msg.AppendHeader(sip.NewHeader(name, value))
			break
		}
		h := sip.ContentLengthHeader(n)
		msg.AppendHeader(&h)
	case "Content-Type":
		if value == "" {
			keep(BadHeader, value, "empty")
			break
		}
		h := sip.ContentTypeHeader(value)
		msg.AppendHeader(&h)
	default:
		msg.AppendHeader(sip.NewHeader(name, value))
	}
	return faults
}

// contentLength finds the Content-Length in a head. Several that disagree are an error: on a stream
// that is how one message is smuggled inside another.
func contentLength(head []byte) (n int, stated bool, err error) {
	_, rest, _ := bytes.Cut(head, []byte("\n"))
	for len(rest) > 0 {
		// Cheap first: a header that begins with neither letter is not it.
		if c := rest[0] | 0x20; c != 'c' && c != 'l' {
			_, rest, _ = bytes.Cut(rest, []byte("\n"))
			continue
		}
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		name, _, ok := bytes.Cut(line, []byte(":"))
		if trimmed := string(bytes.TrimRight(name, " \t")); !ok || !strings.EqualFold(trimmed, "Content-Length") && !strings.EqualFold(trimmed, "l") {
			rest = rest[min(len(line)+1, len(rest)):]
			continue
		}
		whole, after := nextLine(string(rest))
		rest = rest[len(rest)-len(after):]
		_, value, _ := strings.Cut(whole, ":")
		v, perr := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
		if perr != nil {
			return 0, true, fmt.Errorf("%.20q is no length", strings.TrimSpace(value))
		}
		if stated && int(v) != n {
			return 0, true, fmt.Errorf("both %d and %d", n, v)
		}
		n, stated = int(v), true
	}
	return n, stated, nil
}

// isToken says whether s is a token of RFC 3261 s25.1.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-.!%*_+`'~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
