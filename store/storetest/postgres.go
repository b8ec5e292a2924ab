package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Server is a PostgreSQL server of the test's own.
type Server struct {
	dir  string // holds the cluster and the socket
	bin  string
	as   *syscall.SysProcAttr
	user string
	next atomic.Int64

	mu    sync.Mutex
	alive io.WriteCloser // the shell that ends the server
	ended chan struct{}
}

// shared is the server of the test's process. Tests that stop it start it again.
var shared = sync.OnceValues(start)

// Postgres is the server that the tests of a package share.
func Postgres(t testing.TB) *Server {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("PostgreSQL for the test: %v", err)
	}
	return s
}

func start() (*Server, error) {
	bin, err := newest("/usr/lib/postgresql/*/bin")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tocsin-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin, user: "tocsin"}
	if err := s.dropRoot(); err != nil {
		return nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "cluster"), "-U", s.user, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, s.as
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s, s.Start()
}

func newest(glob string) (string, error) {
	bins, err := filepath.Glob(glob)
	if err != nil || len(bins) == 0 {
		if path, err := exec.LookPath("initdb"); err == nil {
			return filepath.Dir(path), nil
		}
		return "", fmt.Errorf("PostgreSQL is not installed: apt-get install postgresql")
	}
	return bins[len(bins)-1], nil
}

// dropRoot: initdb and postgres refuse to run as root.
func (s *Server) dropRoot() error {
	if os.Getuid() != 0 {
		return nil
	}
	var u *user.User
	var err error
	for _, name := range []string{"postgres", "nobody"} {
		if u, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(s.dir, int(uid), int(gid))
}

// Start starts the server, again after Stop, and waits until it answers.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The shell waits for a word. Its input ends with the test's process, however that
	// ends; then the server ends (SIGINT: fast shutdown) and its directory goes too.
	cmd := exec.Command("/bin/sh", "-c", `"$0" "$@" </dev/null & p=$!; read word; kill -INT $p; wait $p; [ "$word" = stop ] || rm -rf "$PWD"`,
		filepath.Join(s.bin, "postgres"), "-D", filepath.Join(s.dir, "cluster"), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200")
	cmd.Dir, cmd.SysProcAttr = s.dir, s.as
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	alive, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.alive, s.ended = alive, make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(s.ended)
	}()
	return s.ready()
}

func (s *Server) ready() error {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.ended:
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("postgres ended: %s", log)
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		}
	}
}

// Stop ends the server and all its connections, and waits for it.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.alive, "stop\n")
	_ = s.alive.Close()
	<-s.ended
}

func (s *Server) url(database string) string {
	q := url.Values{"host": {s.dir}, "user": {s.user}, "connect_timeout": {"5"}}
	return "postgres:///" + database + "?" + q.Encode()
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := fmt.Sprintf("t%d_%s", s.next.Add(1), strings.Map(letters, strings.ToLower(t.Name())))
	name = name[:min(len(name), 60)]
	if _, err := db.Exec(`CREATE DATABASE "` + name + `"`); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	return s.url(name)
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}
