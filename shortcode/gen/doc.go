// Command gen writes data/emergency.csv from the numbering plans and from
// countries.csv, which is kept by hand. Run it with go generate after either
// has changed, and read the difference: it is what callers may dial.
package main
