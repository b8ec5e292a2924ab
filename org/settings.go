package org

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-sip/tocsin/e164"
)

// Emergency is the block of settings that account, site and extension may each set, leaf
// by leaf (P2). A nil leaf is not set at that level.
type Emergency struct {
	Calling       *bool               `json:"calling,omitempty"`
	Reason        *string             `json:"reason,omitempty"` // why calling is false, at account or site level (P4)
	CallingFrom   *[]DeviceClass      `json:"calling_from,omitempty"`
	PSAP          *bool               `json:"psap,omitempty"`
	SafetyTeam    *string             `json:"safety_team,omitempty"`
	WhenBoth      *WhenBoth           `json:"when_both,omitempty"`
	MaxHold       *Duration           `json:"max_hold,omitempty"`
	TeamJoins     *TeamJoins          `json:"team_joins,omitempty"`
	LastResort    *Resort             `json:"last_resort,omitempty"`
	Record        *bool               `json:"record,omitempty"`
	RecordNotice  *RecordNotice       `json:"record_notice,omitempty"`
	DialBudget    *Duration           `json:"dial_budget,omitempty"`
	AnnounceAfter *Duration           `json:"announce_after,omitempty"`
	ExtensionOnly ExtensionOnlyPolicy `json:"extension_only,omitzero"`
	Callback      CallbackPolicy      `json:"callback,omitzero"`
}

// ExtensionOnlyPolicy is for callers without a number of their own in the country of the call.
type ExtensionOnlyPolicy struct {
	PSAP       *bool        `json:"psap,omitempty"`
	CallerID   *CallerID    `json:"caller_id,omitempty"`
	Number     *e164.Number `json:"number,omitempty"`
	CallBackTo *CallBackTo  `json:"call_back_to,omitempty"`
}

// CallbackPolicy is how a lent number leads back (C2..C4).
type CallbackPolicy struct {
	Window  *Duration `json:"window,omitempty"`
	RingFor *Duration `json:"ring_for,omitempty"`
	Shared  *Shared   `json:"shared,omitempty"`
}

// Resort is where a call goes when nothing else is left to try; exactly one field is set.
type Resort struct {
	Queue  string      `json:"queue,omitempty"`
	Number e164.Number `json:"number,omitempty"`
	SIP    string      `json:"sip,omitempty"`
}

func (r Resort) String() string {
	switch {
	case r.Queue != "":
		return "queue " + r.Queue
	case r.Number != "":
		return "number " + string(r.Number)
	case r.SIP != "":
		return r.SIP
	}
	return "none"
}

// IsZero says that no last resort is set.
func (r Resort) IsZero() bool { return r == Resort{} }

// Level is where a setting stands.
type Level struct {
	Kind   LevelKind `json:"kind"`
	Name   string    `json:"name,omitempty"`
	Locked bool      `json:"locked,omitempty"` // the level lists the setting's path in `locked`
}

// LevelKind orders the levels from the farthest to the nearest.
type LevelKind int

const (
	LevelDefault LevelKind = iota + 1
	LevelAccount
	LevelSite
	LevelExtension
)

func (k LevelKind) String() string {
	switch k {
	case LevelDefault:
		return "default"
	case LevelAccount:
		return "account"
	case LevelSite:
		return "site"
	case LevelExtension:
		return "extension"
	}
	return fmt.Sprintf("level(%d)", int(k))
}

