package spelling

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"label", "name", "safety_team", "security", "trunks"}
	for written, want := range map[string]string{"lable": "label", "saftey_team": "safety_team", "trunk": "trunks", "Name": "name",
		"phones": "", "": "", "securty": "security"} {
		if got := Nearest(written, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", written, got, want)
		}
	}
	if got := Nearest("x", nil); got != "" {
		t.Errorf("of no names, %q is nearest", got)
	}
}
