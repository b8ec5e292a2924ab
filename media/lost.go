package media

import (
	"strings"
	"sync"
	"time"
)

// DefaultLostAfter is how long a party may be silent before it is taken for lost.
//
// It is two intervals of RTCP: RFC 3550 s6.2 has a report every 5 s, and s6.3.1 spreads
// them over 2.05 to 6.16 s, so that a phone which sends no media while it is muted but
// reports as it should is never lost. A change of radio cell or of NAT binding takes one
// to five seconds, so it is not a loss either. Longer would leave a caller with nobody
// (R1: "at once").
const DefaultLostAfter = 10 * time.Second

// lostReports is how many intervals of RTCP may pass without a report of a party that may
// be silent (RFC 3550 s6.3.5: a member is timed out after five).
const lostReports = 5 * 5 * time.Second

// lookout is how often it is looked for losses: with it a loss is told at most so much late.
const lookout = time.Second

// silence is what it means when a stream's party sends nothing.
type silence struct {
	since time.Time // of the offer or answer that said so
	means unheard
}

// unheard is a meaning of silence; of several streams the greatest counts.
type unheard uint8

const (
	asAgreed unheard = iota + 1 // on hold, receiving only, declined: nothing is to come
	pausing                     // it suppresses silence: only reports are to come
	loss                        // it sends all the time
)

// meaning of the silence of a party that says l.
func meaning(l line) unheard {
	if l.declined || !l.sends || !l.receives || l.key.kind != "audio" {
		// RFC 3264 s8.4: a party that put us on hold may play music, or nothing. Video and
		// text come when there is something to show or write.
		return asAgreed
	}
	for _, f := range l.formats {
		params := strings.ToLower(strings.ReplaceAll(f.fmtp, " ", ""))
		switch {
		case f.suppressesSilence(), // RFC 3389
			f.codec.name == "G729" && !strings.Contains(params, "annexb=no"), // RFC 4856 s2.1.9: yes is the default
			strings.Contains(params, "usedtx=1"):                             // RFC 7587 s6.1
			return pausing
		}
	}
	return loss
}

// onLost is who is told of losses.
type onLost struct {
	after time.Duration
	tell  func(leg LegID, lost bool)
}

// OnLost sets who is told when a leg is lost, and when a lost one is heard again. A leg
// is lost when it was heard before, has reason to send (it is not on hold, and has not
// agreed on suppressing silence), and neither RTP nor RTCP has come from it for so long;
// zero means DefaultLostAfter. A leg that may suppress silence is lost when its reports
// stop, if it ever sent any. A new offer or answer begins the count again.
//
// Each loss is told once, at most a second late. The function must return at once and
// must not call the session; nil ends it.
func (s *Session) OnLost(after time.Duration, tell func(leg LegID, lost bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = nil
	if tell == nil || s.closed {
		return
	}
	if after <= 0 {
		after = DefaultLostAfter
	}
	s.lost = &onLost{after: after, tell: tell}
	s.anchor.lookOut()
}

// watch looks for losses in all sessions of an anchor.
type watch struct {
	stop chan struct{}
	done sync.WaitGroup
}

func (w *watch) end() {
	close(w.stop)
	w.done.Wait()
}

func (a *Anchor) lookOut() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.watch != nil {
		return
	}
	w := &watch{stop: make(chan struct{})}
	a.watch = w
	w.done.Go(func() {
		ticks := time.NewTicker(lookout)
		defer ticks.Stop()
		var open []*Session // kept: nothing is allocated while the calls stay the same
		for {
			select {
			case <-w.stop:
				return
			case now := <-ticks.C:
				a.mu.Lock()
				open = open[:0]
				for s := range a.sessions {
					open = append(open, s)
				}
				a.mu.Unlock()
				for i, s := range open {
					s.look(now)
					open[i] = nil
				}
			}
		}
	})
}

// look tells of the legs that were lost or came back by now.
func (s *Session) look(now time.Time) {
	type news struct {
		leg  LegID
		lost bool
	}
	var all []news
	s.mu.Lock()
	to := s.lost
	if to == nil || s.closed {
		s.mu.Unlock()
		return
	}
	for id, l := range s.legs {
		if lost := l.unheard(now, to.after); lost != l.lost {
			l.lost = lost
			all = append(all, news{id, lost})
		}
	}
	if len(all) == 0 {
		s.mu.Unlock()
		return
	}
	s.busy.Add(1) // under the lock, and not closed: Close waits
	s.mu.Unlock()
	defer s.busy.Done()
	for _, n := range all {
		to.tell(n.leg, n.lost)
	}
}

// unheard says whether a leg is lost. Session.mu is held.
func (l *leg) unheard(now time.Time, after time.Duration) bool {
	var (
		media, reports int64 // when the last came, of any stream
		since          time.Time
		means          = asAgreed
	)
	for _, st := range l.streams {
		media, reports = max(media, st.counts.last.Load()), max(reports, st.counts.reported.Load())
		means = max(means, st.quiet.means)
		if st.quiet.since.After(since) {
			since = st.quiet.since
		}
	}
	latest := time.Unix(0, max(media, reports))
	if since.After(latest) {
		latest = since
	}
	switch {
	case media == 0: // never heard: it may be a party that only listens, whatever it said
		return false
	case means == loss:
		return now.Sub(latest) >= after
	case means == pausing && reports > 0:
		return now.Sub(latest) >= max(after, lostReports)
	}
	return false
}
