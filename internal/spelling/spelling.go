package spelling

import "strings"

// Nearest is the name that was probably meant, "" where none is near.
func Nearest(written string, names []string) string {
	best, least := "", 0
	for _, name := range names {
		if far := distance(strings.ToLower(written), strings.ToLower(name)); best == "" || far < least {
			best, least = name, far
		}
	}
	if best == "" || least > max(1, (len(best)+1)/3) {
		return ""
	}
	return best
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
