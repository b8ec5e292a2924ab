// Package e164 holds telephone numbers of the public network and the
// countries they belong to.
//
// A [Number] is always in the one canonical form of ITU-T E.164: a plus
// sign, the calling code and the national significant number, 15 digits at
// most, nothing else. It is a string of its own type so that a dialled
// string, an extension or a short code cannot be passed where a number is
// meant: "+1911" is how some gateways write an emergency call, and it is no
// Number. Package shortcode knows those.
//
// People write numbers with separators, so [Parse] takes spaces, dots,
// hyphens, slashes and brackets. It takes nothing else, and it does not guess:
// a number without its plus sign is refused, and so is "+44 (0)113", whose
// zero is not dialled from abroad. [ParseNational] is for digits that are
// known to be dialled from a given country.
//
// A Number is possible, not certified: its calling code is assigned and its
// length occurs under that calling code. National plans grow faster than any
// table, and a router that refuses an assigned number because its copy of the
// plan is a month old has failed. [Number.Region] does use the plan, since
// 25 countries share +1 and only the area code tells them apart; when the
// plan does not know, it says so instead of answering with the largest
// country.
//
// The numbering plans come from github.com/nyaruka/phonenumbers, a port of
// libphonenumber.
package e164
