// Package trace is how a decision says why.
//
// L4 asks that nothing is decided in the dark: each function of ring 0 that decides
// something returns, beside its value, the entries that led to it. `tocsin explain`
// prints them, the record keeps them, the console draws them and the log carries
// them with people's numbers and addresses masked. There is one kind of entry for
// all of them, so what one shows the others show too.
//
// A Degradation is the other thing a stage may return: it gave a usable value, but
// not the one it should have given (L1). A degradation never stops a call. It is
// told to the people who must mend its cause.
package trace
