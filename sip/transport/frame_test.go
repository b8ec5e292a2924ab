package transport

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cut feeds stream to a framer in pieces of the given sizes, over and over, and
// returns what came out, one line each.
func cut(stream string, limit int, sizes []int) (out []string) {
	f := framer{max: limit}
	for i := 0; stream != ""; i++ {
		n := min(max(1, sizes[i%len(sizes)]), len(stream))
		n = copy(f.space(), stream[:n])
		f.added(n)
		stream = stream[n:]
		for {
			kind, raw, err := f.next()
			if err != nil {
				what := "broken"
				if errors.Is(err, errTooLarge) {
					what = "too large"
				}
				return append(out, what)
			}
			if kind == frameNone {
				break
			}
			if kind == framePing {
				out = append(out, "ping")
			} else {
				out = append(out, fmt.Sprintf("%q", raw))
			}
		}
	}
	return out
}

func TestFraming(t *testing.T) {
	a := minimal + "Content-Length: 4\r\n\r\nbody"
	b := minimal + "l : 0\r\n\r\n"
	c := minimal + "Content-Length:\r\n 6\r\n\r\n\r\n\r\nxx"
	for _, row := range []struct {
		name   string
		stream string
		want   []string
	}{
		{"one message", a, []string{fmt.Sprintf("%q", a)}},
		{"several in one segment", a + b + c + a, []string{fmt.Sprintf("%q", a), fmt.Sprintf("%q", b), fmt.Sprintf("%q", c), fmt.Sprintf("%q", a)}},
		{"no Content-Length is no body", minimal + "\r\n" + b, []string{fmt.Sprintf("%q", minimal+"\r\n"), fmt.Sprintf("%q", b)}},
		{"CRLF before a start line is ignored", "\r\n" + a, []string{fmt.Sprintf("%q", a)}},
		{"CRLF CRLF between messages is a ping", a + "\r\n\r\n" + b + "\r\n\r\n", []string{fmt.Sprintf("%q", a), "ping", fmt.Sprintf("%q", b), "ping"}},
		{"a length that is none", minimal + "Content-Length: x\r\n\r\n", []string{"broken"}},
		{"two lengths", minimal + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", []string{"broken"}},
		{"a body over the limit", minimal + "Content-Length: 70000\r\n\r\n", []string{"too large"}},
		{"a head without end", strings.Repeat("x", 70000), []string{"too large"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, sizes := range [][]int{{1}, {7}, {100}, {1 << 20}} {
				if diff := cmp.Diff(row.want, cut(row.stream, 1<<16, sizes)); diff != "" {
					t.Errorf("in pieces of %d: %s", sizes[0], diff)
				}
			}
		})
	}
}

// FuzzStream: however a stream is cut into segments, the same messages come out.
func FuzzStream(f *testing.F) {
	f.Add([]byte(minimal+"Content-Length: 4\r\n\r\nbody\r\n\r\n"+minimal+"\r\n"), []byte{1, 50, 3})
	f.Add([]byte("\r\n"+minimal+"l: 9\r\n\r\n\r\n\r\n\r\n\r\nx"), []byte{2})
	f.Add([]byte("A\n\nB\r\nl:3\r\n\n\nxyzC"), []byte{5, 1})
	f.Fuzz(func(t *testing.T, stream, pieces []byte) {
		sizes := []int{1}
		for _, p := range pieces {
			sizes = append(sizes, int(p))
		}
		const limit = 1000
		whole, parts := cut(string(stream), limit, []int{1 << 20}), cut(string(stream), limit, sizes)
		if diff := cmp.Diff(whole, parts); diff != "" {
			t.Error(diff)
		}
	})
}
