package dialplan

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func pattern(t interface{ Fatal(...any) }, text string) Pattern {
	p, err := ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestR10PatternMatchesWholeStrings(t *testing.T) {
	for _, row := range []struct{ pattern, matches, not string }{
		{"711", "711", "7110 71 1711 x11"},
		{"72XX", "7200 7299", "720 72000 7300 72x0"},
		{"7[2-5]", "72 73 74 75", "71 76 7 722"},
		{"7[2-47]", "72 74 77", "75 76"},
		{"7[135]", "71 73 75", "72 74"},
		{"81!", "810 8123456", "81 80 82"},
		{"!", "1 12", "+1"},
		{"(7)(2X)", "720", "7 7200"},
		{"(81X!)", "8101", "810 81"},
		{"+1408XXXXXXX", "+14085550141", "14085550141 ++1408555014"},
		{"+!", "+1", "+ 1"},
		{"x", "5", "x X"},
	} {
		p := pattern(t, row.pattern)
		for _, s := range strings.Fields(row.matches) {
			if !p.Match(s) {
				t.Errorf("%s does not match %s", row.pattern, s)
			}
		}
		for _, s := range append(strings.Fields(row.not), "") {
			if p.Match(s) {
				t.Errorf("%s matches %q", row.pattern, s)
			}
		}
		if p.String() != row.pattern {
			t.Errorf("%s is shown as %s", row.pattern, p)
		}
	}
	if (Pattern{}).Match("") {
		t.Error("no pattern matches nothing")
	}
}

func TestPatternsRefused(t *testing.T) {
	for text, says := range map[string]string{
		"": "empty", "+": "alone", "7a": "has no meaning", "7 2": "has no meaning", "7!2": "at the end", "7!!": "at the end",
		"7[2-5": "not closed", "7[]": "matches nothing", "7[5-2]": "backwards", "7[2-]": "without an end", "7[-2]": "no meaning in", "[x]": "no meaning in",
		"(7": "not closed", "7)": "closes nothing", "((7))": "may not hold", "()7": "is empty", "7+": "stand first", strings.Repeat("1", 65): "longer than",
		"٣": "no meaning",
	} {
		if p, err := ParsePattern(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v; want an error saying %q", text, p, err, says)
		}
	}
}

func TestR10LongerLiteralWins(t *testing.T) {
	order := []string{"!", "7!", "72!", "72XX", "720X", "7200"}
	for i, text := range order[1:] {
		if a, b := pattern(t, order[i]).Literals(), pattern(t, text).Literals(); a > b {
			t.Errorf("%s has %d literals, %s has %d", order[i], a, text, b)
		}
	}
	if got := pattern(t, "(7[2]X)1!").Literals(); got != 3 {
		t.Errorf("7, the one of [2] and 1 are literals, got %d", got)
	}
}

func TestR10Translate(t *testing.T) {
	for _, row := range []struct{ pattern, dialled, to, want string }{
		{"711", "711", "911", "911"},
		{"7201", "7201", "+14085550142", "+14085550142"},
		{"72(XX)", "7234", "+140855501$1", "+14085550134"},
		{"(7)(2X)", "729", "$2$1", "297"},
		{"0(!)", "0112", "$1", "112"},
		{"(81!)", "8123", "$1$1", "81238123"},
		{"(+1XXX)!", "+14085", "$1", "+1408"},
		{"711", "712", "911", ""},
		{"711", "711", "$1", ""},
		{"(7)11", "711", "$2", ""},
		{"(7)11", "711", "$", ""},
		{"(7)11", "711", "9+1", ""},
		{"(7)11", "711", "", ""},
		{"(+1)2", "+12", "0$1", ""},
	} {
		p := pattern(t, row.pattern)
		got, ok := p.Translate(row.dialled, row.to)
		if got != row.want || ok != (row.want != "") {
			t.Errorf("%s: %s by %q is %q, %v; want %q", row.pattern, row.dialled, row.to, got, ok, row.want)
		}
	}
	if err := pattern(t, "711").CheckTranslation("$1"); err == nil || !strings.Contains(err.Error(), "has 0 groups") {
		t.Errorf("a translation that cannot be filled: %v", err)
	}
}

func TestR10Overlaps(t *testing.T) {
	for _, row := range []struct{ a, b, witness string }{
		{"72XX", "7200", "7200"},
		{"72XX", "7[2-5]1X", "7210"},
		{"72!", "7XXX", "7200"},
		{"72!", "7!", "720"},
		{"7!", "72", "72"},
		{"72!", "72", ""},
		{"7200", "7201", ""},
		{"711", "811", ""},
		{"7X", "7XX", ""},
		{"+1!", "1!", ""},
		{"!", "[3-5]", "3"},
	} {
		a, b := pattern(t, row.a), pattern(t, row.b)
		for range 2 {
			if got, ok := a.Overlaps(b); got != row.witness || ok != (row.witness != "") {
				t.Errorf("%s and %s: %q, %v; want %q", a, b, got, ok, row.witness)
			}
			a, b = b, a
		}
	}
	if got, ok := pattern(t, "X11").MatchAny([]string{"112", "911"}); !ok || got != "911" {
		t.Errorf("X11 matches 911, got %q", got)
	}
}

// Two patterns overlap if and only if some string is of both.
func TestOverlapHasAWitness(t *testing.T) {
	draw := func(t *rapid.T, name string) Pattern {
		text := rapid.StringMatching(`(([0-2X])|(\[[01]-2\])|(\[12\])){1,3}`).Draw(t, name)
		if rapid.Bool().Draw(t, name+" open") {
			text += "!"
		}
		return pattern(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		found := false
		for n, end := 1, 10; n <= 4 && !found; n, end = n+1, end*10 {
			for i := range end {
				s := fmt.Sprintf("%0*d", n, i)
				if a.Match(s) && b.Match(s) {
					found = true
					break
				}
			}
		}
		witness, overlap := a.Overlaps(b)
		if overlap != found || overlap && !(a.Match(witness) && b.Match(witness)) {
			t.Fatalf("%s and %s: overlap %v by %q, searched %v", a, b, overlap, witness, found)
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"711", "72XX", "7[2-5]", "81!", "(72)XX", "+1408!", "[", "(", "!"} {
		f.Add(s, "7200", "+1$1")
	}
	f.Fuzz(func(t *testing.T, text, dialled, to string) {
		p, err := ParsePattern(text)
		if err != nil {
			return
		}
		if w, ok := p.Overlaps(p); !ok || !p.Match(w) {
			t.Fatalf("%q does not match its own witness %q", text, w)
		}
		if p.Match(dialled) && strings.Trim(dialled, "+0123456789") != "" {
			t.Fatalf("%q matches %q", text, dialled)
		}
		if out, ok := p.Translate(dialled, to); ok && strings.LastIndex(out, "+") > 0 {
			t.Fatalf("%q turns %q into %q", text, dialled, out)
		}
	})
}
