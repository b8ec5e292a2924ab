package ladder

import (
	"bytes"
	"fmt"
	"strings"
)

// chapters of docs/call-flows.md, by how the names of their files begin; what begins with
// none of them is in the last.
var chapters = []struct{ prefix, title string }{
	{"psap-only-", "PSAP only"},
	{"parallel-", "Team and PSAP in parallel"},
	{"team-first-", "Team first, then the PSAP"},
	{"team-only-", "Team only"},
	{"rule-", "Custom rules"},
	{"", "Who may call, and what for"},
}

const bookHead = `# Call flows

What happens, in order and with timings, when somebody dials an emergency number: who is called, who answers, who is let go,
what is decided and who is told. Each flow is a file of the folder [ladders](../ladders), and a test in two ways: once against
the gateway alone, once against a whole node with real SIP around it on a network in memory. Both give the text below, so what
stands here is what happens.

This page is generated: ` + "`go generate ./internal/ladder`" + ` runs the ladders, writes what they do into their files, and writes this
page. A difference in a flow is a difference in where a call goes: read it as such before committing it.

How to read a flow: seconds since the call arrived, from, to, message. 100, ACK, and what answers a CANCEL or a BYE are left out.
Times of a party in *when* count from the INVITE it gets. ` + "`with location`" + ` is a PIDF-LO in the body; ` + "`183 with media`" + ` is early media
of the far side, or our own announcement. A dead party answers nothing, not even a 100. The organisation is
[examples/campus.yaml](../examples/campus.yaml): at hq team and PSAP ring in parallel, at leeds the team is first and has 15 s.

`

// Book is docs/call-flows.md.
func Book(all []*Scenario) []byte {
	var b bytes.Buffer
	b.WriteString(bookHead)
	for i, c := range chapters {
		fmt.Fprintf(&b, "%s\n\n", c.title)
		for _, s := range chapter(i, all) {
			fmt.Fprintf(&b, "- [%s](#%s)\n", s.Title, s.Name)
		}
		b.WriteString("\n")
	}
	for i, c := range chapters {
		fmt.Fprintf(&b, "## %s\n\n", c.title)
		for _, s := range chapter(i, all) {
			s.page(&b)
		}
	}
	return append(bytes.TrimSpace(b.Bytes()), '\n')
}

func chapter(n int, all []*Scenario) []*Scenario {
	var ss []*Scenario
	for _, s := range all {
		for i, c := range chapters {
			if strings.HasPrefix(s.Name, c.prefix) {
				if i == n {
					ss = append(ss, s)
				}
				break
			}
		}
	}
	return ss
}

func (s *Scenario) page(b *bytes.Buffer) {
	fmt.Fprintf(b, "<a id=%q></a>\n\n### %s\n\n", s.Name, s.Title)
	if s.About != "" {
		fmt.Fprintf(b, "%s\n\n", s.About)
	}
	block := func(texts ...string) {
		b.WriteString("```text\n")
		for _, t := range texts {
			b.WriteString(strings.Trim(t, "\n") + "\n")
		}
		b.WriteString("```\n\n")
	}
	block(s.given, s.when)
	block(s.Want.Flow)
	block(s.Want.Decided)
	fmt.Fprintf(b, "Told:\n\n")
	block(strings.Trim(s.Want.Told, "\n"))
	fmt.Fprintf(b, "[ladders/%s.txtar](../ladders/%s.txtar)\n\n", s.Name, s.Name)
}
