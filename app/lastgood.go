package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tocsin-sip/tocsin/org"
)

// lastGood is the configuration the node last had, in a file beside the database: with
// the database gone at the start, this is what serves (S2, L1).
type lastGood string // the name of the file

// lastGoodFile is its name in data_dir.
const lastGoodFile = "last-known-good.json"

// kept is what the file holds.
type kept struct {
	Version       int64              `json:"version"`
	KeptAt        time.Time          `json:"kept_at"`
	Organisations []org.Organisation `json:"organisations"`
}

// read gives nil where there is none.
func (l lastGood) read() (*kept, error) {
	text, err := os.ReadFile(string(l))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("read %s: %w", l, err)
	}
	return &k, nil
}

// write puts the directory into the file: all of it or nothing, and for nobody else to
// read, since it holds the passwords of devices.
func (l lastGood) write(d *org.Directory, at time.Time) error {
	k := kept{Version: d.Version, KeptAt: at}
	for _, v := range d.Accounts() {
		k.Organisations = append(k.Organisations, v.Organisation)
	}
	if shared := d.Shared(); len(shared) > 0 {
		k.Organisations = append(k.Organisations, org.Organisation{Trunks: shared})
	}
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(string(l)), lastGoodFile+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), string(l))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
