// Command bench compares Tocsin with a stateful proxy, Kamailio, in one run: the same SIPp
// scenarios, the same machine, the two taking turns so that whatever else the machine does
// falls on both.
//
//	SIPp caller --UDP--> system under test --TCP--> SIPp PSAP
//
// Per system it measures
//
//   - CPU per 1000 calls: utime+stime of all its processes from /proc/PID/stat, from the
//     first call until two seconds after the last, so that what is written beside the calls counts;
//   - added delay: a packet socket on the loopback sees every message with the kernel's
//     time. From INVITE in to INVITE out, and to the first 18x back at the caller;
//   - the highest rate: steps of a few seconds, until a call fails;
//   - memory per concurrent call: the growth of the private and shared memory of its
//     processes (Pss) while calls are held, divided by the calls;
//   - for Tocsin, which anchors media: CPU per 100 calls that talk, added latency, loss.
//
// Every figure is given for each turn; the table shows the median, and the ratio of the two
// medians. A proxy does less than a B2BUA that locates, lends, records and anchors: the
// ratio says what that costs, not which is better.
//
// It needs SIPp, Kamailio, and root for the packet socket. Everything happens on
// 127.0.40.0/24; every process it starts ends with it, and every load has a bound in calls
// and in time. Where a run fails bench says why and ends with status 1; slow figures are no
// failure, because a machine's clock is not the program's.
package main
