package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/tocsin-sip/tocsin/cdr"
	"github.com/tocsin-sip/tocsin/store"
)

var errNotOpen = errors.New("the database is not open")

// database is the store as a node that runs has it:
//
//	gone -> open -> gone -> open ...
//
// Nobody who serves calls waits for it (L1). Everything that writes keeps what it could
// not write and tries again, so that all a user of it needs to know is an error.
type database struct {
	open func(context.Context) (*store.Store, error)
	file string // of SQLite; "" for a server

	current atomic.Pointer[opened]
}

// opened is an open store, and the file it was opened on.
type opened struct {
	*store.Store
	file fs.FileInfo
}

// use gives the store, or says why there is none. A process keeps what it has opened when
// the file's name is taken away, or given to another file: what it writes from then on
// nobody finds again. So that counts as gone.
func (d *database) use() (*store.Store, error) {
	o := d.current.Load()
	if o == nil {
		return nil, errNotOpen
	}
	if d.file == "" {
		return o.Store, nil
	}
	now, err := os.Stat(d.file)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the database file has gone: %w", err)
	case !os.SameFile(now, o.file):
		return nil, fmt.Errorf("the database file %s was replaced by another", d.file)
	}
	return o.Store, nil
}

// mend opens the store where it is not open, or not the one the name leads to. A file is
// made only where anew is set: one that was there before and is not is missing, and an
// empty one in its place would hide that.
func (d *database) mend(ctx context.Context, anew bool) error {
	if _, err := d.use(); err == nil {
		return nil
	}
	if d.file != "" && !anew {
		if _, err := os.Stat(d.file); err != nil {
			return fmt.Errorf("the database file has gone: %w", err)
		}
	}
	s, err := d.open(ctx)
	if err != nil {
		return err
	}
	o := &opened{Store: s}
	if d.file != "" {
		if o.file, err = os.Stat(d.file); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	if old := d.current.Swap(o); old != nil {
		_ = old.Close() // of a file that nobody can find any more
	}
	return nil
}

// AppendEntries is what the journal writes with.
func (d *database) AppendEntries(ctx context.Context, entries []cdr.Entry) error {
	s, err := d.use()
	if err != nil {
		return err
	}
	return s.AppendEntries(ctx, entries)
}

// ping asks whether the database answers, and says which it is.
func (d *database) ping() (engine string, err error) {
	s, err := d.use()
	if err != nil {
		return "", err
	}
	ctx, done := context.WithTimeout(context.Background(), pingLimit)
	defer done()
	return s.Engine(), s.Ping(ctx)
}

// pingLimit is how long whoever asks for the health of the node is kept waiting.
const pingLimit = time.Second

func (d *database) close() error {
	if o := d.current.Swap(nil); o != nil {
		return o.Close()
	}
	return nil
}
