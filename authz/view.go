package authz

import (
	"encoding/json"
	"strings"

	"github.com/crmauthz/crmauthz/model"
)

// View is a record as a page shows it to a user, and which of its fields the page
// draws a lock on. As JSON it is an object to send as it is.
type View struct {
	Record json.RawMessage `json:"record"` // redacted: without any field if the user may not see it
	// Masked and ReadOnly are fields of the schema that she sees, sorted: those of
	// which only the mask's part is shown, and those that she may not change, among which are the masked.
	Masked   []string `json:"masked,omitempty"`
	ReadOnly []string `json:"read_only,omitempty"`
}

// HeaderFields is the name of the header that View.Header is for.
const HeaderFields = "Authz-Fields"

// Header tells the same as Masked and ReadOnly in the value of an HTTP header,
// for pages that take the record alone: masked="phone email", read_only="phone email name".
func (v View) Header() string {
	return `masked="` + strings.Join(v.Masked, " ") + `", read_only="` + strings.Join(v.ReadOnly, " ") + `"`
}

// View redacts a value for a page: the record's fields as the action show, such
// as read, lets the user see them, and the locks of a form that saves with the
// action edit, such as update; empty: no form, all is read-only.
func (v *Viewer) View(show, edit string, record *Record, value any) (View, error) {
	seen, err := v.Fields(show, record)
	if err != nil {
		return View{}, err
	}
	var open Fields
	if edit != "" {
		if open, err = v.Fields(edit, record); err != nil {
			return View{}, err
		}
	}
	var out View
	for name, level := range seen.All() {
		if level == model.FieldMasked {
			out.Masked = append(out.Masked, name)
		}
		if level != model.FieldHidden && !open.Writable(name) {
			out.ReadOnly = append(out.ReadOnly, name)
		}
	}
	if out.Record, err = seen.JSON(value); err != nil {
		return View{}, err
	}
	return out, nil
}
