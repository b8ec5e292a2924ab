package transaction

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// cookie begins every branch made by RFC 3261 (s8.1.1.7).
const cookie = "z9hG4bK"

func hasCookie(req *sip.Request) bool {
	via := req.Via()
	if via == nil {
		return false
	}
	branch, _ := via.Params.Get("branch")
	// RFC 4475 s3.2.1: the cookie alone identifies nothing.
	return len(branch) > len(cookie) && strings.EqualFold(branch[:len(cookie)], cookie)
}

// serverKey identifies the server transaction of a request (RFC 3261 s17.2.3): branch, sent-by and method, the method
// given so that an ACK or CANCEL can be looked up as its INVITE. Without a usable branch it is
// the call and the sent-by; the Request-URI is left out, since peers send the ACK to another one.
func serverKey(req *sip.Request, method sip.RequestMethod) string {
	var b strings.Builder
	if via := req.Via(); via != nil {
		if hasCookie(req) {
			branch, _ := via.Params.Get("branch")
			b.WriteString(branch)
		} else {
			b.WriteString(callKey(req))
		}
		port := via.Port
		if port == 0 {
			port = 5060 // s18.2.2: a sent-by without port means the default one
		}
		b.WriteByte(' ')
		b.WriteString(strings.ToLower(via.Host))
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(port))
	} else {
		b.WriteString(callKey(req))
	}
	b.WriteByte(' ')
	b.WriteString(string(method))
	return b.String()
}

// callKey identifies an INVITE by what its ACK and CANCEL repeat: Call-ID, CSeq number, From tag.
func callKey(req *sip.Request) string {
	var b strings.Builder
	if id := req.CallID(); id != nil {
		b.WriteString(id.Value())
	}
	b.WriteByte(' ')
	if cseq := req.CSeq(); cseq != nil {
		b.WriteString(strconv.FormatUint(uint64(cseq.SeqNo), 10))
	}
	b.WriteByte(' ')
	if from := req.From(); from != nil {
		tag, _ := from.Params.Get("tag")
		b.WriteString(tag)
	}
	return b.String()
}

// clientKey identifies the client transaction of a response (s17.1.3).
func clientKey(branch string, method sip.RequestMethod) string {
	return branch + " " + string(method)
}

// Reply builds a response (RFC 3261 s8.2.6). It also repeats headers that could not be read, so that a request
// may be refused for them. The tag goes into a To that has none; "" leaves it.
func Reply(req *sip.Request, status int, reason, tag string) *sip.Response {
	res := sip.NewResponse(status, reason)
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		sip.CopyHeaders(name, req, res)
	}
	if status == sip.StatusTrying {
		sip.CopyHeaders("Timestamp", req, res) // s8.2.6.1
	} else {
		sip.CopyHeaders("Record-Route", req, res) // s12.1.1
	}
	if to := res.To(); to != nil && tag != "" && !to.Params.Has("tag") {
		to.Params.Add("tag", tag)
	}
	return res
}

// refusal is a response without a transaction. Its tag must be the same each time
// (s8.2.7), so it is made from what identifies the request.
func refusal(req *sip.Request, status int, key string) *sip.Response {
	h := fnv.New64a()
	h.Write([]byte(key))
	return Reply(req, status, reason(status), fmt.Sprintf("%x", h.Sum64()))
}

func reason(status int) string {
	switch status {
	case sip.StatusTrying:
		return "Trying"
	case sip.StatusOK:
		return "OK"
	case sip.StatusForbidden:
		return "Forbidden"
	case sip.StatusCallTransactionDoesNotExists:
		return "Call/Transaction Does Not Exist"
	case sip.StatusInternalServerError:
		return "Server Internal Error"
	case sip.StatusServiceUnavailable:
		return "Service Unavailable"
	}
	return "Refused"
}
