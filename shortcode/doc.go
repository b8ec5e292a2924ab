// Package shortcode knows the emergency numbers of the world and finds them
// in what callers dial.
//
// # The numbers
//
// The table has every national emergency number of 240 territories. It is
// generated (gen/main.go) from the numbering plans, plus what they do not say
// and is kept by hand in gen/countries.csv:
//
//   - which services a number reaches. Where it is one service alone, a call
//     leaves as that sub-service of RFC 5031 s4.2: 15 in France is
//     urn:service:sos.ambulance. 911, 112, 999 and 000 are dialled for
//     anything and always leave as urn:service:sos;
//   - which numbers are main, that is, may not be removed by a site: the
//     general numbers a country tells its public to dial, and those of police,
//     fire and ambulance service where it has them apart. Not main are aliases
//     for foreign handsets (112 in the US), numbers being retired and those
//     whose purpose is not known here. A country whose numbers are all unknown
//     keeps them all;
//   - which main number is primary: what leaves when a caller dialled a number
//     that the country of the call does not have, or has only as an alias.
//
// Beside it are the numbers that the public knows and that are no emergency
// numbers ([PublicServiceAt]), and patterns of services related to emergencies
// ([RelatedAt]): 933 and 988 never reach a PSAP.
//
// A number belongs to a country, not to a calling code: 211 is the police in
// Barbados and community services in the US, both +1.
//
// # Recognition
//
// [Recognise] says whether a request-URI is an emergency call. It takes the
// whole string or nothing: 911 is, 9110 and 1911 are not. The caller may dial
// the numbers of two countries, the site's and the one where the caller is
// detected (RFC 6443 s8, home and visited dial strings), in these forms:
//
//	911  9-1-1  %39%31%31        bare
//	9911  9-911                  behind a trunk prefix
//	+1911  911;phone-context=+1  behind the calling code
//	+911                         from peers that write it so
//	urn:service:sos[.x]          as a service, RFC 5031
//
// No rule here asks who the caller is, and nothing is looked up: it cannot
// fail, only say no. What it cannot read is not an emergency number; it is for
// the caller of Recognise to try the To header of a call as well.
package shortcode

//go:generate go run ./gen
