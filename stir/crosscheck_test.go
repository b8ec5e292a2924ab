package stir

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// other runs secsipidx, a signer and verifier of other people's making (`make setup` installs
// it). Its clock is the machine's.
func other(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("secsipidx", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("secsipidx %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func keyFiles(t *testing.T, key *ecdsa.PrivateKey) (private, public string) {
	t.Helper()
	prv, err1 := x509.MarshalECPrivateKey(key)
	pub, err2 := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("prv.pem", "EC PRIVATE KEY", prv), write("pub.pem", "PUBLIC KEY", pub)
}

// What we sign, others verify, and not with another key. They know shaken only.
func TestOthersVerifyOurs(t *testing.T) {
	a := newAuthority(t)
	_, pub := keyFiles(t, a.key)
	_, wrong := keyFiles(t, newKey(t))
	for _, c := range []struct {
		name   string
		claims Claims
	}{
		{"towards 911", shaken()},
		{"towards a subscriber", Claims{Kind: Shaken, Orig: psap, Dest: []Party{caller}, Attest: Partial, OrigID: origID}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.claims.IssuedAt = time.Now()
			file := filepath.Join(t.TempDir(), "identity")
			if err := os.WriteFile(file, []byte(a.sign(c.claims)), 0o600); err != nil {
				t.Fatal(err)
			}
			if out := other(t, "-check", "-fidentity", file, "-fpubkey", pub); !strings.Contains(out, "ok") {
				t.Errorf("with our key: %s", out)
			}
			if out, err := exec.Command("secsipidx", "-check", "-fidentity", file, "-fpubkey", wrong).CombinedOutput(); err == nil {
				t.Errorf("with another key: %s", out)
			}
		})
	}
}

// What others sign, we verify.
func TestWeVerifyOthers(t *testing.T) {
	a := newAuthority(t)
	private, _ := keyFiles(t, a.key)
	value := other(t, "-sign-full", "-orig-tn", caller.TN(), "-dest-tn", nine11.TN(), "-attest", "B", "-orig-id", origID, "-x5u", certURL, "-k", private)
	m := towardsPSAP()
	m.ReceivedAt = time.Now()
	c := a.issue(signerTemplate(m.ReceivedAt.AddDate(0, 0, -1), m.ReceivedAt.AddDate(0, 0, 1)), a.root, &a.key.PublicKey)
	r := Verify([]string{value}, m, credentials(c), a.policy())[0]
	if r.Outcome != Verified || r.Claims.Attest != Partial || r.Claims.OrigID != origID {
		t.Errorf("%s: %+v", value, r)
	}
}

// The signature over an rph is theirs, and the bytes are the canonical ones of RFC 9027 s4.
func TestWeVerifyAnRPHOfOthers(t *testing.T) {
	a := newAuthority(t)
	private, _ := keyFiles(t, a.key)
	value := other(t, "-sign", "-header", rphHead, "-payload", backBody, "-k", private)
	r := Verify([]string{value + info}, callingBack(), credentials(a.signer()), a.policy())[0]
	if r.Outcome != Verified || !Callback([]Result{r}) {
		t.Errorf("%s: %+v", value, r)
	}
}
