// Tocsin routes emergency calls. `tocsin help` lists its commands; each is in the file
// that carries its name.
//
// A command prints what a person reads, or with --json what a program does. It ends with
// 0 when it did what was asked, 1 when it could not or the answer is "no" (a file with
// faults, a call that is not there), and 2 when the command line cannot be understood.
package main
