package org

import (
	"fmt"
	"strings"
)

// The enumerations of the file. Each is the word people write; wordOf checks it when it
// is read, so a value of these types that came from a file is one of its constants.

type (
	// TrunkRole is what a trunk is for.
	TrunkRole string
	// Source is whose numbers or trunk it is; one pool never mixes them (C6).
	Source string
	// Conveyance is how a trunk takes a location (W6).
	Conveyance string
	// Trust is something that is believed from a trunk (P9).
	Trust string
	// TLSVerify is what happens when a certificate is not what it should be.
	TLSVerify string
	// Ring is how a queue or group is rung.
	Ring string
	// Path is what a custom rule does (R10).
	Path string
	// Replaces is what a custom rule's pattern takes the place of (R10).
	Replaces string
	// Kind is what an extension is.
	Kind string
	// DeviceClass is what a device is; the law asks different things of them (P4).
	DeviceClass string
	// Mobility is whether a device moves.
	Mobility string
	// WhenBoth is who is rung first when team and PSAP are both set (R1).
	WhenBoth string
	// TeamJoins is how a member joins a call that the PSAP already has (R5).
	TeamJoins string
	// RecordNotice is how callers are told that they are recorded (R6).
	RecordNotice string
	// CallerID is where an extension-only caller's number comes from (C1).
	CallerID string
	// CallBackTo is who gets the call-backs to a dedicated number (C1).
	CallBackTo string
	// Shared is whom a call-back reaches when a number was lent twice (C2).
	Shared string
	// AnsweredBy is who reads back a test call (A4).
	AnsweredBy string
	// MatchOrder is the order in which network evidence is compared (W3).
	MatchOrder string
	// AlertEvent is what an alert is about (A1, A9).
	AlertEvent string
)

const (
	RoleEmergency TrunkRole = "emergency"
	RoleCarrier   TrunkRole = "carrier"
	RolePBX       TrunkRole = "pbx"
	RolePeering   TrunkRole = "peering"

	Native Source = "native"
	BYOC   Source = "byoc"

	LocationNone        Conveyance = "none"
	LocationByValue     Conveyance = "by-value"
	LocationByReference Conveyance = "by-reference"
	LocationBoth        Conveyance = "both"

	TrustCallback Trust = "psap-callback"
	TrustLocation Trust = "location"
	TrustIdentity Trust = "identity"

	VerifyStrict TLSVerify = "strict" // do not connect
	VerifyPrefer TLSVerify = "prefer" // connect, degrade, alert

	RingSimultaneous Ring = "simultaneous"
	RingInOrder      Ring = "in-order"

	PathTeamThenPSAP  Path = "team-then-psap"
	PathPSAPOnly      Path = "psap-only"
	PathTeamOnly      Path = "team-only"
	PathGroupOnly     Path = "sip-group-only"
	PathTeamThenGroup Path = "team-then-sip-group"

	ReplacesExtension     Replaces = "extension"
	ReplacesPublicService Replaces = "public-service"

	KindUser       Kind = "user"
	KindRoom       Kind = "room"
	KindCommonArea Kind = "common-area"

	ClassApp        DeviceClass = "app"
	ClassDeskPhone  DeviceClass = "desk-phone"
	ClassWiFiMobile DeviceClass = "wifi-mobile"
	ClassMobile     DeviceClass = "mobile"
	ClassVDI        DeviceClass = "vdi"
	ClassAnalog     DeviceClass = "analog"

	Fixed  Mobility = "fixed"
	Moving Mobility = "moving"

	Parallel  WhenBoth = "parallel"
	TeamFirst WhenBoth = "team-first"

	Listening TeamJoins = "listening"
	Talking   TeamJoins = "talking"

	NoticeNone     RecordNotice = "none"
	NoticeAnnounce RecordNotice = "announce"
	NoticeBeep     RecordNotice = "beep"

	CallerIDPool   CallerID = "pool"
	CallerIDNumber CallerID = "number"

	ToStaff  CallBackTo = "staff"
	ToCaller CallBackTo = "caller"

	SharedLatest Shared = "latest"
	SharedAll    Shared = "all"

	AnsweredByTocsin AnsweredBy = "tocsin"
	AnsweredByTrunk  AnsweredBy = "trunk"

	DepthFirst MatchOrder = "depth-first"
	TypeFirst  MatchOrder = "type-first"

	AlertEmergency AlertEvent = "emergency"
	AlertCustom    AlertEvent = "custom"
	AlertTest      AlertEvent = "test"
	AlertCallback  AlertEvent = "callback"
	AlertMobile    AlertEvent = "mobile"
	AlertSystem    AlertEvent = "system"
)

