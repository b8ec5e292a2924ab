package media

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/srtp/v3"
)

// Security is whether a leg that we call is offered SRTP, with keys in the SDP (RFC 4568).
// What a party offers us is answered as it was offered, whatever is set here.
type Security int

const (
	Plain     Security = iota + 1 // RTP/AVP without keys
	Preferred                     // RTP/AVP with keys: a party that does not know them speaks plain RTP
	Secured                       // RTP/SAVP
)

func (s Security) String() string {
	switch s {
	case Plain:
		return "plain"
	case Preferred:
		return "preferred"
	case Secured:
		return "secured"
	}
	return "security?"
}

// Secure sets how the next offers to a leg are secured. A leg of which nothing is said is
// offered plain RTP. ErrClosed is its only error.
func (s *Session) Secure(id LegID, how Security) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.leg(id)
	if err != nil {
		return err
	}
	l.security = how
	return nil
}

// suite is a crypto suite as SDP names it.
type suite struct {
	name    string
	profile srtp.ProtectionProfile
	key     int // octets
	salt    int
}

// suites we speak, in the order in which we offer them. The first two are those of RFC 4568
// s6.2, which every telephone with SRTP has; the others are RFC 6188 and RFC 7714.
var suites = []suite{
	{"AES_CM_128_HMAC_SHA1_80", srtp.ProtectionProfileAes128CmHmacSha1_80, 16, 14},
	{"AES_CM_128_HMAC_SHA1_32", srtp.ProtectionProfileAes128CmHmacSha1_32, 16, 14},
	{"AES_256_CM_HMAC_SHA1_80", srtp.ProtectionProfileAes256CmHmacSha1_80, 32, 14},
	{"AES_256_CM_HMAC_SHA1_32", srtp.ProtectionProfileAes256CmHmacSha1_32, 32, 14},
	{"AEAD_AES_128_GCM", srtp.ProtectionProfileAeadAes128Gcm, 16, 12},
	{"AEAD_AES_256_GCM", srtp.ProtectionProfileAeadAes256Gcm, 32, 12},
}

// offeredSuites is how many of them an offer of ours has: a long offer may not fit into
// a datagram.
const offeredSuites = 3

// masterKey is one direction's key, as one a=crypto line gives it.
type masterKey struct {
	tag    string
	suite  suite
	secret []byte // key and salt
	mki    []byte // RFC 3711 s3.1: names the key in each packet; mostly none
}

// same says whether packets under k and o are sealed alike.
func (k masterKey) same(o masterKey) bool {
	return k.suite == o.suite && bytes.Equal(k.secret, o.secret) && bytes.Equal(k.mki, o.mki)
}

// newKey is a fresh key of ours.
func newKey(tag string, s suite) masterKey {
	k := masterKey{tag: tag, suite: s, secret: make([]byte, s.key+s.salt)}
	_, _ = rand.Read(k.secret) // crypto/rand.Read never fails
	return k
}

// line is k as an attribute. Keys of ours have no lifetime (RFC 4568 s6.1: then it is the
// longest, far more than a call) and no name.
func (k masterKey) line() sdp.Attribute {
	return sdp.Attribute{Key: "crypto", Value: k.tag + " " + k.suite.name + " inline:" + base64.StdEncoding.EncodeToString(k.secret)}
}

