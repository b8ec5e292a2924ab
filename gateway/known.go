package gateway

// Knows says whether anybody vouches for where a request comes from: a registration, a
// trunk, a site's networks (R15).
func (g *Gateway) Knows(p Peer) bool {
	return g.originOf(g.Directory.Current(), Inbound{From: p}).kind != fromNowhere
}

// Emergency says whether a request begins a call that goes through the emergency stages.
// Overload asks it before anything is kept for the request (R13).
func (g *Gateway) Emergency(in Inbound) bool {
	d := g.Directory.Current()
	return classify(arrived{in: in, dir: d, origin: g.originOf(d, in)}).toBeHelped()
}
