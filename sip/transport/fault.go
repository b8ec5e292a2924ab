package transport

import (
	"fmt"

	"github.com/emiago/sipgo/sip"
)

// FaultKind names a way in which a message breaks the grammar or the rules that every
// element checks (RFC 3261 s8.2.2, s16.3, s18.3).
type FaultKind int

const (
	BadStartLine   FaultKind = iota + 1 // understood all the same, perhaps without its URI
	BadVersion                          // not SIP/2.0
	BadHeader                           // kept as text, or repaired
	MissingHeader                       // one that every message has
	RepeatedHeader                      // one that may occur once; the last counts
	MethodMismatch                      // CSeq and request line disagree
	ShortBody                           // Content-Length is more than the datagram holds
	BadLength                           // Content-Length is unusable; on a stream nothing after it can be found
	UnfinishedHead                      // no empty line after the headers
	BadNumber                           // out of the range RFC 3261 gives it
)

func (k FaultKind) String() string {
	switch k {
	case BadStartLine:
		return "bad start line"
	case BadVersion:
		return "version not supported"
	case BadHeader:
		return "bad header"
	case MissingHeader:
		return "missing header"
	case RepeatedHeader:
		return "repeated header"
	case MethodMismatch:
		return "method mismatch"
	case ShortBody:
		return "body shorter than Content-Length"
	case BadLength:
		return "unusable Content-Length"
	case UnfinishedHead:
		return "headers not ended"
	case BadNumber:
		return "number out of range"
	}
	return fmt.Sprintf("FaultKind(%d)", int(k))
}

// Fault is one objection to a message that was understood all the same.
type Fault struct {
	Kind   FaultKind
	Header string // the header concerned, "" for the start line or the whole
	Text   string // detail for a reason phrase or a log
}

// Status is the response a strict element gives.
func (f Fault) Status() int {
	if f.Kind == BadVersion {
		return sip.StatusVersionNotSupported
	}
	return sip.StatusBadRequest
}

func (f Fault) String() string {
	s := f.Kind.String()
	if f.Header != "" {
		s += " " + f.Header
	}
	if f.Text != "" {
		s += ": " + f.Text
	}
	return s
}

// once lists the headers of which RFC 3261 s7.3.1 allows one row.
var once = []string{"Call-ID", "CSeq", "From", "To", "Max-Forwards", "Content-Length", "Content-Type"}

// needed lists the headers of every message (RFC 3261 s8.1.1). Max-Forwards is left out: s16.3
// item 3 takes its absence as fine, and RFC 2543 had none.
var needed = []string{"Via", "From", "To", "Call-ID", "CSeq"}

// validate adds the faults that only the whole message shows.
func validate(msg sip.Message, faults []Fault) []Fault {
	count := make(map[string]int, 8)
	for _, h := range rows(msg) {
		count[h.Name()]++
	}
	for _, name := range once {
		if count[name] > 1 {
			faults = append(faults, Fault{RepeatedHeader, name, ""})
		}
	}
	for _, name := range needed {
		if count[name] == 0 {
			faults = append(faults, Fault{MissingHeader, name, ""})
		}
	}
	if cseq, req := msg.CSeq(), request(msg); cseq != nil && req != nil && cseq.MethodName != req.Method {
		faults = append(faults, Fault{MethodMismatch, "CSeq", string(cseq.MethodName)})
	}
	return faults
}

// matchable says whether a response names the transaction it belongs to.
func matchable(res *sip.Response) bool {
	return res.Via() != nil && res.CSeq() != nil && res.CallID() != nil && res.From() != nil && res.To() != nil
}

func request(msg sip.Message) *sip.Request {
	req, _ := msg.(*sip.Request)
	return req
}

func rows(msg sip.Message) []sip.Header {
	switch m := msg.(type) {
	case *sip.Request:
		return m.Headers()
	case *sip.Response:
		return m.Headers()
	}
	return nil
}
