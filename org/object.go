package org

import (
	"encoding/json"
	"fmt"

	"github.com/tocsin-sip/tocsin/location"
)

// ObjectKind is what an object of an organisation is. Its value is the word of the file.
type ObjectKind string

const (
	ObjectAccount   ObjectKind = "account"
	ObjectAddress   ObjectKind = "address"
	ObjectTrunk     ObjectKind = "trunk"
	ObjectNumber    ObjectKind = "number"
	ObjectSite      ObjectKind = "site"
	ObjectLocation  ObjectKind = "location"
	ObjectQueue     ObjectKind = "queue"
	ObjectSIPGroup  ObjectKind = "sip_group"
	ObjectRule      ObjectKind = "rule"
	ObjectExtension ObjectKind = "extension"
	ObjectAlert     ObjectKind = "alert"
)

// ObjectKinds lists the kinds in the order in which the file has them.
func ObjectKinds() []ObjectKind {
	return []ObjectKind{ObjectAccount, ObjectAddress, ObjectTrunk, ObjectNumber, ObjectSite, ObjectLocation, ObjectQueue, ObjectSIPGroup, ObjectRule, ObjectExtension, ObjectAlert}
}

// ObjectKey names an object within its account.
type ObjectKey struct {
	Kind ObjectKind `json:"kind"`
	Name string     `json:"name"` // a number for numbers and extensions
}

func (k ObjectKey) String() string { return string(k.Kind) + " " + k.Name }

// Object is one thing of an organisation that has a key of its own. It is the unit of
// provenance (D8): each knows where it came from, and a file changes or leaves it whole.
type Object struct {
	ObjectKey
	Value any // a pointer: *Account, *Site, *location.Address ...
}

// Objects lists everything in the organisation, in the order of the file.
func (o *Organisation) Objects() []Object {
	var all []Object
	if o.Account != nil {
		all = append(all, Object{ObjectKey{ObjectAccount, o.Account.Name}, o.Account})
	}
	all = add(all, ObjectAddress, o.Addresses, func(a *location.Address) string { return a.Name })
	all = add(all, ObjectTrunk, o.Trunks, func(t *Trunk) string { return t.Name })
	all = add(all, ObjectNumber, o.Numbers, func(n *Number) string { return string(n.Number) })
	all = add(all, ObjectSite, o.Sites, func(s *Site) string { return s.Name })
	all = add(all, ObjectLocation, o.Locations, func(l *location.Company) string { return l.Name })
	all = add(all, ObjectQueue, o.Queues, func(q *Queue) string { return q.Name })
	all = add(all, ObjectSIPGroup, o.SIPGroups, func(g *SIPGroup) string { return g.Name })
	all = add(all, ObjectRule, o.Rules, func(r *Rule) string { return r.Name })
	all = add(all, ObjectExtension, o.Extensions, func(x *Extension) string { return x.Number })
	return add(all, ObjectAlert, o.Alerts, func(a *AlertRule) string { return a.Name })
}

func add[T any](to []Object, kind ObjectKind, from []T, name func(*T) string) []Object {
	for i := range from {
		to = append(to, Object{ObjectKey{kind, name(&from[i])}, &from[i]})
	}
	return to
}

// ParseObject reads an object of a kind from its JSON. The value is a pointer.
func ParseObject(kind ObjectKind, text []byte) (any, error) {
	var v any
	switch kind {
	case ObjectAccount:
		v = &Account{}
	case ObjectAddress:
		v = &location.Address{}
	case ObjectTrunk:
		v = &Trunk{}
	case ObjectNumber:
		v = &Number{}
	case ObjectSite:
		v = &Site{}
	case ObjectLocation:
		v = &location.Company{}
	case ObjectQueue:
		v = &Queue{}
	case ObjectSIPGroup:
		v = &SIPGroup{}
	case ObjectRule:
		v = &Rule{}
	case ObjectExtension:
		v = &Extension{}
	case ObjectAlert:
		v = &AlertRule{}
	default:
		return nil, fmt.Errorf("read object: there is no kind %q", kind)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("read %s: %w", kind, err)
	}
	return v, nil
}

// Put puts an object at the end of those of its kind.
func (o *Organisation) Put(value any) {
	switch v := value.(type) {
	case *Account:
		o.Account = v
	case *location.Address:
		o.Addresses = append(o.Addresses, *v)
	case *Trunk:
		o.Trunks = append(o.Trunks, *v)
	case *Number:
		o.Numbers = append(o.Numbers, *v)
	case *Site:
		o.Sites = append(o.Sites, *v)
	case *location.Company:
		o.Locations = append(o.Locations, *v)
	case *Queue:
		o.Queues = append(o.Queues, *v)
	case *SIPGroup:
		o.SIPGroups = append(o.SIPGroups, *v)
	case *Rule:
		o.Rules = append(o.Rules, *v)
	case *Extension:
		o.Extensions = append(o.Extensions, *v)
	case *AlertRule:
		o.Alerts = append(o.Alerts, *v)
	default:
		panic(fmt.Sprintf("org: %T is not an object", value))
	}
}
