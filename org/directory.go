package org

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/location"
)

// Directory is the immutable look-up over every account of the installation. It is built
// once for a change of configuration and shared by all calls that begin while it is
// current (S2). Nothing in it changes after NewDirectory returns.
type Directory struct {
	Version  int64 // the configuration's version in the store; 0 for a directory that was never stored
	accounts map[string]*View
	names    []string
	shared   []*Trunk
	peers    []peer
	networks []network
}

// View is one account with its objects by key, and the trunks it shares.
type View struct {
	Organisation
	sites      map[string]*Site
	extensions map[string]*Extension
	devices    map[string]Owner
	trunks     map[string]*Trunk
	queues     map[string]*Queue
	groups     map[string]*SIPGroup
	addresses  map[string]*location.Address
	tree       location.Tree
	numbers    map[e164.Number]*Number
	own        map[string][]*Number // numbers by the extension they are assigned to
	allTrunks  []*Trunk
}

// Owner is the extension a device belongs to.
type Owner struct {
	Extension *Extension
	Device    *Device
}

type peer struct {
	prefix  netip.Prefix
	trunk   *Trunk
	account *View // nil for a shared trunk
}

type network struct {
	prefix  netip.Prefix
	account *View
	site    *Site
}

// NewDirectory indexes the organisations. It takes what config has checked: where two
// objects claim one key the first stands, and no error stops a directory from being built.
func NewDirectory(version int64, orgs ...Organisation) *Directory {
	d := &Directory{Version: version, accounts: map[string]*View{}}
	for i := range orgs {
		if orgs[i].Account == nil {
			for j := range orgs[i].Trunks {
				d.shared = append(d.shared, &orgs[i].Trunks[j])
			}
		}
	}
	for i := range orgs {
		if orgs[i].Account == nil {
			continue
		}
		v := newView(orgs[i], d.shared)
		d.accounts[v.Account.Name] = v
		d.names = append(d.names, v.Account.Name)
		for _, t := range v.ownTrunks() {
			for _, p := range t.Peers {
				d.peers = append(d.peers, peer{p.Masked(), t, v})
			}
		}
		for j := range v.Sites {
			for _, n := range v.Sites[j].Networks {
				d.networks = append(d.networks, network{n.Masked(), v, &v.Sites[j]})
			}
		}
	}
	for _, t := range d.shared {
		for _, p := range t.Peers {
			d.peers = append(d.peers, peer{p.Masked(), t, nil})
		}
	}
	slices.Sort(d.names)
	// The longest prefix is the most exact claim on an address.
	slices.SortStableFunc(d.peers, func(a, b peer) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
	slices.SortStableFunc(d.networks, func(a, b network) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
	return d
}

func newView(o Organisation, shared []*Trunk) *View {
	v := &View{Organisation: o, sites: map[string]*Site{}, extensions: map[string]*Extension{}, devices: map[string]Owner{},
		trunks: map[string]*Trunk{}, queues: map[string]*Queue{}, groups: map[string]*SIPGroup{},
		addresses: map[string]*location.Address{},
		numbers:   map[e164.Number]*Number{}, own: map[string][]*Number{}}
	for i := range v.Sites {
		put(v.sites, v.Sites[i].Name, &v.Sites[i])
	}
	for i := range v.Extensions {
		x := &v.Extensions[i]
		put(v.extensions, x.Number, x)
		for j := range x.Devices {
			put(v.devices, x.Devices[j].Username, Owner{x, &x.Devices[j]})
		}
	}
	for i := range v.Trunks {
		put(v.trunks, v.Trunks[i].Name, &v.Trunks[i])
		v.allTrunks = append(v.allTrunks, &v.Trunks[i])
	}
	for _, t := range shared {
		put(v.trunks, t.Name, t)
		v.allTrunks = append(v.allTrunks, t)
	}
	for i := range v.Queues {
		put(v.queues, v.Queues[i].Name, &v.Queues[i])
	}
	for i := range v.SIPGroups {
		put(v.groups, v.SIPGroups[i].Name, &v.SIPGroups[i])
	}
	for i := range v.Addresses {
		put(v.addresses, v.Addresses[i].Name, &v.Addresses[i])
	}
	// What is wrong with a location was said when the file was applied; what could be
	// resolved is used.
	v.tree, _ = location.NewTree(v.Locations, v.Addresses)
	for i := range v.Numbers {
		n := &v.Numbers[i]
		put(v.numbers, n.Number, n)
		if x := n.AssignedTo.Extension; x != "" {
			v.own[x] = append(v.own[x], n)
		}
	}
	return v
}

func put[K comparable, V any](m map[K]V, k K, v V) {
	if _, taken := m[k]; !taken {
		m[k] = v
	}
}

// Accounts are the accounts in the order of their names.
func (d *Directory) Accounts() []*View {
	vs := make([]*View, len(d.names))
	for i, n := range d.names {
		vs[i] = d.accounts[n]
	}
	return vs
}

// Account is the account of that name, or nil.
func (d *Directory) Account(name string) *View { return d.accounts[name] }

// Trunks are all trunks of the installation, the shared ones last.
func (d *Directory) Trunks() []*Trunk {
	var ts []*Trunk
	for _, v := range d.Accounts() {
		ts = append(ts, v.ownTrunks()...)
	}
	return append(ts, d.shared...)
}

// Shared are the trunks that several accounts share.
func (d *Directory) Shared() []Trunk {
	ts := make([]Trunk, len(d.shared))
	for i, t := range d.shared {
		ts[i] = *t
	}
	return ts
}

// ByDomain is the account a SIP domain belongs to. Where the domain is nobody's and there
// is one account only, it is that one: a phone set up with an IP address must work.
func (d *Directory) ByDomain(domain string) *View {
	for _, n := range d.names {
		for _, dom := range d.accounts[n].Account.Domains {
			if strings.EqualFold(dom, domain) {
				return d.accounts[n]
			}
		}
	}
	if len(d.names) == 1 {
		return d.accounts[d.names[0]]
	}
	return nil
}

// Device finds who a digest username belongs to. The domain narrows it to an account;
// without one the name must be unique in the installation.
func (d *Directory) Device(domain, username string) (*View, Owner, bool) {
	if v := d.ByDomain(domain); v != nil {
		o, ok := v.devices[username]
		return v, o, ok
	}
	var view *View
	var owner Owner
	for _, n := range d.names {
		if o, ok := d.accounts[n].devices[username]; ok {
			if view != nil {
				return nil, Owner{}, false
			}
			view, owner = d.accounts[n], o
		}
	}
	return view, owner, view != nil
}

// TrunkAt finds the trunk whose `peers` hold the address (P9), longest prefix first. The
// account is nil for a shared trunk. Trunks without `peers` are known by what their
// proxies resolve to, which only the trunk adapter knows.
func (d *Directory) TrunkAt(a netip.Addr) (*Trunk, *View) {
	for _, p := range d.peers {
		if p.prefix.Contains(a.Unmap()) {
			return p.trunk, p.account
		}
	}
	return nil, nil
}

// TrunkOwner is the account a trunk belongs to; nil for a shared trunk.
func (d *Directory) TrunkOwner(t *Trunk) *View {
	for _, v := range d.accounts {
		for i := range v.Trunks {
			if &v.Trunks[i] == t {
				return v
			}
		}
	}
	return nil
}

// SiteAt finds the site in whose `networks` the address lies (R15 c), longest prefix first.
func (d *Directory) SiteAt(a netip.Addr) (*View, *Site) {
	for _, n := range d.networks {
		if n.prefix.Contains(a.Unmap()) {
			return n.account, n.site
		}
	}
	return nil, nil
}

// Number finds a number of the inventory and whose it is.
func (d *Directory) Number(n e164.Number) (*View, *Number) {
	for _, name := range d.names {
		if x, ok := d.accounts[name].numbers[n]; ok {
			return d.accounts[name], x
		}
	}
	return nil, nil
}

// The look-ups of one account return nil where there is no such object.

func (v *View) Site(name string) *Site                { return v.sites[name] }
func (v *View) Extension(number string) *Extension    { return v.extensions[number] }
func (v *View) Trunk(name string) *Trunk              { return v.trunks[name] }
func (v *View) Queue(name string) *Queue              { return v.queues[name] }
func (v *View) Group(name string) *SIPGroup           { return v.groups[name] }
func (v *View) Address(name string) *location.Address { return v.addresses[name] }
func (v *View) Number(n e164.Number) *Number          { return v.numbers[n] }

// OwnNumbers are the numbers assigned to an extension.
func (v *View) OwnNumbers(extension string) []*Number { return v.own[extension] }

// AllTrunks are the account's trunks and then the shared ones.
func (v *View) AllTrunks() []*Trunk { return v.allTrunks }

func (v *View) ownTrunks() []*Trunk { return v.allTrunks[:len(v.Trunks)] }

// Pool is a site's emergency number pool, in the order of the inventory.
func (v *View) Pool(site string) []*Number {
	return v.numbersWhere(func(a Assignment) bool { return a.EmergencyPool == site })
}

// ELINs are the numbers that stand for a location, in the order of the inventory.
func (v *View) ELINs(loc string) []*Number {
	return v.numbersWhere(func(a Assignment) bool { return a.ELIN == loc })
}

func (v *View) numbersWhere(use func(Assignment) bool) []*Number {
	var ns []*Number
	for i := range v.Numbers {
		if use(v.Numbers[i].AssignedTo) {
			ns = append(ns, &v.Numbers[i])
		}
	}
	return ns
}

// Location finds a company location with its resolved address and its site.
func (v *View) Location(name string) (location.Node, bool) { return v.tree.Node(name) }
