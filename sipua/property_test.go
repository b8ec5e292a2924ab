package sipua

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Any order of what the far end says and what the call asks of a leg: it ends once, every
// 2xx is acknowledged, every dialog is ended by somebody, and nothing is kept (onRig).
func TestAnyOrderOnALeg(t *testing.T) {
	ops := []string{"100", "180", "183", "200 b1", "200 b1", "200 b2", "rel b1", "rel b1", "rel b2", "update", "move", "401", "486", "302", "503", "bye", "reinvite", "ack", "cancel", "hangup", "1s", "40s"}
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.SliceOfN(rapid.SampledFrom(ops), 1, 12).Draw(rt, "order")
		fault := ""
		onRig(t, func(r *rig) {
			p, leg, l, invite := r.dialled()
			position, moved := r.peer(otherIP), 0
			rseq := map[string]int{}
			answered := map[string]int{} // 2xx by tag
			left := map[string]bool{}    // dialogs that the far end has ended
			for i, op := range order {
				word, tag, _ := strings.Cut(op, " ")
				ok := reply(invite, 200, "b1", answer, psapContact)
				switch word {
				case "200":
					answered[tag]++
					p.say(reply(invite, 200, tag, answer, psapContact, "Session-Expires: 90;refresher=uac"))
				case "rel":
					rseq[tag]++
					p.say(reply(invite, 183, tag, answer, psapContact, "Require: 100rel", fmt.Sprintf("RSeq: %d", rseq[tag])))
				case "update":
					p.say(p.back("UPDATE", ok, offer, fmt.Sprintf("CSeq: %d UPDATE", i+1)))
				case "move":
					moved++
					position.say(position.instead(ok, offer, fmt.Sprintf("Call-ID: m%d@x", moved)))
				case "302":
					p.say(reply(invite, 302, "b0", "", "Contact: <sip:911@"+psapIP+":5099>"))
				case "100", "180", "183", "401", "486", "503":
					var status int
					fmt.Sscan(word, &status)
					p.say(reply(invite, status, "b0", ""))
				case "bye", "reinvite", "ack":
					method := map[string]string{"bye": "BYE", "reinvite": "INVITE", "ack": "ACK"}[word]
					p.say(p.back(method, ok, "", fmt.Sprintf("CSeq: %d %s", i+1, method)))
					left["b1"] = left["b1"] || word == "bye" && answered["b1"] > 0
				case "cancel":
					leg.Cancel("cancelled")
				case "hangup":
					leg.Hangup("over")
				case "1s":
					r.wait(time.Second)
				case "40s":
					r.wait(40 * time.Second)
				}
			}
			r.wait(time.Second)
			leg.Cancel("done")
			leg.Hangup("done")
			r.wait(10 * time.Second)
			acks, byes := map[string]int{}, map[string]map[string]bool{}
			p.mu.Lock()
			for _, m := range p.got {
				tag := tagOf(value(m.text, "To"))
				switch {
				case strings.HasPrefix(m.text, "ACK") && !strings.HasPrefix(m.text, "ACK sip:911"):
					acks[tag]++
				case strings.HasPrefix(m.text, "BYE"):
					if byes[tag] == nil {
						byes[tag] = map[string]bool{}
					}
					byes[tag][value(m.text, "Via")] = true
				}
			}
			p.mu.Unlock()
			position.mu.Lock()
			taken := map[string]bool{}
			for _, m := range position.got {
				if strings.HasPrefix(m.text, "SIP/2.0 200") {
					taken[value(m.text, "Call-ID")] = true
				}
			}
			for _, m := range position.got {
				if strings.HasPrefix(m.text, "BYE") {
					delete(taken, value(m.text, "Call-ID"))
				}
			}
			position.mu.Unlock()
			if len(taken) > 0 {
				fault = fmt.Sprintf("nobody ended %v", taken)
			}
			for tag, n := range answered {
				if acks[tag] != n {
					fault = fmt.Sprintf("%d answers of %s, %d ACKs", n, tag, acks[tag])
				}
				if len(byes[tag]) == 0 && !left[tag] {
					fault = "nobody ended " + tag
				}
			}
			if l.story(); l.ended() > 1 {
				fault = "told " + l.story()
			}
			told := l.all()
			for _, e := range told[:max(0, len(told)-1)] {
				if strings.HasPrefix(e, "failed") || strings.HasPrefix(e, "hung-up") {
					fault = "told something after the end: " + strings.Join(told, "; ")
				}
			}
		})
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

// Any order of what a caller sends and what the call does with it: the INVITE has one
// final response, the leg ends once, and nothing is kept.
func TestAnyOrderOnTheCaller(t *testing.T) {
	ops := []string{"ACK", "CANCEL", "BYE", "INVITE", "INVITE", "UPDATE", "INFO", "PRACK", "PRACK", "again", "ring", "early", "answer", "end", "report", "1s", "40s"}
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.SliceOfN(rapid.SampledFrom(ops), 1, 12).Draw(rt, "order")
		reliable := rapid.Bool().Draw(rt, "reliable")
		fault := ""
		onRig(t, func(r *rig) {
			p := r.peer(phoneIP)
			var headers []string
			if reliable {
				headers = append(headers, "Supported: 100rel", "Session-Expires: 90;refresher=uas")
			}
			invite := p.request("INVITE", dialled911, offer, headers...)
			p.say(invite)
			c, l := r.arrived(1).caller, &log{}
			c.Progress(180, "")
			dialog, ended := p.next("SIP/2.0 180"), false
			for i, op := range order {
				switch op {
				case "ACK":
					p.say(p.inside("ACK", dialog, "", "CSeq: 1 ACK"))
				case "CANCEL":
					p.say(p.request("CANCEL", dialled911, "", "Via: "+value(invite, "Via")))
				case "BYE", "INVITE", "UPDATE", "INFO":
					p.say(p.inside(op, dialog, "", fmt.Sprintf("CSeq: %d %s", i+2, op)))
				case "PRACK":
					p.say(p.inside(op, dialog, "", fmt.Sprintf("CSeq: %d %s", i+2, op), "RAck: "+p.lastRSeq()+" 1 INVITE"))
				case "again":
					// As long as its transaction lasts: later it is another call, or a merged one.
					if !ended && time.Since(r.start) < 32*time.Second {
						p.say(invite)
					}
				case "ring":
					c.Progress(180, "")
				case "early":
					c.Progress(183, answer)
				case "answer":
					c.Answer(answer)
				case "end":
					ended = true
					c.End(486, "done")
				case "report":
					c.ReportTo(l)
				case "1s":
					r.wait(time.Second)
				case "40s":
					r.wait(40 * time.Second)
				}
			}
			c.ReportTo(l)
			c.End(486, "done")
			r.wait(40 * time.Second)
			finals := map[string]bool{}
			p.mu.Lock()
			for _, m := range p.got {
				if strings.HasPrefix(m.text, "SIP/2.0") && !strings.HasPrefix(m.text, "SIP/2.0 1") && value(m.text, "CSeq") == "1 INVITE" {
					finals[m.text[:len("SIP/2.0 200")]] = true
				}
			}
			p.mu.Unlock()
			if len(finals) != 1 {
				fault = fmt.Sprintf("final responses to the INVITE: %v", finals)
			}
			if l.story(); l.ended() > 1 {
				fault = "told " + l.story()
			}
		})
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

// lastRSeq is that of the reliable response heard last, 0 for none.
func (p *peer) lastRSeq() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := "0"
	for _, m := range p.got {
		if v := value(m.text, "RSeq"); v != "" {
			last = v
		}
	}
	return last
}
