// Package org is who there is: accounts, sites, extensions and their devices, trunks,
// numbers, queues, SIP groups and rules, and the settings that say how their emergency
// calls are treated.
//
// An Organisation is what one file of `tocsin apply` holds, with the names of
// campus.yaml as its JSON names; these names are the same in the file, the API, the
// trace and the console. A Directory is the immutable look-up over all organisations of
// one installation. A call takes one Directory when it arrives and keeps it until it
// ends (S2), so a change of configuration never touches a call in progress.
//
// Settings are inherited leaf by leaf (P2): the value is that of the nearest level that
// sets it, in the order extension, site, account, default, unless a higher level lists
// its path in `locked`, in which case that level's value holds (P3). A Value always
// says which level it came from:
//
//	max_hold = 15s   (site leeds)
//	psap     = true  (account acme, locked)
//
// A setting that cannot be resolved fails open to "PSAP allowed" (P3): the default of
// calling and of psap is true, and nothing in this package can return an error for them.
package org
