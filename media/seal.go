package media

import (
	"fmt"
	"sync"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// replayWindow is how far back a packet under SRTP may come (RFC 3711 s3.3.2: at least 64).
const replayWindow = 128

// sealRoom is by how much SRTP and SRTCP make a packet longer at most: a tag of 16 octets,
// an index of four. Keys of ours have no name.
const sealRoom = 20

// seal is one direction of a stream under one master key (RFC 3711). It keeps the count of
// rollovers, so it lives as long as the key.
type seal struct {
	mu      sync.Mutex
	context *srtp.Context
	header  pion.Header // kept, so that none is allocated for each packet
	control rtcp.Header
}

func newSeal(k masterKey) (*seal, error) {
	options := []srtp.ContextOption{srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow)}
	if len(k.mki) > 0 {
		options = append(options, srtp.MasterKeyIndicator(k.mki))
	}
	context, err := srtp.CreateContext(k.secret[:k.suite.key], k.secret[k.suite.key:], k.suite.profile, options...)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", k.suite.name, err)
	}
	return &seal{context: context}, nil
}

// protect seals an RTP packet, in place when there is room behind it.
func (s *seal) protect(packet []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.context.EncryptRTP(packet, packet, &s.header)
}

// unprotect opens an RTP packet in place. A packet that is not under the key, or that came
// before, is an error.
func (s *seal) unprotect(packet []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.context.DecryptRTP(packet, packet, &s.header)
}

// protectReport and unprotectReport do the same to RTCP, but for the place: reports are few.
func (s *seal) protectReport(packet []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.context.EncryptRTCP(nil, packet, &s.control)
}

func (s *seal) unprotectReport(packet []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.context.DecryptRTCP(nil, packet, &s.control)
}

// seal puts a stream under SRTP. A direction whose key stays goes on with its count of
// rollovers, and its packets keep being told from repeated ones.
func (st *stream) seal(own, theirs masterKey) error {
	if in := st.in.Load(); in == nil || !st.theirKey.same(theirs) {
		fresh, err := newSeal(theirs)
		if err != nil {
			return err
		}
		st.in.Store(fresh)
	}
	if out := st.out.Load(); out == nil || !st.ownKey.same(own) {
		fresh, err := newSeal(own)
		if err != nil {
			return err
		}
		st.out.Store(fresh)
	}
	st.ownKey, st.theirKey = own, theirs
	return nil
}

// unseal lets a stream be plain RTP.
func (st *stream) unseal() {
	st.dissociate()
	st.in.Store(nil)
	st.out.Store(nil)
	st.ownKey, st.theirKey = masterKey{}, masterKey{}
}
