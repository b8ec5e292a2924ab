package ladder

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/call"
	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/gateway"
	"github.com/tocsin-sip/tocsin/location"
	"github.com/tocsin-sip/tocsin/org"
)

// flow is messages as text, in the order a file has them.
func flow(ls []cdr.Line) string {
	ls = slices.Clone(ls)
	for i := range ls {
		ls[i].After = ls[i].After.Round(time.Millisecond)
	}
	slices.SortStableFunc(ls, func(a, b cdr.Line) int {
		return cmp.Or(cmp.Compare(a.After, b.After), cmp.Compare(side(a), side(b)), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	var b strings.Builder
	for _, l := range ls {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

// side puts what comes to tocsin before what leaves it.
func side(l cdr.Line) int {
	if l.To == cdr.Us {
		return 1
	}
	return 2
}

// attempt is what policy puts behind the name of a party for a second leg, and the session
// for a later attempt.
var attempt = regexp.MustCompile(`( \(last resort\))?(~\d+)?(\+plain)?!?$`)

// party is whom a leg leads to.
func party(leg string) string {
	if leg == string(call.Caller) {
		return leg
	}
	return attempt.ReplaceAllString(leg, "")
}

// journalFlow are the messages of a journal, which r is made of.
func journalFlow(entries []cdr.Entry, r cdr.Record) ([]cdr.Line, error) {
	var sent []cdr.Entry
	for _, e := range entries {
		ev, ok, err := e.Event()
		if err != nil {
			return nil, fmt.Errorf("the journal: %w", err)
		}
		// A leg that could not be reached, or never answered, sent no message.
		if !ok || ev.Kind != call.Failed || ev.Code != 0 && ev.Text != unheard {
			sent = append(sent, e)
		}
	}
	messages, err := cdr.Fold(sent)
	if err != nil {
		return nil, fmt.Errorf("the journal: %w", err)
	}
	var ls []cdr.Line
	for _, l := range messages.Flow {
		if l.To == "" {
			continue
		}
		leg := l.To
		l.From, l.To = party(l.From), party(l.To)
		switch message, rest, _ := strings.Cut(l.Message, " "); {
		case l.From == string(call.Caller) && message == "INVITE":
			l.Message = "INVITE " + dialledUser(rest)
		case message == "INVITE":
			l.Message = invite(numberIn(rest), conveys(r, leg, rest))
		case message == "183":
			// Whose sound it is, ours or a leg's, does not show on the wire.
			l.Message = "183 with media"
		}
		ls = append(ls, l)
	}
	return ls, nil
}

// unheard is the text of a leg's end when its transaction got no response at all.
const unheard = "no response"

// dialledUser is what somebody dialled, out of a request-URI.
func dialledUser(uri string) string {
	user, _, _ := strings.Cut(strings.TrimPrefix(uri, "sip:"), "@")
	return user
}

// invite is how an INVITE of ours is written.
func invite(number string, withLocation bool) string {
	s := "INVITE from " + cmp.Or(number, "anonymous")
	if withLocation {
		s += " with location"
	}
	return s
}

func numberIn(rest string) string {
	_, n, _ := strings.Cut(" "+rest, " from ")
	return n
}

// conveys says whether the INVITE of a leg is to carry the location itself.
func conveys(r cdr.Record, leg, rest string) bool {
	if strings.HasPrefix(rest, "plain") || !r.Location.Known() {
		return false
	}
	var takes string
	for _, step := range append(append([]call.Step{r.Plan.Team}, r.Plan.Public...), r.Plan.Resort...) {
		for _, t := range step {
			if party(t.Name) == party(leg) {
				takes = t.Invite.Location
			}
		}
	}
	// A location that came with the call is passed on as it came, which may be by reference.
	byValue := takes == string(org.LocationByValue) || takes == string(org.LocationBoth)
	return byValue && r.Location.Source != location.SourceCarried
}

// decided is what was decided, as text.
func decided(r cdr.Record) string {
	var b strings.Builder
	say := func(key, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(&b, "%-10s %s\n", key, text)
		}
	}
	class := r.Class
	if r.Rule != "" {
		class += ", rule " + r.Rule
	}
	say("class", "%s", class)
	say("origin", "%s", r.Origin)
	caller := r.Label
	if r.Extension != "" && r.Extension != r.Label {
		caller = strings.TrimSpace(r.Extension + " " + r.Label)
	}
	say("caller", "%s", caller)
	say("claimed", "%s", r.Claimed)
	say("route", "%s", r.Route)
	if r.Number != "" {
		say("number", "%s of %s", r.Number, r.Country)
	}
	if r.Location.Known() {
		say("location", "%s", r.Location.OneLine())
	}
	for _, p := range r.Presented {
		say("shown", "%s to %s", p.Number, p.Trunk)
	}
	if r.Refused != 0 {
		say("refused", "%d", r.Refused)
	}
	if r.AnsweredBy != "" {
		say("answered", "by %s", r.AnsweredBy)
	}
	outcome := r.Outcome.String()
	if r.Ending != "" {
		outcome += ": " + r.Ending
	}
	say("outcome", "%s", outcome)
	seen := map[string]bool{}
	for _, d := range r.Degradations() {
		if !seen[d.Code] {
			seen[d.Code] = true
			say("degraded", "%s", d.Code)
		}
	}
	return b.String()
}

// notice is something people were told, at a time.
type notice struct {
	after time.Duration
	gateway.Notice
}

func told(ns []notice) string {
	var b strings.Builder
	for _, n := range ns {
		text := n.Text
		if text == "" {
			text = n.Decided.Class + " call"
			if n.Decided.Label != "" {
				text += " of " + n.Decided.Label
			}
		}
		fmt.Fprintf(&b, "%8.3f  %s\n", n.after.Seconds(), text)
	}
	return b.String()
}
