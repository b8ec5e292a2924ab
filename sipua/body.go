package sipua

import (
	"bytes"
	"fmt"
	"mime"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/gateway"
)

// maxParts bounds what one body is taken apart into.
const maxParts = 32

// parts takes a body apart: the session description, and everything else as it is. A
// nested multipart stays one part, so that it is passed on byte for byte (standards wO6).
func parts(m sip.Message) (sdp string, others []gateway.Part) {
	body := m.Body()
	if len(body) == 0 {
		return "", nil
	}
	ct := ""
	if hs := m.GetHeaders("Content-Type"); len(hs) > 0 {
		ct = hs[0].Value()
	}
	kind, params, err := mime.ParseMediaType(ct)
	if err != nil {
		kind = strings.ToLower(strings.TrimSpace(strings.SplitN(ct, ";", 2)[0]))
	}
	switch {
	case kind == "" || kind == "application/sdp":
		return string(body), nil
	case strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		for _, p := range split(body, params["boundary"]) {
			if sdp == "" && strings.HasPrefix(strings.ToLower(p.ContentType), "application/sdp") {
				sdp = string(p.Content)
				continue
			}
			others = append(others, p)
		}
		return sdp, others
	}
	p := gateway.Part{ContentType: ct, Content: body}
	if hs := m.GetHeaders("Content-ID"); len(hs) > 0 {
		p.ContentID = bare(hs[0].Value())
	}
	return "", []gateway.Part{p}
}

// split cuts a multipart body at its boundaries (RFC 2046 s5.1.1). mime/multipart would
// decode and drop what it does not know; parts are to pass through untouched.
func split(body []byte, boundary string) []gateway.Part {
	var ps []gateway.Part
	rest := append([]byte("\r\n"), body...)
	delimiter := []byte("\n--" + boundary)
	for len(ps) < maxParts {
		i := bytes.Index(rest, delimiter)
		if i < 0 {
			return ps
		}
		rest = rest[i+len(delimiter):]
		if bytes.HasPrefix(rest, []byte("--")) {
			return ps
		}
		j := bytes.IndexByte(rest, '\n')
		if j < 0 {
			return ps
		}
		rest = rest[j+1:]
		end := bytes.Index(rest, delimiter)
		content := rest
		if end >= 0 {
			content = bytes.TrimSuffix(rest[:end], []byte("\r"))
		}
		ps = append(ps, part(content))
	}
	return ps
}

func part(raw []byte) gateway.Part {
	var p gateway.Part
	for {
		line, rest, ok := bytes.Cut(raw, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			p.Content = rest
			return p
		}
		name, value, colon := strings.Cut(string(line), ":")
		if !ok || !colon {
			p.Content = raw // no headers at all: RFC 2046 s5.1 allows it
			return p
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "content-type", "c":
			p.ContentType = value
		case "content-id":
			p.ContentID = bare(value)
		case "content-disposition":
			p.Disposition = value
		}
		raw = rest
	}
}

func bare(id string) string { return strings.Trim(strings.TrimSpace(id), "<>") }

// body puts a session description and other parts together. One part stands alone.
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
		fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\n", boundary, p.ContentType)
		if p.ContentID != "" {
			fmt.Fprintf(&b, "Content-ID: <%s>\r\n", p.ContentID)
		}
		if p.Disposition != "" {
			fmt.Fprintf(&b, "Content-Disposition: %s\r\n", p.Disposition)
		}
		b.WriteString("\r\n")
		b.Write(p.Content)
		b.WriteString("\r\n")
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return `multipart/mixed; boundary="` + boundary + `"`, b.Bytes()
}
