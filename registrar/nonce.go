package registrar

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// A nonce is 8 bytes of time, 8 of chance and 16 of signature. Nothing is remembered for
// one that was only given out, so a flood of REGISTERs costs no memory.
const (
	nonceTime = 8
	nonceBody = 16
	nonceSize = 32
)

// nonces signs and reads nonces. Nodes that share the key take each other's.
type nonces struct {
	key []byte
}

func (n nonces) issue(at time.Time) string {
	b := make([]byte, nonceBody, nonceSize)
	binary.BigEndian.PutUint64(b, uint64(at.UnixNano()))
	_, _ = rand.Read(b[nonceTime:]) // never fails
	return base64.RawURLEncoding.EncodeToString(append(b, n.sign(b)...))
}

// issued is when a nonce was given out; false where it was not by us.
func (n nonces) issued(nonce string) (time.Time, bool) {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != nonceSize || !hmac.Equal(b[nonceBody:], n.sign(b[:nonceBody])) {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(b))), true
}

func (n nonces) sign(b []byte) []byte {
	h := hmac.New(sha256.New, n.key)
	h.Write(b)
	return h.Sum(nil)[:nonceSize-nonceBody]
}

// counts remembers the highest nc each nonce was used with (RFC 7616 s3.4.5), in two
// generations: when the younger is full the elder is dropped. A nonce as old as one
// that was dropped is not trusted any more, so forgetting never lets a replay pass.
type counts struct {
	mu        sync.Mutex
	limit     int // of one generation
	now, then generation
	horizon   time.Time // what was issued until here and is not known is stale
}

type generation struct {
	highest map[string]int
	newest  time.Time
}

func newCounts(limit int) *counts {
	return &counts{limit: max(1, limit/2), now: generation{highest: map[string]int{}}}
}

// use says whether nc of a nonce is new, and notes it.
func (c *counts) use(nonce string, issued time.Time, nc int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, known := c.now.highest[nonce]
	if !known {
		last, known = c.then.highest[nonce]
	}
	if known && nc <= last || !known && !issued.After(c.horizon) {
		return false
	}
	if _, here := c.now.highest[nonce]; !here && len(c.now.highest) >= c.limit {
		if c.then.newest.After(c.horizon) {
			c.horizon = c.then.newest
		}
		c.then, c.now = c.now, generation{highest: map[string]int{}}
	}
	c.now.highest[nonce] = nc
	if issued.After(c.now.newest) {
		c.now.newest = issued
	}
	return true
}