// AllDeviceClasses is the default of calling_from (P4).
var allDeviceClasses = []DeviceClass{ClassApp, ClassDeskPhone, ClassWiFiMobile, ClassMobile, ClassVDI, ClassAnalog}

func wordOf[T ~string](b []byte, into *T, allowed ...T) error {
	for _, a := range allowed {
		if string(a) == string(b) {
			*into = a
			return nil
		}
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return fmt.Errorf("%q is not one of %s", b, strings.Join(names, ", "))
}

func (v *TrunkRole) UnmarshalText(b []byte) error {
	return wordOf(b, v, RoleEmergency, RoleCarrier, RolePBX, RolePeering)
}
func (v *Source) UnmarshalText(b []byte) error { return wordOf(b, v, Native, BYOC) }
func (v *Conveyance) UnmarshalText(b []byte) error {
	return wordOf(b, v, LocationNone, LocationByValue, LocationByReference, LocationBoth)
}
func (v *Trust) UnmarshalText(b []byte) error {
	return wordOf(b, v, TrustCallback, TrustLocation, TrustIdentity)
}
func (v *TLSVerify) UnmarshalText(b []byte) error { return wordOf(b, v, VerifyStrict, VerifyPrefer) }
func (v *Ring) UnmarshalText(b []byte) error      { return wordOf(b, v, RingSimultaneous, RingInOrder) }
func (v *Path) UnmarshalText(b []byte) error {
	return wordOf(b, v, PathTeamThenPSAP, PathPSAPOnly, PathTeamOnly, PathGroupOnly, PathTeamThenGroup)
}
func (v *Replaces) UnmarshalText(b []byte) error {
	return wordOf(b, v, ReplacesExtension, ReplacesPublicService)
}
func (v *Kind) UnmarshalText(b []byte) error {
	return wordOf(b, v, KindUser, KindRoom, KindCommonArea)
}
func (v *DeviceClass) UnmarshalText(b []byte) error { return wordOf(b, v, allDeviceClasses...) }
func (v *Mobility) UnmarshalText(b []byte) error    { return wordOf(b, v, Fixed, Moving) }
func (v *WhenBoth) UnmarshalText(b []byte) error    { return wordOf(b, v, Parallel, TeamFirst) }
func (v *TeamJoins) UnmarshalText(b []byte) error   { return wordOf(b, v, Listening, Talking) }
func (v *RecordNotice) UnmarshalText(b []byte) error {
	return wordOf(b, v, NoticeNone, NoticeAnnounce, NoticeBeep)
}
func (v *CallerID) UnmarshalText(b []byte) error   { return wordOf(b, v, CallerIDPool, CallerIDNumber) }
func (v *CallBackTo) UnmarshalText(b []byte) error { return wordOf(b, v, ToStaff, ToCaller) }
func (v *Shared) UnmarshalText(b []byte) error     { return wordOf(b, v, SharedLatest, SharedAll) }
func (v *AnsweredBy) UnmarshalText(b []byte) error {
	return wordOf(b, v, AnsweredByTocsin, AnsweredByTrunk)
}
func (v *MatchOrder) UnmarshalText(b []byte) error { return wordOf(b, v, DepthFirst, TypeFirst) }
func (v *AlertEvent) UnmarshalText(b []byte) error {
	return wordOf(b, v, AlertEmergency, AlertCustom, AlertTest, AlertCallback, AlertMobile, AlertSystem)
}
