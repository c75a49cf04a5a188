package salesforce

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model/crm"
)

// Rights are rights on an object, as a set.
type Rights uint8

// The rights on an object.
const (
	Read Rights = 1 << iota
	Create
	Edit
	Delete
	ViewAll
	ModifyAll
	ViewAllFields
)

var rightNames = []string{"read", "create", "edit", "delete", "view_all", "modify_all", "view_all_fields"}

// Closed is the set with the rights that others include: edit and create include read,
// delete includes edit, view all includes read, and modify all includes all but create.
func (r Rights) Closed() Rights {
	if r&ModifyAll != 0 {
		r |= Read | Edit | Delete | ViewAll
	}
	if r&Delete != 0 {
		r |= Edit
	}
	if r&(Create|Edit|ViewAll) != 0 {
		r |= Read
	}
	return r
}

// Minus is the set without others, and without those that include one of them.
func (r Rights) Minus(muted Rights) Rights {
	if muted&Read != 0 {
		muted |= Create | Edit | ViewAll
	}
	if muted&Edit != 0 {
		muted |= Delete
	}
	if muted&(Delete|ViewAll) != 0 {
		muted |= ModifyAll
	}
	return r.Closed() &^ muted
}

// words is the names of the rights in the set.
func (r Rights) words() (words []string) {
	for i, name := range rightNames {
		if r&(1<<i) != 0 {
			words = append(words, name)
		}
	}
	return words
}

// MarshalYAML writes the set as a list of its rights.
func (r Rights) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, w := range r.words() {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: w})
	}
	return n, nil
}

// UnmarshalYAML reads a list of rights.
func (r *Rights) UnmarshalYAML(n *yaml.Node) error {
	var words []string
	if err := n.Decode(&words); err != nil {
		return err
	}
	*r = 0
	for _, w := range words {
		i, err := wordIn("right", w, rightNames)
		if err != nil {
			err.Line = n.Line
			return err
		}
		*r |= 1 << i
	}
	return nil
}

// Access is how much of a record or field: read, edit (which includes read), or
// all, which only owners, their superiors and territories have.
type Access uint8

// The accesses, in order.
const (
	None Access = iota
	AccessRead
	AccessEdit
	AccessAll
)

var accessNames = []string{"none", "read", "edit", "all"}

func (a Access) String() string { return nameOf(accessNames, uint8(a)) }

// MarshalText writes none, read, edit or all.
func (a Access) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads them.
func (a *Access) UnmarshalText(b []byte) error { return unmarshalWord("access", a, b, accessNames) }

// SharingModel is an organisation-wide default.
type SharingModel uint8

// The organisation-wide defaults.
const (
	Unset SharingModel = iota // Private
	Private
	PublicRead
	PublicReadWrite
	PublicReadWriteTransfer // leads and cases
	PublicFullAccess        // campaigns
	ControlledByParent
	ControlledByCampaign // campaign members
	ReadSelect           // price books: read, and use
)

var sharingNames = []string{"", "Private", "Read", "ReadWrite", "ReadWriteTransfer", "FullAccess", "ControlledByParent", "ControlledByCampaign", "ReadSelect"}

func (m SharingModel) String() string { return nameOf(sharingNames, uint8(m)) }

// MarshalText writes the word of the metadata.
func (m SharingModel) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads it.
func (m *SharingModel) UnmarshalText(b []byte) error {
	return unmarshalWord("sharing", m, b, sharingNames)
}

// controlled tells whether the level is the parent's.
func (m SharingModel) controlled() bool { return m == ControlledByParent || m == ControlledByCampaign }

// State is whether a user may log in.
type State uint8

// The states of a user.
const (
	Active      State = iota
	Frozen            // may not log in; all else stays
	Deactivated       // may not log in; manual and team shares with her are lost
)

var stateNames = []string{"active", "frozen", "deactivated"}

func (s State) String() string { return nameOf(stateNames, uint8(s)) }

// MarshalText writes active, frozen or deactivated.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads them.
func (s *State) UnmarshalText(b []byte) error { return unmarshalWord("state", s, b, stateNames) }

// Cause is why a record is shared, and so when the share ends.
type Cause uint8

// The causes of a share.
const (
	Manual Cause = iota // ends when the record's owner changes, or the grantee is deactivated
	Team                // the account, opportunity or case team; ends when the grantee is deactivated
	Apex                // a sharing reason of a program, which ends it
)

var causeNames = []string{"manual", "team", "apex"}

func (c Cause) String() string { return nameOf(causeNames, uint8(c)) }

// MarshalText writes manual, team or apex.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads them.
func (c *Cause) UnmarshalText(b []byte) error { return unmarshalWord("cause", c, b, causeNames) }

func nameOf(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "invalid"
}

func wordIn(what, word string, names []string) (int, *crm.Error) {
	for i, n := range names {
		if n == word {
			return i, nil
		}
	}
	return 0, &crm.Error{What: what, Value: word, Err: crm.ErrMalformed, Hint: "one of " + strings.TrimSpace(strings.Join(names, " "))}
}

func unmarshalWord[T ~uint8](what string, to *T, b []byte, names []string) error {
	i, err := wordIn(what, string(b), names)
	if err != nil {
		return err
	}
	*to = T(i)
	return nil
}
