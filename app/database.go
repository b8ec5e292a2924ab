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
	why     atomic.Pointer[string] // it is not open
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
		if why := d.why.Load(); why != nil {
			return nil, fmt.Errorf("%w: %s", errNotOpen, *why)
		}
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

// errEmpty: a database in which nothing was ever applied is not the one that this node's
// configuration came from. It takes neither the configuration away nor records in.
var errEmpty = errors.New("the database is empty: it is not the one this node's configuration came from")

// mend opens the store where it is not open, or not the one the name leads to. Where
// something was configured before, a database that is missing is missing: none is made in
// its place, and an empty one is not taken for it.
//
// The store that was open before stays so: SQLite's last connection takes the write-ahead
// log away by its name, and that name is another database's now.
func (d *database) mend(ctx context.Context, configured bool) error {
	if _, err := d.use(); err == nil {
		return nil
	}
	err := d.reopen(ctx, configured)
	if err != nil {
		why := err.Error()
		d.why.Store(&why)
	}
	return err
}

func (d *database) reopen(ctx context.Context, configured bool) error {
	if d.file != "" && configured {
		if _, err := os.Stat(d.file); err != nil {
			return fmt.Errorf("the database file has gone: %w", err)
		}
	}
	s, err := d.open(ctx)
	if err != nil {
		return err
	}
	o, err := d.judge(ctx, s, configured)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	d.current.Store(o)
	return nil
}

func (d *database) judge(ctx context.Context, s *store.Store, configured bool) (*opened, error) {
	version, err := s.Version(ctx)
	if err != nil {
		return nil, err
	}
	if version == 0 && configured {
		return nil, errEmpty
	}
	o := &opened{Store: s}
	if d.file != "" {
		if o.file, err = os.Stat(d.file); err != nil {
			return nil, err
		}
	}
	return o, nil
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

// close closes what is open, unless its name is another's now.
func (d *database) close() error {
	s, err := d.use()
	d.current.Store(nil)
	if err != nil {
		return nil
	}
	return s.Close()
}
