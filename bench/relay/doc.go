// Command relay measures what anchoring the media of calls costs.
//
// It runs the same traffic, G.711 both ways at fifty packets a second, three times in a
// row: straight from sender to receiver, through a forwarder that does nothing but read
// and write, and through the media anchor. The forwarder and the anchor run in a process
// of their own, whose time on the processor the system tells (getrusage); the traffic is
// made by another. So the anchor is compared with the least a relay on this machine can
// cost, in the same minute, and the numbers that travel to another machine are ratios.
//
//	go run ./bench/relay -calls 500 -for 10s
//
// It prints JSON: for each way the share of one core for a hundred calls, how long packets
// took (median, 99th of a hundred, longest) and how many were lost; for the anchor also
// allocations for each packet and memory for each call; and the ratios. "Added" is the
// latency above that of the straight way, in which the sender's and receiver's own waiting
// for the processor is. The process exits with 1 when a packet in a thousand is lost: then
// the machine was not fast enough for its own sender, and nothing was measured.
package main
