package media

import (
	"testing"

	"go.uber.org/goleak"
)

// Who starts a goroutine waits for it: none is left when the last session has ended.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
