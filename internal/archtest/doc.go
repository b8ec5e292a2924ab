// Package archtest checks the rings of docs/architecture.md with the toolchain's own view
// of the imports, and says why an arrow is wrong rather than that it is forbidden.
package archtest
