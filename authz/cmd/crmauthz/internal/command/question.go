package command

import (
	"fmt"
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

// questionFlags are the facts that come with a question: those of the record, and what
// conditions ask about.
type questionFlags struct {
	policyFlags
	tenant, records  string
	owners           []string
	unit, at         string
	address          string
	attrs, user, env []string
}

func (f *questionFlags) add(cmd *cobra.Command) {
	f.policyFlags.add(cmd)
	f.addAsked(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.owners, "owner", nil, "an owner of the record, `user:ID` or team:ID; may be repeated")
	flags.StringVar(&f.unit, "unit", "", "the record's unit, `unit:ID`")
	flags.StringArrayVar(&f.attrs, "attr", nil, "an attribute of the record, `NAME=VALUE`; may be repeated")
}

// addAsked adds what may be said of many questions at once.
func (f *questionFlags) addAsked(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.tenant, "tenant", "", "the `TENANT`; may be left out where the policy has one only")
	flags.StringVar(&f.records, "records", "", "a `FILE` of records: by tenant, and by type/id, the owner, unit, parent and attrs of each")
	flags.StringArrayVar(&f.env, "env", nil, "an attribute of the environment, `NAME=VALUE`; may be repeated")
	flags.StringVar(&f.address, "address", "", "the `IP` address that is asked from, for exceptions of switches")
	flags.StringVar(&f.at, "at", "", "the instant of the decision, such as `2026-11-22T09:00:00Z`; without it a fixture's, or now")
	_ = cmd.MarkFlagFilename("records", "yaml", "yml")
}

// target is what a question is about, as it stands on a command line: TYPE, TYPE/ID, either with #FIELD.
func target(text string) (model.Target, error) {
	t, err := model.ParseTarget(text)
	if err == nil && (t.Type == model.Any || t.Unit != "" || t.Field == model.Any) {
		err = model.ErrMalformed
	}
	if err != nil {
		return t, usage("%q is not TYPE or TYPE/ID, with or without #FIELD: %w", text, err)
	}
	return t, nil
}

// ask puts the facts of the policy's source and of the command line into a request.
func (f *questionFlags) ask(req *model.Request, on model.Target, p *policy) (err error) {
	if req.Tenant, err = f.tenantOf(p); err != nil {
		return err
	}
	if req.At, err = f.time(p.now); err != nil {
		return err
	}
	if f.address != "" {
		if req.Address, err = netip.ParseAddr(f.address); err != nil {
			return usage("--address %q is no IP address", f.address)
		}
	}
	req.Type = on.Type
	if req.UserAttrs, err = values("user-attr", f.user, p.schema.User, p.users[req.User]); err != nil {
		return err
	}
	if req.Env, err = values("env", f.env, p.schema.Env, p.env); err != nil {
		return err
	}
	if f.records != "" {
		if p.records, err = readRecords(f.records, p.schema); err != nil {
			return err
		}
	}
	req.Record, err = f.record(req.Tenant, on, p)
	return err
}

func (f *questionFlags) tenantOf(p *policy) (string, error) {
	switch {
	case f.tenant != "":
		return f.tenant, nil
	case p.tenant != "":
		return p.tenant, nil
	}
	return onlyTenant(p.facts)
}

func readRecords(path string, s *model.Schema) (map[string]map[string]*model.Record, error) {
	text, err := source.ReadFile(path)
	if err != nil {
		return nil, err
	}
	records, err := model.ParseRecords(s, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return records, nil
}

// record is what the question is about: the one that was read, with what the flags say of it.
func (f *questionFlags) record(tenant string, on model.Target, p *policy) (*model.Record, error) {
	if on.ID == "" {
		if len(f.owners)+len(f.attrs) > 0 || f.unit != "" {
			return nil, usage("--owner, --unit and --attr are of a record: ask about %s/ID", on.Type)
		}
		return nil, nil
	}
	r := model.Record{Type: on.Type, ID: on.ID}
	if known := p.records[tenant][on.Type+"/"+on.ID]; known != nil {
		r = *known
	}
	if f.owners != nil {
		r.Owners = f.owners
	}
	if f.unit != "" {
		r.Unit = f.unit
	}
	var err error
	r.Attrs, err = values("attr", f.attrs, p.schema.For(tenant).Types[on.Type].Attributes, r.Attrs)
	return &r, err
}

func (f *questionFlags) time(now time.Time) (time.Time, error) {
	if f.at == "" {
		return now, nil
	}
	t, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return t, usage("--at %q: a time is written 2026-11-22T09:00:00Z", f.at)
	}
	return t, nil
}

// values reads NAME=VALUE as the schema's types want them, on top of what is known.
func values(flag string, pairs []string, types map[string]model.AttrType, known map[string]any) (map[string]any, error) {
	all := maps.Clone(known)
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, usage("--%s %q is not NAME=VALUE", flag, pair)
		}
		typ, ok := types[name]
		if !ok {
			return nil, usage("--%s %s: %w", flag, name, model.ErrUnknownAttribute)
		}
		v, err := valueOf(typ, text)
		if err != nil {
			return nil, usage("--%s %s: %q is no %s", flag, name, text, typ)
		}
		if all == nil {
			all = map[string]any{}
		}
		all[name] = v
	}
	return all, nil
}

func valueOf(t model.AttrType, text string) (any, error) {
	switch t {
	case model.AttrInt:
		return strconv.ParseInt(text, 10, 64)
	case model.AttrDouble:
		return strconv.ParseFloat(text, 64)
	case model.AttrBool:
		return strconv.ParseBool(text)
	case model.AttrTimestamp:
		return time.Parse(time.RFC3339, text)
	case model.AttrDuration:
		return time.ParseDuration(text)
	case model.AttrStrings:
		if text == "" {
			return []string{}, nil
		}
		return strings.Split(text, ","), nil
	}
	return text, nil
}
