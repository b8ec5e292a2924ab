package rtp

import (
	"context"
	"time"
)

// FrameTime is how much speech one packet carries (RFC 3551 s4.2: the default).
const FrameTime = 20 * time.Millisecond

// maxBehind is how late a paced sender may be before it gives up catching up. Up to
// here a pause of the machine is made good at once and the receiver's jitter buffer
// hides it; beyond, a burst would only fill that buffer.
const maxBehind = 10 * FrameTime

// Pace calls send once every FrameTime, the first time at once, until send says no or
// ctx ends. It counts from the start, so the pace does not drift.
func Pace(ctx context.Context, send func(now time.Time) bool) {
	due := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := time.Now()
		if !send(now) {
			return
		}
		due = due.Add(FrameTime)
		if now.Sub(due) > maxBehind {
			due = now
		}
		timer.Reset(time.Until(due))
	}
}
