package sipua

import (
	"bytes"
	"fmt"
	"mime"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/gateway"
)

const (
	// maxParts bounds what one body is taken apart into, and maxDepth how deep.
	maxParts = 32
	maxDepth = 4
)

// parts takes a body apart: the session description, and everything else as it is. A
// nested multipart stays one part, so that it is passed on byte for byte (standards wO6);
// only one that holds the session description has to be opened.
func parts(m sip.Message) (sdp string, others []gateway.Part) {
	content := m.Body()
	if len(content) == 0 {
		return "", nil
	}
	p := gateway.Part{ContentType: headerValue(m, "Content-Type"), Content: content,
		Disposition: headerValue(m, "Content-Disposition"), ContentID: bare(headerValue(m, "Content-ID"))}
	if e := headerValue(m, "Content-Encoding"); e != "" {
		p.Headers = append(p.Headers, "Content-Encoding: "+e)
	}
	if kindOf(p) == "" {
		p.ContentType = "application/sdp" // the only body an INVITE can be thought to have
	}
	if boundaryOf(p) != "" {
		p.Inside = split(content, boundaryOf(p), maxDepth)
	}
	return take(p)
}

// take finds the first session description in a part, and leaves the rest whole where it can.
func take(p gateway.Part) (sdp string, others []gateway.Part) {
	if kindOf(p) == "application/sdp" {
		return lines(p.Content), nil
	}
	if len(p.Inside) == 0 || !strings.HasPrefix(kindOf(p), "multipart/") {
		return "", []gateway.Part{p}
	}
	for _, in := range p.Inside {
		if sdp == "" && (kindOf(in) == "application/sdp" || holdsSDP(in)) {
			found, rest := take(in)
			sdp, others = found, append(others, rest...)
			continue
		}
		others = append(others, in)
	}
	return sdp, others
}

func holdsSDP(p gateway.Part) bool {
	for _, in := range p.Inside {
		if kindOf(in) == "application/sdp" || holdsSDP(in) {
			return true
		}
	}
	return false
}

// lines ends the last line of a description: the line end before a delimiter belongs to
// the delimiter (RFC 2046 s5.1.1).
func lines(sdp []byte) string {
	s := string(sdp)
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\r\n"
	}
	return s
}

// kindOf is the media type of a part, without parameters.
func kindOf(p gateway.Part) string {
	kind, _, _ := strings.Cut(p.ContentType, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// boundaryOf is what parts a multipart. What mime will not read, a bare slash in the
// boundary for one, is read all the same; where it is missing, the first line tells.
func boundaryOf(p gateway.Part) string {
	if !strings.HasPrefix(kindOf(p), "multipart/") {
		return ""
	}
	if _, params, err := mime.ParseMediaType(p.ContentType); err == nil && params["boundary"] != "" {
		return params["boundary"]
	}
	for _, param := range splitOutside(p.ContentType, ';') {
		if k, v, _ := strings.Cut(param, "="); strings.EqualFold(strings.TrimSpace(k), "boundary") {
			if v = strings.Trim(strings.TrimSpace(v), `"`); v != "" {
				return v
			}
		}
	}
	first, _, _ := bytes.Cut(bytes.TrimLeft(p.Content, "\r\n"), []byte("\n"))
	if b, ok := bytes.CutPrefix(bytes.TrimRight(first, "\r \t"), []byte("--")); ok {
		return string(b)
	}
	return ""
}

// split cuts a multipart body at its boundaries (RFC 2046 s5.1.1). mime/multipart would
// decode and drop what it does not know; parts are to pass through untouched.
func split(body []byte, boundary string, depth int) []gateway.Part {
	var ps []gateway.Part
	start, _, last := delimiter(body, boundary, 0)
	for start >= 0 && start < len(body) && !last && len(ps) < maxParts {
		next, begin, end := delimiter(body, boundary, start)
		content := body[start:]
		if next >= 0 {
			content = bytes.TrimSuffix(bytes.TrimSuffix(body[start:max(start, begin)], []byte("\n")), []byte("\r"))
		}
		p := part(content)
		if b := boundaryOf(p); b != "" && depth > 1 {
			p.Inside = split(p.Content, b, depth-1)
		}
		ps = append(ps, p)
		start, last = next, end
	}
	return ps
}

// delimiter finds the next delimiter line from an offset on: where it begins, where the
// line after it begins (-1 if there is none) and whether it closes the multipart. A line
// that goes on after the boundary belongs to a boundary that begins alike.
func delimiter(body []byte, boundary string, from int) (after, begin int, last bool) {
	for at := from; at < len(body); {
		line, _, _ := bytes.Cut(body[at:], []byte("\n"))
		if rest, ok := bytes.CutPrefix(line, []byte("--"+boundary)); ok {
			rest, last = bytes.CutPrefix(rest, []byte("--"))
			if len(bytes.TrimRight(rest, " \t\r")) == 0 {
				return min(at+len(line)+1, len(body)), at, last
			}
		}
		at += len(line) + 1
	}
	return -1, -1, false
}

func part(raw []byte) gateway.Part {
	var p gateway.Part
	rest, whole := raw, raw
	for {
		line, after, ok := cutHeader(rest)
		if line == "" {
			p.Content = after
			return p
		}
		name, value, colon := strings.Cut(line, ":")
		if !ok || !colon {
			return gateway.Part{Content: whole} // no headers at all: RFC 2046 s5.1 allows it
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "content-type", "c":
			p.ContentType = value
		case "content-id":
			p.ContentID = bare(value)
		case "content-disposition":
			p.Disposition = value
		case "content-length", "l": // ours will be another part of another message
		default:
			p.Headers = append(p.Headers, line)
		}
		rest = after
	}
}

// cutHeader takes one header line with its continuations; false where no line ends.
func cutHeader(b []byte) (line string, rest []byte, ok bool) {
	one, rest, ok := bytes.Cut(b, []byte("\n"))
	line = strings.TrimRight(string(one), "\r \t")
	for line != "" && len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		one, rest, ok = bytes.Cut(rest, []byte("\n"))
		line += " " + strings.Trim(string(one), "\r \t")
	}
	return line, rest, ok
}

func bare(id string) string { return strings.Trim(strings.TrimSpace(id), "<>") }

// body puts a session description and other parts together. A description stands alone.
func body(sdp string, others []gateway.Part) (contentType string, content []byte) {
	if len(others) == 0 {
		if sdp == "" {
			return "", nil
		}
		return "application/sdp", []byte(sdp)
	}
	boundary := "tocsin-" + newTag()
	var b bytes.Buffer
	if sdp != "" {
		fmt.Fprintf(&b, "--%s\r\nContent-Type: application/sdp\r\n\r\n%s\r\n", boundary, sdp)
	}
	for _, p := range others {
		fmt.Fprintf(&b, "--%s\r\n", boundary)
		field := func(name, value string) {
			if value != "" {
				fmt.Fprintf(&b, "%s: %s\r\n", name, value)
			}
		}
		field("Content-Type", p.ContentType)
		if p.ContentID != "" {
			field("Content-ID", "<"+p.ContentID+">")
		}
		field("Content-Disposition", p.Disposition)
		for _, h := range p.Headers {
			b.WriteString(h + "\r\n")
		}
		b.WriteString("\r\n")
		b.Write(p.Content)
		b.WriteString("\r\n")
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return `multipart/mixed; boundary="` + boundary + `"`, b.Bytes()
}