// readKey reads the value of a crypto attribute: tag, suite, key, and parameters.
func readKey(value string) (masterKey, error) {
	fields := strings.Fields(value)
	if len(fields) < 3 {
		return masterKey{}, fmt.Errorf("crypto line of %d fields", len(fields))
	}
	k := masterKey{tag: fields[0]}
	at := slices.IndexFunc(suites, func(s suite) bool { return strings.EqualFold(s.name, fields[1]) })
	if at < 0 {
		return masterKey{}, fmt.Errorf("crypto suite %s is not known", fields[1])
	}
	k.suite = suites[at]
	for _, p := range fields[3:] {
		// RFC 4568 s6.3: what is not understood makes the line unusable, unless it begins
		// with a minus. The window is a hint only.
		if !strings.HasPrefix(p, "-") && !strings.HasPrefix(strings.ToUpper(p), "WSH=") {
			return masterKey{}, fmt.Errorf("crypto parameter %s is not known", p)
		}
	}
	method, rest, _ := strings.Cut(fields[2], ":")
	if !strings.EqualFold(method, "inline") || strings.Contains(rest, ";") {
		return masterKey{}, errors.New("crypto key is not one inline key")
	}
	parts := strings.Split(rest, "|")
	secret, err := base64.StdEncoding.DecodeString(parts[0])
	if err != nil {
		// Some telephones leave the padding out.
		if secret, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(parts[0], "=")); err != nil {
			return masterKey{}, fmt.Errorf("crypto key: %w", err)
		}
	}
	if len(secret) != k.suite.key+k.suite.salt {
		return masterKey{}, fmt.Errorf("crypto key of %d octets, want %d", len(secret), k.suite.key+k.suite.salt)
	}
	k.secret = secret
	for _, p := range parts[1:] {
		value, length, isMKI := strings.Cut(p, ":")
		if !isMKI {
			continue // a lifetime: no call is that long
		}
		v, err1 := strconv.ParseUint(value, 10, 32)
		n, err2 := strconv.ParseUint(length, 10, 8)
		if err1 != nil || err2 != nil || n == 0 || n > 128 {
			return masterKey{}, fmt.Errorf("crypto key name %s", p)
		}
		k.mki = make([]byte, n)
		for i := range min(int(n), 4) {
			k.mki[int(n)-1-i] = byte(v >> (8 * i))
		}
	}
	return k, nil
}

// readKeys are the usable keys of an m-line, in the party's order.
func readKeys(attributes []sdp.Attribute) []masterKey {
	var all []masterKey
	for _, a := range attributes {
		if !strings.EqualFold(a.Key, "crypto") {
			continue
		}
		if k, err := readKey(a.Value); err == nil {
			all = append(all, k)
		}
	}
	return all
}

// answerKeys agrees on a key with a party that offered some, and returns the line that
// answers it. While the party's key stays, so does ours; with a new one of it we send
// under a new one too (RFC 4568 s7.1.4), and both counts of rollovers begin again.
func (st *stream) answerKeys(theirs line) ([]sdp.Attribute, error) {
	if theirs.fingerprint.hash != "" {
		return st.answerDTLS(theirs)
	}
	if len(theirs.keys) == 0 {
		st.unseal()
		return nil, nil
	}
	st.dissociate()
	k := theirs.keys[0]
	own := st.ownKey
	if own.suite != k.suite || !st.theirKey.same(k) {
		own = newKey(k.tag, k.suite)
	}
	own.tag = k.tag // RFC 4568 s5.1.2: the tag says which one was chosen
	if err := st.seal(own, k); err != nil {
		return nil, err
	}
	return []sdp.Attribute{own.line()}, nil
}

// offerKeys are the lines that offer a party SRTP; repeated, they are the same.
func (st *stream) offerKeys() []sdp.Attribute {
	if st.offered == nil {
		for i, s := range suites[:offeredSuites] {
			st.offered = append(st.offered, newKey(strconv.Itoa(i+1), s))
		}
	}
	var all []sdp.Attribute
	for _, k := range st.offered {
		all = append(all, k.line())
	}
	return all
}

// takeKeys takes the key of an answer to our offer; ok is false when it has none that
// answers, and then the stream is plain.
func (st *stream) takeKeys(theirs line) (ok bool, err error) {
	for _, k := range theirs.keys {
		for _, own := range st.offered {
			if own.tag == k.tag && own.suite == k.suite {
				return true, st.seal(own, k)
			}
		}
	}
	st.unseal()
	return false, nil
}
