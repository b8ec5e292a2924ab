package config

import (
	"encoding"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tocsin-sip/tocsin/e164"
	"github.com/tocsin-sip/tocsin/location"
)

// readers are the types that are read more strictly at this door than where they are
// stored: their packages leave that to whoever can name the field.
var readers = map[reflect.Type]func(string) (any, error){
	reflect.TypeFor[e164.Number](): func(s string) (any, error) { return e164.Parse(s) },
	reflect.TypeFor[e164.Region](): func(s string) (any, error) {
		r, err := e164.ParseRegion(s)
		if err == nil && string(r) != s {
			err = fmt.Errorf("country %q is written in capitals: %s", s, r)
		}
		return r, err
	},
	// A prefix, or one address. Bits beyond the prefix may mean the subnet or the host.
	reflect.TypeFor[netip.Prefix](): func(s string) (any, error) {
		n, err := location.ParseSubnet(s)
		return n.Prefix, err
	},
	reflect.TypeFor[netip.Addr](): func(s string) (any, error) {
		a, err := netip.ParseAddr(s)
		if err != nil {
			err = fmt.Errorf("%q is not an IP address", s)
		}
		return a, err
	},
}

func (d *decoder) read(n *yaml.Node, v reflect.Value, path string, read func(string) (any, error)) {
	s, ok := d.word(n, path)
	if !ok || s == "" { // as if the line were not there; whether it must be is not YAML's concern
		return
	}
	got, err := read(s)
	if err != nil {
		d.fault(n, path, "", "%v", err)
		return
	}
	v.Set(reflect.ValueOf(got))
}

// text reads a type that knows its own written form.
func (d *decoder) text(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fault(n, path, "write a single value", "%s stands where a single value is expected", describe(n))
		return
	}
	if n.Value == "" {
		return
	}
	err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value))
	if err != nil {
		if _, moment := v.Interface().(time.Time); moment {
			d.fault(n, path, "write it as 2026-07-17T15:04:05Z", "%q is not an instant with a date, a time and a zone", n.Value)
			return
		}
		d.fault(n, path, "", "%v", err)
		return
	}
	if _, moment := v.Interface().(time.Time); !moment {
		d.word(n, path)
	}
}

// word is a string as it was written, refused where YAML takes it for something else.
func (d *decoder) word(n *yaml.Node, path string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		d.fault(n, path, "write a single value", "%s stands where text is expected", describe(n))
		return "", false
	}
	if n.ShortTag() != "!!str" {
		d.fault(n, path, fmt.Sprintf("put it in quotes: %q", n.Value), "YAML reads %s without quotes as %s", n.Value, reading(n))
		// What was meant is plain: with it the rest of the file is read and checked.
		return n.Value, n.ShortTag() != "!!null"
	}
	return n.Value, true
}

// reading is how YAML understands an unquoted scalar; that it differs from what was meant
// is shown by its value, 0112 being 74.
func reading(n *yaml.Node) string {
	switch n.ShortTag() {
	case "!!int":
		var i int64
		if n.Decode(&i) == nil && strconv.FormatInt(i, 10) != n.Value {
			return "the number " + strconv.FormatInt(i, 10)
		}
		return "a number"
	case "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	}
	return "of type " + strings.TrimPrefix(n.ShortTag(), "!!")
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		if s, ok := d.word(n, path); ok {
			v.SetString(s)
		}
	case reflect.Bool:
		switch {
		case n.ShortTag() == "!!bool" && (n.Value == "true" || n.Value == "false"):
			v.SetBool(n.Value == "true")
		default:
			d.fault(n, path, "write true or false", "%s is neither true nor false", describe(n))
		}
	case reflect.Int, reflect.Int64:
		// Decimal only: a reader of the file should not have to know that 010 is eight.
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if err != nil || n.ShortTag() != "!!int" || strconv.FormatInt(i, 10) != n.Value || v.OverflowInt(i) {
			d.fault(n, path, "write digits without quotes, such as 23", "%s is not a whole number", describe(n))
			return
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		tag := n.ShortTag()
		if err != nil || (tag != "!!int" && tag != "!!float") || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(n.Value, "_xXpP") {
			d.fault(n, path, "write a decimal number without quotes, such as 37.3317", "%s is not a number", describe(n))
			return
		}
		v.SetFloat(f)
	default:
		d.fault(n, path, "remove it", "it cannot be set in a file")
	}
}
