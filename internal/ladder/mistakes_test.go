package ladder

import (
	"strings"
	"testing"
	"testing/synctest"
)

const (
	givenText = "campus\nregistered 2041/lobby"
	whenText  = "2041/lobby dials 911, hang up 20s\npsap-us/1: answer 1s"
)

func file(title, given, when string) string {
	return title + "\n-- given --\n" + given + "\n-- when --\n" + when + "\n-- flow --\n-- decided --\n-- told --\n"
}

func TestMistakesInFiles(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no title", file("", givenText, whenText), "no title"},
		{"a section too few", "T\n-- given --\n-- when --\n-- flow --\n-- decided --\n", "its sections are"},
		{"a mistyped section", strings.Replace(file("T", givenText, whenText), "-- flow --", "-- flwo --", 1), "flwo"},
		{"sections in another order", "T\n-- when --\n-- given --\n-- flow --\n-- decided --\n-- told --\n", "its sections are"},
		{"no organisation", file("T", "registered 2041/lobby", whenText), "campus"},
		{"an unknown word in given", file("T", givenText+"\nregisterd 7001/guard-desk", whenText), `"registerd"`},
		{"an unknown setting", file("T", givenText+"\nsite hq {max_hodl: 8s}", whenText), "max_hodl"},
		{"a setting that is not there to take away", file("T", givenText+"\naccount without team", whenText), `"team"`},
		{"an unknown site", file("T", givenText+"\nsite york {max_hold: 8s}", whenText), `"york"`},
		{"an unknown device", file("T", givenText+" 2041/cellar", whenText), "2041/cellar"},
		{"a device without extension", file("T", givenText+" 2041", whenText), "extension/device"},
		{"nobody dials", file("T", givenText, ""), "nobody dials"},
		{"the caller is not first", file("T", givenText, "psap-us/1: answer 1s"), "who dials what"},
		{"the caller's phone is not registered", file("T", givenText, "2001/dana-desk dials 911"), "2001/dana-desk"},
		{"an unknown act of the caller", file("T", givenText, "2041/lobby dials 911, sing 3s"), `"sing"`},
		{"an unknown party", file("T", givenText, whenText+"\npsap-us/7: answer 1s"), "psap-us/7"},
		{"a party twice", file("T", givenText, whenText+"\npsap-us/1: answer 1s"), "two lines"},
		{"an unknown deed", file("T", givenText, whenText+"\npsap-us/2: anwser 1s"), `"anwser"`},
		{"a deed without a time", file("T", givenText, whenText+"\npsap-us/2: ring, answer 1s"), "no time"},
		{"a deed in no time", file("T", givenText, whenText+"\npsap-us/2: answer 1ms"), "less than 10ms"},
		{"deeds out of order", file("T", givenText, whenText+"\npsap-us/2: answer 3s, ring 1s"), "before"},
		{"a refusal that is none", file("T", givenText, whenText+"\npsap-us/2: refuse 200 1s"), "200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("mistake", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "ladder mistake") {
				t.Errorf("the error is %v, and does not say %q", err, tt.want)
			}
		})
	}
}

func TestMistakesInRuns(t *testing.T) {
	for _, tt := range []struct{ name, given, when, want string }{
		{"a party is called and nothing is said of it", "campus\naccount without safety_team\nregistered 2041/lobby",
			"2041/lobby dials 911, hang up 20s\npsap-us/1: busy 1s", "psap-us/2 is called"},
		{"nobody hangs up", "campus\naccount without safety_team\nregistered 2041/lobby",
			"2041/lobby dials 911\npsap-us/1: answer 1s", "nobody hangs up"},
	} {
		s, err := Parse("mistake", []byte(file("T", tt.given, tt.when)))
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range []struct {
			name string
			run  func(t *testing.T) error
		}{
			{"pure", func(*testing.T) error { _, err := Pure(s); return err }},
			{"wire", func(t *testing.T) error { _, err := Wire(t.Context(), s); return err }},
		} {
			t.Run(tt.name+" "+run.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					if err := run.run(t); err == nil || !strings.Contains(err.Error(), tt.want) {
						t.Errorf("the error is %v, and does not say %q", err, tt.want)
					}
				})
			})
		}
	}
}

func TestLaterAttemptsHaveTheNameOfTheirParty(t *testing.T) {
	for leg, want := range map[string]string{"psap-us/1": "psap-us/1", "psap-us/1~2": "psap-us/1", "psap-us/1~2+plain": "psap-us/1",
		"7001/guard-desk!": "7001/guard-desk", "7001/guard-desk (last resort)~2!": "7001/guard-desk",
		"7001/guard-desk (last resort)": "7001/guard-desk", "+14085550100!": "+14085550100", "caller": "caller"} {
		if got := party(leg); got != want {
			t.Errorf("%s is a leg to %q, want %q", leg, got, want)
		}
	}
}
