// Package api is the HTTP door: whether the node is alive (/healthz), whether it can take
// calls (/readyz), and what it counts (/metrics). It is the only package that knows HTTP
// status codes.
//
// Alive means that the process runs and answers. Ready means that a call that arrives now
// would be carried: SIP is listening and a configuration is loaded. A database that is
// gone makes a node warn, not unready: calls do not need it (L1), and a load balancer that
// takes the node out for it would turn a small failure into a large one.
package api
