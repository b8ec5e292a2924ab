package dialplan

import (
	"fmt"
	"strings"
)

// Pattern is a set of dialled strings, in the language of R10:
//
//	7200     these digits
//	72XX     X is any digit
//	7[2-57]  one of 2 3 4 5 7
//	81!      81 and one or more digits; only at the end
//	(72)XX   what a group matched is $1 in a translation
//	+1408X!  a plus may stand first
//
// A pattern matches whole strings. The zero value matches nothing.
type Pattern struct {
	text   string
	tokens []token
	open   bool    // ends in !
	groups []group // in the order of their numbers
}

// token is the set of characters one position may have: bit d for the digit
// d, plusSign for a plus.
type token uint16

const (
	anyDigit token = 1<<10 - 1
	plusSign token = 1 << 10

	// longest is more than anybody dials; it bounds what a pattern costs.
	longest = 64
)

func (t token) has(c byte) bool {
	if c == '+' {
		return t&plusSign != 0
	}
	return c >= '0' && c <= '9' && t&(1<<(c-'0')) != 0
}

// single says whether only one character will do.
func (t token) single() bool { return t != 0 && t&(t-1) == 0 }

// first is the lowest character of the set.
func (t token) first() byte {
	if t == plusSign {
		return '+'
	}
	for c := byte('0'); c <= '9'; c++ {
		if t.has(c) {
			return c
		}
	}
	return 0
}

// group is a range of positions; an open one runs to the end of the string.
type group struct {
	from, to int
	open     bool
}

// ParsePattern reads a pattern.
func ParsePattern(text string) (Pattern, error) {
	p := Pattern{text: text}
	refuse := func(why string, args ...any) (Pattern, error) {
		return Pattern{}, fmt.Errorf("pattern %q: %s", text, fmt.Sprintf(why, args...))
	}
	inside := -1 // where the open group began
	for i := 0; i < len(text); i++ {
		c := text[i]
		if p.open && c != ')' {
			return refuse("! may only stand at the end")
		}
		switch {
		case c >= '0' && c <= '9':
			p.tokens = append(p.tokens, 1<<(c-'0'))
		case c == 'X' || c == 'x':
			p.tokens = append(p.tokens, anyDigit)
		case c == '+':
			if len(p.tokens) != 0 {
				return refuse("+ may only stand first")
			}
			p.tokens = append(p.tokens, plusSign)
		case c == '[':
			end := strings.IndexByte(text[i:], ']')
			if end < 0 {
				return refuse("[ is not closed")
			}
			set, err := parseSet(text[i+1 : i+end])
			if err != nil {
				return refuse("%v", err)
			}
			p.tokens = append(p.tokens, set)
			i += end
		case c == '!':
			p.open = true
		case c == '(':
			if inside >= 0 {
				return refuse("a group may not hold another")
			}
			inside = len(p.tokens)
		case c == ')':
			if inside < 0 {
				return refuse(") closes nothing")
			}
			if inside == len(p.tokens) && !p.open {
				return refuse("a group is empty")
			}
			p.groups = append(p.groups, group{from: inside, to: len(p.tokens), open: p.open})
			inside = -1
		default:
			return refuse("%q has no meaning; use digits, X, [2-5], (..) and a final !", c)
		}
		if len(p.tokens) > longest {
			return refuse("longer than %d positions", longest)
		}
	}
	switch {
	case inside >= 0:
		return refuse("( is not closed")
	case len(p.tokens) == 0 && !p.open:
		return refuse("it is empty")
	case len(p.tokens) == 1 && p.tokens[0] == plusSign && !p.open:
		return refuse("a + alone is not a number")
	}
	return p, nil
}

// parseSet reads what stands between brackets: digits and ranges of them.
func parseSet(s string) (token, error) {
	var set token
	for i := 0; i < len(s); {
		from := s[i]
		if from < '0' || from > '9' {
			return 0, fmt.Errorf("%q has no meaning in [%s]", from, s)
		}
		to := from
		i++
		if i < len(s) && s[i] == '-' {
			if i+1 >= len(s) || s[i+1] < '0' || s[i+1] > '9' {
				return 0, fmt.Errorf("[%s] has a range without an end", s)
			}
			to = s[i+1]
			i += 2
		}
		if to < from {
			return 0, fmt.Errorf("[%s] has a range that runs backwards", s)
		}
		for c := from; c <= to; c++ {
			set |= 1 << (c - '0')
		}
	}
	if set == 0 {
		return 0, fmt.Errorf("[] matches nothing")
	}
	return set, nil
}

