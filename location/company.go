package location

import (
	"errors"
	"fmt"
	"slices"
)

// Company is a company location: a building, a floor, a zone. What network
// data it carries is evidence that a device seen there is at this place (W2).
type Company struct {
	Name    string    `json:"name" yaml:"name"`
	Label   string    `json:"label,omitempty" yaml:"label,omitempty"`
	Site    string    `json:"site,omitempty" yaml:"site,omitempty"`     // of a top-level location; the others have their parent's
	Within  string    `json:"within,omitempty" yaml:"within,omitempty"` // the parent
	Address Placement `json:"address" yaml:"address"`

	PublicIP    []Subnet     `json:"public_ip,omitempty" yaml:"public_ip,omitempty"`
	PrivateIP   []Subnet     `json:"private_ip,omitempty" yaml:"private_ip,omitempty"`
	BSSID       []BSSID      `json:"bssid,omitempty" yaml:"bssid,omitempty"`
	SwitchPorts []SwitchPort `json:"switch_ports,omitempty" yaml:"switch_ports,omitempty"`

	// MinimumMatch asks for more than a public address. Unset, it holds below
	// the top of the tree.
	MinimumMatch *bool `json:"minimum_match,omitempty" yaml:"minimum_match,omitempty"`
}

// HasNetwork says whether network evidence can lead here.
func (c Company) HasNetwork() bool {
	return len(c.PublicIP)+len(c.PrivateIP)+len(c.BSSID)+len(c.SwitchPorts) > 0
}

// NeedsMore is the effective MinimumMatch.
func (c Company) NeedsMore() bool {
	if c.MinimumMatch != nil {
		return *c.MinimumMatch
	}
	return c.Within != ""
}

// Node is a company location in its tree.
type Node struct {
	Company
	Site     string   // its own or its topmost ancestor's
	Resolved Address  // what its Address means
	Path     []string // names from the top down to its own
}

// Place is the node as a place a caller may be at.
func (n Node) Place() Place {
	return Place{Name: n.Name, Path: n.Path, Address: n.Resolved, Level: LevelCompany}
}

// Tree is an account's company locations. It is immutable.
type Tree struct {
	nodes map[string]Node
	order []string
}

// NewTree resolves addresses and ancestors. What it refuses concerns single
// entries and their references; whether siblings overlap is another question.
// The tree holds everything that could be resolved, error or not.
func NewTree(companies []Company, addresses []Address) (Tree, error) {
	t := Tree{nodes: make(map[string]Node, len(companies))}
	byName := make(map[string]Company, len(companies))
	known := make(map[string]Address, len(addresses))
	for _, a := range addresses {
		known[a.Name] = a
	}
	var errs []error
	for _, c := range companies {
		if _, twice := byName[c.Name]; twice {
			errs = append(errs, fmt.Errorf("location %s: named twice", c.Name))
			continue
		}
		byName[c.Name] = c
	}
	for _, c := range companies {
		if _, done := t.nodes[c.Name]; done {
			continue
		}
		n, err := resolveNode(byName[c.Name], byName, known)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		t.nodes[n.Name] = n
		t.order = append(t.order, n.Name)
	}
	return t, errors.Join(errs...)
}

func resolveNode(c Company, byName map[string]Company, known map[string]Address) (Node, error) {
	n := Node{Company: c, Site: c.Site, Path: []string{c.Name}}
	for above := c; above.Within != ""; {
		parent, ok := byName[above.Within]
		if !ok {
			return Node{}, fmt.Errorf("location %s: within %q, which there is not", above.Name, above.Within)
		}
		if slices.Contains(n.Path, parent.Name) {
			return Node{}, fmt.Errorf("location %s: within itself, by way of %s", c.Name, above.Name)
		}
		if n.Site != "" && parent.Site != "" && n.Site != parent.Site {
			return Node{}, fmt.Errorf("location %s: of site %s, but within %s of site %s", c.Name, n.Site, parent.Name, parent.Site)
		}
		if n.Site == "" {
			n.Site = parent.Site
		}
		n.Path = append(n.Path, parent.Name)
		above = parent
	}
	slices.Reverse(n.Path)
	if n.Site == "" {
		return Node{}, fmt.Errorf("location %s: of no site", c.Name)
	}
	like := Address{}
	if c.Address.Like != "" {
		a, ok := known[c.Address.Like]
		if !ok {
			return Node{}, fmt.Errorf("location %s: its address is like %q, which there is not", c.Name, c.Address.Like)
		}
		like = a
	}
	n.Resolved = c.Address.Over(like)
	if err := n.Resolved.Check(); err != nil {
		return Node{}, fmt.Errorf("location %s: %w", c.Name, err)
	}
	for _, p := range c.SwitchPorts {
		if err := p.Check(); err != nil {
			return Node{}, fmt.Errorf("location %s: %w", c.Name, err)
		}
	}
	return n, nil
}

// Node finds a location by name.
func (t Tree) Node(name string) (Node, bool) {
	n, ok := t.nodes[name]
	return n, ok
}

// All lists the locations in the order they were written in.
func (t Tree) All() []Node {
	nodes := make([]Node, 0, len(t.order))
	for _, name := range t.order {
		nodes = append(nodes, t.nodes[name])
	}
	return nodes
}
