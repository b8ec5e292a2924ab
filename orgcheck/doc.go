// Package orgcheck says what is wrong with an organisation before it goes live.
//
// [Check] is a pure function of an organisation, of the others in the installation and of
// an instant. It returns every fault at once: what the product refuses, each with the path
// of the field, the statement that refuses it and what to do. File, API and console refuse
// by this one list, so none of them lets in what another keeps out.
//
// Beside the faults stand warnings: what is allowed and dangerous (a team without a PSAP
// behind it, 711 taken from deaf callers), shown by `tocsin check` for as long as it stands.
//
// The checks protect people who apply a file, not calls: whatever slipped into a Directory
// by another way is resolved towards the PSAP by the stages of a call (P3), and none of
// them calls this package.
package orgcheck
