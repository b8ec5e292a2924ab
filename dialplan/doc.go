// Package dialplan says what a call is.
//
//	emergency   an emergency number of the caller's country or place, in any form
//	test        the site's test number, or urn:service:test.sos
//	custom      a rule of the organisation's own, by its pattern
//	callback    from a trunk to a number that was lent
//	ordinary    everything else
//
// Classify looks in this order, because no dial plan, rule or assignment may shadow an
// emergency number (P5). What a rule's translation yields is looked at once more only as
// an emergency number: no rule leads to a rule (R10).
//
// Patterns match whole strings: digits, X for any digit, [2-5] for one of them, a final !
// for one or more digits, and (..) for what $1 stands for in a translation. Of two that
// match, the one with more literal digits wins, then the site's before the account's; two
// that can match the same string are refused when they are configured, with such a string.
package dialplan