func (p Pattern) String() string { return p.text }

// Match says whether the whole string is of the pattern.
func (p Pattern) Match(dialled string) bool {
	if len(p.tokens) == 0 && !p.open {
		return false
	}
	if len(dialled) < len(p.tokens) || (len(dialled) > len(p.tokens)) != p.open {
		return false
	}
	for i := range len(dialled) {
		if !p.at(i).has(dialled[i]) {
			return false
		}
	}
	return true
}

// at is what may stand at a position, behind the fixed ones too.
func (p Pattern) at(i int) token {
	if i < len(p.tokens) {
		return p.tokens[i]
	}
	return anyDigit
}

// MatchAny finds the first of a list that is of the pattern.
func (p Pattern) MatchAny(dialled []string) (string, bool) {
	for _, d := range dialled {
		if p.Match(d) {
			return d, true
		}
	}
	return "", false
}

// Literals counts the positions that only one character will do for. Of two
// patterns that match, the one with more of them wins.
func (p Pattern) Literals() int {
	n := 0
	for _, t := range p.tokens {
		if t.single() {
			n++
		}
	}
	return n
}

// Overlaps finds a string that is of both patterns, to show to a person.
func (p Pattern) Overlaps(o Pattern) (witness string, overlap bool) {
	n := max(p.least(), o.least())
	if n == 0 || (n > p.least() && !p.open) || (n > o.least() && !o.open) {
		return "", false
	}
	both := make([]byte, n)
	for i := range both {
		t := p.at(i) & o.at(i)
		if t == 0 {
			return "", false
		}
		both[i] = t.first()
	}
	return string(both), true
}

// least is the length of the shortest string of the pattern.
func (p Pattern) least() int {
	if p.open {
		return len(p.tokens) + 1
	}
	return len(p.tokens)
}

// Groups is how many groups the pattern has.
func (p Pattern) Groups() int { return len(p.groups) }

// CheckTranslation refuses a translation that the pattern cannot fill: it is
// made of digits, a plus that stands first, and $1 for the first group.
func (p Pattern) CheckTranslation(to string) error {
	parts, err := parseTranslation(to)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if part.group > len(p.groups) {
			return fmt.Errorf("translation %q: $%d, but %q has %d groups", to, part.group, p.text, len(p.groups))
		}
		if part.group > 0 && p.groups[part.group-1].plus(p) && part.at > 0 {
			return fmt.Errorf("translation %q: $%d holds a +, which may only stand first", to, part.group)
		}
	}
	return nil
}

func (g group) plus(p Pattern) bool {
	return g.from == 0 && len(p.tokens) > 0 && p.tokens[0] == plusSign
}

// Translate is what a dialled string becomes; false when it is not of the
// pattern or the translation asks for a group there is not.
func (p Pattern) Translate(dialled, to string) (string, bool) {
	if !p.Match(dialled) || p.CheckTranslation(to) != nil {
		return "", false
	}
	parts, _ := parseTranslation(to)
	var out strings.Builder
	for _, part := range parts {
		if part.group == 0 {
			out.WriteByte(part.char)
			continue
		}
		g := p.groups[part.group-1]
		end := g.to
		if g.open {
			end = len(dialled)
		}
		out.WriteString(dialled[g.from:end])
	}
	return out.String(), true
}

// part is one character of a translation, or one group.
type part struct {
	char  byte
	group int // from 1; 0 for a character
	at    int
}

func parseTranslation(to string) ([]part, error) {
	var parts []part
	for i := 0; i < len(to); i++ {
		c := to[i]
		switch {
		case c >= '0' && c <= '9':
		case c == '+' && i == 0:
		case c == '$':
			if i+1 >= len(to) || to[i+1] < '1' || to[i+1] > '9' {
				return nil, fmt.Errorf("translation %q: $ is followed by the number of a group, 1 to 9", to)
			}
			i++
			parts = append(parts, part{group: int(to[i] - '0'), at: len(parts)})
			continue
		default:
			return nil, fmt.Errorf("translation %q: %q has no meaning; use digits, a leading + and $1", to, c)
		}
		parts = append(parts, part{char: c, at: len(parts)})
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("translation: it is empty")
	}
	return parts, nil
}