// MarshalText makes a level's kind its name in JSON.
func (k LevelKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

func (l Level) String() string {
	s := l.Kind.String()
	if l.Name != "" {
		s += " " + l.Name
	}
	if l.Locked {
		s += ", locked"
	}
	return s
}

// Value is a setting as it holds for one caller, with the level that decided it.
type Value[T any] struct {
	V    T     `json:"value"`
	From Level `json:"from"`
}

// Effective is the emergency block as it holds for one caller.
type Effective struct {
	Calling       Value[bool]
	Reason        Value[string]
	CallingFrom   Value[[]DeviceClass]
	PSAP          Value[bool]
	SafetyTeam    Value[string]
	WhenBoth      Value[WhenBoth]
	MaxHold       Value[time.Duration]
	TeamJoins     Value[TeamJoins]
	LastResort    Value[Resort]
	Record        Value[bool]
	RecordNotice  Value[RecordNotice]
	DialBudget    Value[time.Duration]
	AnnounceAfter Value[time.Duration]
	ExtensionOnly struct {
		PSAP       Value[bool]
		CallerID   Value[CallerID]
		Number     Value[e164.Number]
		CallBackTo Value[CallBackTo]
	}
	Callback struct {
		Window  Value[time.Duration]
		RingFor Value[time.Duration]
		Shared  Value[Shared]
	}
	Resorts []Value[Resort] // the site's last resort, then the account's, where they differ (R8)
}

// settingPaths are the paths that may stand in `locked`: a leaf, or a block for all its leaves.
var settingPaths = []string{"calling", "reason", "calling_from", "psap", "safety_team", "when_both", "max_hold", "team_joins",
	"last_resort", "record", "record_notice", "dial_budget", "announce_after",
	"extension_only", "extension_only.psap", "extension_only.caller_id", "extension_only.number", "extension_only.call_back_to",
	"callback", "callback.window", "callback.ring_for", "callback.shared"}

// IsSettingPath says whether a path may stand in `locked`.
func IsSettingPath(path string) bool { return slices.Contains(settingPaths, path) }

// SettingPaths lists what may stand in `locked`.
func SettingPaths() []string { return slices.Clone(settingPaths) }

type level struct {
	Level
	block  *Emergency
	locked []string
}

func locks(locked []string, path string) bool {
	for _, l := range locked {
		if l == path || strings.HasPrefix(path, l+".") {
			return true
		}
	}
	return false
}

// inherit walks from the account to the extension: the nearest level that sets the leaf
// wins, unless a level above it has locked the path (P2, P3).
func inherit[T, S any](levels []level, path string, fallback S, leaf func(*Emergency) *T, as func(T) S) Value[S] {
	got := Value[S]{V: fallback, From: Level{Kind: LevelDefault}}
	for _, l := range levels {
		if v := leaf(l.block); v != nil {
			got = Value[S]{V: as(*v), From: l.Level}
		}
		if locks(l.locked, path) {
			got.From.Locked = true
			return got
		}
	}
	return got
}

func same[T any](v T) T                   { return v }
func asDuration(d Duration) time.Duration { return time.Duration(d) }

// Settings resolves the emergency block for an extension of a site; either may be nil.
func Settings(account *Account, site *Site, ext *Extension) Effective {
	var ls []level
	if account != nil {
		ls = append(ls, level{Level{Kind: LevelAccount, Name: account.Name}, &account.Emergency, account.Locked})
	}
	if site != nil {
		ls = append(ls, level{Level{Kind: LevelSite, Name: site.Name}, &site.Emergency, site.Locked})
	}
	if ext != nil {
		ls = append(ls, level{Level{Kind: LevelExtension, Name: ext.Number}, &ext.Emergency, nil})
	}
	var e Effective
	e.Calling = inherit(ls, "calling", true, func(b *Emergency) *bool { return b.Calling }, same)
	e.Reason = inherit(ls, "reason", "", func(b *Emergency) *string { return b.Reason }, same)
	e.CallingFrom = inherit(ls, "calling_from", allDeviceClasses, func(b *Emergency) *[]DeviceClass { return b.CallingFrom }, same)
	e.PSAP = inherit(ls, "psap", true, func(b *Emergency) *bool { return b.PSAP }, same)
	e.SafetyTeam = inherit(ls, "safety_team", "", func(b *Emergency) *string { return b.SafetyTeam }, same)
	e.WhenBoth = inherit(ls, "when_both", Parallel, func(b *Emergency) *WhenBoth { return b.WhenBoth }, same)
	e.MaxHold = inherit(ls, "max_hold", 30*time.Second, func(b *Emergency) *Duration { return b.MaxHold }, asDuration)
	e.TeamJoins = inherit(ls, "team_joins", Listening, func(b *Emergency) *TeamJoins { return b.TeamJoins }, same)
	e.LastResort = inherit(ls, "last_resort", Resort{}, func(b *Emergency) *Resort { return b.LastResort }, same)
	e.Record = inherit(ls, "record", false, func(b *Emergency) *bool { return b.Record }, same)
	e.RecordNotice = inherit(ls, "record_notice", NoticeNone, func(b *Emergency) *RecordNotice { return b.RecordNotice }, same)
	e.DialBudget = inherit(ls, "dial_budget", 50*time.Millisecond, func(b *Emergency) *Duration { return b.DialBudget }, asDuration)
	e.AnnounceAfter = inherit(ls, "announce_after", 20*time.Second, func(b *Emergency) *Duration { return b.AnnounceAfter }, asDuration)
	e.ExtensionOnly.PSAP = inherit(ls, "extension_only.psap", true, func(b *Emergency) *bool { return b.ExtensionOnly.PSAP }, same)
	e.ExtensionOnly.CallerID = inherit(ls, "extension_only.caller_id", CallerIDPool, func(b *Emergency) *CallerID { return b.ExtensionOnly.CallerID }, same)
	e.ExtensionOnly.Number = inherit(ls, "extension_only.number", e164.Number(""), func(b *Emergency) *e164.Number { return b.ExtensionOnly.Number }, same)
	e.ExtensionOnly.CallBackTo = inherit(ls, "extension_only.call_back_to", ToStaff, func(b *Emergency) *CallBackTo { return b.ExtensionOnly.CallBackTo }, same)
	e.Callback.Window = inherit(ls, "callback.window", 2*time.Hour, func(b *Emergency) *Duration { return b.Callback.Window }, asDuration)
	e.Callback.RingFor = inherit(ls, "callback.ring_for", 25*time.Second, func(b *Emergency) *Duration { return b.Callback.RingFor }, asDuration)
	e.Callback.Shared = inherit(ls, "callback.shared", SharedLatest, func(b *Emergency) *Shared { return b.Callback.Shared }, same)
	e.Resorts = resorts(e.LastResort, account, site)
	return e
}

// resorts is R8's end of the list: the last resort of the site, then the account's.
func resorts(nearest Value[Resort], account *Account, site *Site) []Value[Resort] {
	var rs []Value[Resort]
	add := func(v Value[Resort]) {
		if v.V.IsZero() {
			return
		}
		for _, r := range rs {
			if r.V == v.V {
				return
			}
		}
		rs = append(rs, v)
	}
	add(nearest)
	if nearest.From.Locked {
		return rs
	}
	if site != nil && site.Emergency.LastResort != nil {
		add(Value[Resort]{*site.Emergency.LastResort, Level{Kind: LevelSite, Name: site.Name}})
	}
	if account != nil && account.Emergency.LastResort != nil {
		add(Value[Resort]{*account.Emergency.LastResort, Level{Kind: LevelAccount, Name: account.Name}})
	}
	return rs
}
