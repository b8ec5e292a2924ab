// Command node serves like `tocsin serve` and writes what it spends its time and memory on.
// It is what bench runs with -profile: the product itself has no such switch.
package main
