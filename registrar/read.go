package registrar

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/org"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// refusal is an answer other than 200.
type refusal struct {
	status  int
	reason  string
	headers []sip.Header
}

// refuse makes a refusal with names and values of headers.
func refuse(status int, reason string, headers ...string) *refusal {
	r := &refusal{status: status, reason: reason}
	for i := 0; i+1 < len(headers); i += 2 {
		r.with(headers[i], headers[i+1])
	}
	return r
}

func (r *refusal) with(name, value string) {
	r.headers = append(r.headers, sip.NewHeader(name, value))
}

// question is a REGISTER as it is understood.
type question struct {
	req       *sip.Request
	to, from  sip.Uri
	callID    string
	cseq      uint32
	contacts  []contact
	all       bool // Contact: *
	path      []string
	wantsPath bool
	userAgent string
	symmetric bool
}

// contact is one contact of a REGISTER.
type contact struct {
	uri             sip.Uri
	params          string
	instance, regID string
	expires         time.Duration
}

// Limits on what a phone may make us remember.
const (
	maxURI       = 512
	maxParams    = 512
	maxUserAgent = 200
	maxPath      = 8
)

// forever is any time too long to count.
const forever = 1 << 32 * time.Second

// read is RFC 3261 s10.3 steps 1 and 2, and what makes a REGISTER unusable. A phone with an
// odd header that does not matter here is registered all the same: who is registered can
// be helped.
func read(req *sip.Request, faults []transport.Fault, standard time.Duration) (*question, *refusal) {
	for _, f := range faults {
		switch f.Kind {
		case transport.BadVersion, transport.MethodMismatch, transport.MissingHeader:
			return nil, refuse(f.Status(), oneLine(f.String()))
		}
	}
	q := &question{req: req}
	to, from, callID, cseq := req.To(), req.From(), req.CallID(), req.CSeq()
	if to == nil || from == nil || callID == nil || cseq == nil {
		return nil, refuse(sip.StatusBadRequest, "Bad Request")
	}
	q.to, q.from, q.callID, q.cseq = to.Address, from.Address, callID.Value(), cseq.SeqNo
	if bad := unsupported(req); bad != "" { // s8.2.2.3
		return nil, refuse(sip.StatusBadExtension, "Bad Extension", "Unsupported", bad)
	}
	for _, h := range req.GetHeaders("Path") {
		q.path = append(q.path, h.Value())
	}
	q.wantsPath = has(req, "Supported", "path") || has(req, "Require", "path")
	if h := req.GetHeader("User-Agent"); h != nil {
		q.userAgent = truncated(oneLine(h.Value()), maxUserAgent)
	}
	if v := req.Via(); v != nil {
		_, q.symmetric = param(v.Params, "rport") // RFC 3581 s3
	}
	if len(q.callID) > maxURI || len(q.path) > maxPath || len(strings.Join(q.path, "")) > maxURI {
		return nil, refuse(sip.StatusBadRequest, "Header Too Long")
	}
	return q, q.readContacts(standard)
}

func (q *question) readContacts(standard time.Duration) *refusal {
	stated := false
	if h := q.req.GetHeader("Expires"); h != nil {
		standard, stated = seconds(h.Value()), true
	}
	for _, h := range q.req.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok {
			return refuse(sip.StatusBadRequest, "Bad Contact")
		}
		if c.Address.Wildcard {
			q.all = true
			continue
		}
		n := contact{uri: c.Address, expires: standard}
		var kept sip.HeaderParams
		for _, kv := range c.Params {
			switch strings.ToLower(kv.K) {
			case "expires":
				n.expires = seconds(kv.V)
				continue
			case "+sip.instance":
				n.instance = kv.V
			case "reg-id":
				n.regID = kv.V
			}
			kept = append(kept, kv)
		}
		n.params = kept.ToString(';')
		if len(n.uri.String()) > maxURI || len(n.params) > maxParams {
			return refuse(sip.StatusBadRequest, "Contact Too Long")
		}
		q.contacts = append(q.contacts, n)
	}
	if q.all && (len(q.contacts) > 0 || !stated || standard != 0) { // s10.3 step 6
		return refuse(sip.StatusBadRequest, "Contact * Needs Expires 0 And No Other")
	}
	return nil
}

// seconds is a number of an Expires header or parameter.
func seconds(s string) time.Duration {
	s = strings.TrimSpace(s)
	n, err := strconv.ParseUint(s, 10, 32)
	switch {
	case err == nil:
		return time.Duration(n) * time.Second
	case s != "" && strings.Trim(s, "0123456789") == "":
		return forever
	}
	return time.Hour // RFC 3261 s20.19, s10.2.1.1: malformed values are 3600
}

// unsupported are the extensions that are required and not known here.
func unsupported(req *sip.Request) string {
	var bad []string
	for _, h := range req.GetHeaders("Require") {
		for tag := range strings.SplitSeq(h.Value(), ",") {
			if tag = strings.TrimSpace(tag); tag != "" && !strings.EqualFold(tag, "path") {
				bad = append(bad, tag)
			}
		}
	}
	return strings.Join(bad, ", ")
}

func has(req *sip.Request, header, tag string) bool {
	for _, h := range req.GetHeaders(header) {
		for t := range strings.SplitSeq(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(t), tag) {
				return true
			}
		}
	}
	return false
}

// authorise is RFC 3261 s10.3 steps 4 and 5: the To names the device or its extension.
func authorise(d *org.Directory, q *question, who caller) (AOR, *refusal) {
	x, dev := who.owner.Extension, who.owner.Device
	aor := AOR{Account: who.view.Name(), Extension: x.Number, Device: dev.Name}
	user := unescaped(q.to.User)
	if user == "" || user == dev.Username || user == x.Number || user == dev.Name {
		return aor, nil
	}
	_, _, device := d.Device(who.domain, user)
	if device || who.view.Extension(user) != nil {
		return aor, refuse(sip.StatusForbidden, "Another's Address Of Record")
	}
	return aor, refuse(sip.StatusNotFound, "Not Found")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func truncated(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
