// Package spelling finds the name somebody meant.
//
// A misspelt name in a file is refused with the one that was probably meant: the name
// that takes the fewest letters to insert, drop or change (Levenshtein's distance), if
// that is at most a third of its letters. Where no name is so near, it says nothing: a
// wrong suggestion costs more than none.
package spelling
