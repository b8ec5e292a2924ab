package sipua

import (
	"github.com/emiago/sipgo/sip"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/sip/transport"
)

// Read is a request as the calls port would get it, for whoever must judge it before
// there is a transaction for it.
func Read(req *sip.Request, from transport.Flow) gateway.Inbound { return inbound(req, from, nil) }
