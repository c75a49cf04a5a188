package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

// maxOpening is how long a command lets a tenant be open.
const maxOpening = 24 * time.Hour

// switchFlags say what is switched, and how.
type switchFlags struct {
	storeFlags
	authorFlags
	mode, from, until string
	length            time.Duration
	except            []string
	backup            string
	json              bool
}

func switchCommand(env *Env) *cobra.Command {
	var f switchFlags
	cmd := &cobra.Command{
		Use:   "switch POLICY [off TARGET | on TARGET]",
		Short: "List what is switched off, switch something off, or on again",
		Long: `Without more, lists the switches of a tenant, those that are to come and those
that are over among them.

off switches something off without taking it away, on takes all switches of it
back. Both say first what they do, and ask. A TARGET is
  user:eve                    all is denied to her
  role:rep, team:x, unit:x    nobody is in it
  rule:…                      a rule or membership, by its id
  customer, customer/42       all is denied of the type, or the record
  customer@unit:apac          of the unit's records
  customer#iban               the field is hidden; of one record, customer/42#iban
  *                           the tenant is locked down
With --mode read-only, what is named may still be read. With --mode open, the
tenant's rules are suspended until --until or for --for, at most a day: that needs a
--reason, and writes a backup to --backup first. The application must have an audit
log, and have set a limit for openings itself; else nothing is allowed by it.

` + storeForms + `
To list, a fixture and YAML will do.

Exit code: 0 done, or listed; 1 not done, since it was not confirmed; 2 not
readable, or refused.`,
		Example: `  crmauthz switch policy.db --schema schema.yaml
  crmauthz switch policy.db --schema schema.yaml off user:eve --actor user:root --reason 'lost her laptop'
  crmauthz switch postgres://localhost/crm --schema schema.yaml --tenant acme off '*' --mode read-only --for 2h --except role:admin --actor user:root
  crmauthz switch policy.db --schema schema.yaml off '*' --mode open --for 1h --except user:ann --backup acme.backup --actor user:root --reason OPS-7
  crmauthz switch policy.db --schema schema.yaml on '*' --actor user:root`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 3 && (args[1] == "off" || args[1] == "on") {
				return nil
			}
			return fmt.Errorf("a POLICY is wanted, and off or on with a TARGET to switch something")
		},
	}
	f.storeFlags.add(cmd)
	f.authorFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.mode, "mode", "", "what off does: off, read-only, and to a tenant locked or open; `MODE` is off without it, locked to a tenant")
	flags.StringVar(&f.from, "from", "", "when off begins, such as `2026-11-22T18:00:00Z`; now without it")
	flags.StringVar(&f.until, "until", "", "when it ends by itself, such as `2026-11-22T20:00:00Z`; without it, it does not")
	flags.DurationVar(&f.length, "for", 0, "how long it lasts, such as `2h`, in the place of --until")
	flags.StringArrayVar(&f.except, "except", nil, "for whom off is not, `TERM`: a subject, a network as net:10.0.0.0/8, or type#field that an open tenant opens, too; may be repeated")
	flags.StringVar(&f.backup, "backup", "", "the new `FILE` that an opening writes a backup to first")
	flags.BoolVar(&f.json, "json", false, "write the list as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 1:
			return f.list(cmd.Context(), env, args[0])
		case args[1] == "on":
			return f.on(cmd.Context(), env, args[0], args[2])
		}
		return f.off(cmd.Context(), env, args[0], args[2])
	}
	return cmd
}

// switchJSON is a switch, as JSON.
type switchJSON struct {
	Tenant string     `json:"tenant"`
	Target string     `json:"target"`
	Mode   string     `json:"mode"`
	From   *time.Time `json:"from,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Except []string   `json:"except,omitempty"`
	State  string     `json:"state"` // to come, in force or over
}

func stateOf(s model.Switch, now time.Time) string {
	switch {
	case s.Valid.Holds(now):
		return "in force"
	case now.Before(s.Valid.From):
		return "to come"
	}
	return "over"
}

// list writes the switches that a policy has.
func (f *switchFlags) list(ctx context.Context, env *Env, name string) error {
	p, err := f.read(ctx, name)
	if err != nil {
		return err
	}
	tenant := cmp.Or(f.tenant, p.tenant)
	if tenant == "" {
		if tenant, err = onlyTenant(p.facts); err != nil {
			return err
		}
	}
	now := p.now
	if now.IsZero() {
		now = env.Now()
	}
	all := []model.Switch{}
	for _, fact := range p.facts {
		if s, ok := fact.(model.Switch); ok && s.Tenant == tenant {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b model.Switch) int { return cmp.Compare(a.String(), b.String()) })
	if f.json {
		list := []switchJSON{}
		for _, s := range all {
			list = append(list, jsonOfSwitch(s, now))
		}
		return writeJSON(env.Out, list)
	}
	out := newPaper(env)
	for _, s := range all {
		out.printf("%-8s  %s\n", stateOf(s, now), describe(s))
	}
	if len(all) == 0 {
		out.printf("nothing is switched off in tenant %s\n", tenant)
	}
	_, err = io.WriteString(env.Out, out.String())
	return err
}

func jsonOfSwitch(s model.Switch, now time.Time) switchJSON {
	j := switchJSON{Tenant: s.Tenant, Target: s.Target, Mode: s.Mode.String(), Except: s.Except.Terms(), State: stateOf(s, now)}
	if !s.Valid.From.IsZero() {
		j.From = &s.Valid.From
	}
	if !s.Valid.Until.IsZero() {
		j.Until = &s.Valid.Until
	}
	return j
}

// describe says what a switch does.
func describe(s model.Switch) string {
	text := s.Target
	if text == model.Any {
		text = "the tenant"
	}
	text += " " + s.Mode.String()
	if !s.Valid.From.IsZero() {
		text += " from " + s.Valid.From.Format(time.RFC3339)
	}
	if !s.Valid.Until.IsZero() {
		text += " until " + s.Valid.Until.Format(time.RFC3339)
	}
	for i, term := range s.Except.Terms() {
		if i == 0 {
			text += ", except"
		}
		text += " " + term
	}
	return clean(text)
}

// off switches a target off.
func (f *switchFlags) off(ctx context.Context, env *Env, name, target string) error {
	s, options, err := f.options(env.Now(), target)
	if err != nil {
		return err
	}
	by, err := f.author()
	if err != nil {
		return err
	}
	opens := s.Mode == model.ModeOpen
	switch {
	case opens && f.backup == "":
		return usage("--backup is missing: a tenant is opened after a backup")
	case !opens && f.backup != "":
		return usage("--backup is of --mode open; see crmauthz backup")
	}
	return f.use(ctx, env, name, f.tenant, source.Changes, func(az opened) error {
		s.Tenant = az.tenant
		if _, err := model.Encode(s); err != nil {
			return err
		}
		if err := az.Schema().For(s.Tenant).CheckFact(s); err != nil {
			return err
		}
		begin := env.Now()
		if s.Valid.From.After(begin) {
			begin = s.Valid.From
		}
		p := newPaper(env)
		p.printf("to be switched in tenant %s: %s\n", az.tenant, describe(s))
		if err := tellOf(ctx, env, az, p, authz.Change{Tenant: az.tenant, Add: []authz.Fact{s}}, begin); err != nil {
			return err
		}
		if ok, err := f.confirmed(env, "Switch it?"); err != nil || !ok {
			return orFindings(err)
		}
		if opens {
			b, err := az.Backup(ctx, az.tenant)
			if err == nil {
				err = writeBackup(env, b, f.backup)
			}
			if err != nil {
				return err
			}
			options = append(options, authz.AfterBackup(b))
		}
		rev, err := az.Disable(ctx, by, az.tenant, target, options...)
		if err == nil {
			_, err = fmt.Fprintf(env.Out, "switched: tenant %s is at revision %d\n", az.tenant, rev)
		}
		return err
	})
}

// tellOf writes what is to be done, and who gains and loses by it.
func tellOf(ctx context.Context, env *Env, az opened, p *paper, c authz.Change, at time.Time) error {
	i, err := foreseen(ctx, az, c, at)
	if err == nil {
		printForeseen(p, i)
		_, err = io.WriteString(env.Out, p.String())
	}
	return err
}

// options are what the flags say of a switch, which is checked as far as it can be without its tenant.
func (f *switchFlags) options(now time.Time, target string) (s model.Switch, options []authz.SwitchOption, err error) {
	s = model.Switch{Target: target, Mode: model.ModeOff}
	if target == model.Any {
		s.Mode = model.ModeLocked
	}
	if f.mode != "" {
		if s.Mode, err = model.ParseMode(f.mode); err != nil {
			return s, nil, usage("--mode: %w", err)
		}
	}
	if s.Except, err = model.Except(f.except...); err != nil {
		return s, nil, usage("--except: %w", err)
	}
	options = []authz.SwitchOption{authz.InMode(s.Mode), authz.Except(f.except...)}
	begin := now
	if f.from != "" {
		if begin, err = time.Parse(time.RFC3339, f.from); err != nil {
			return s, nil, usage("--from %q is no time such as 2026-11-22T18:00:00Z", f.from)
		}
		s.Valid.From = begin.UTC()
		options = append(options, authz.From(begin))
	}
	var end time.Time
	switch {
	case f.until != "" && f.length != 0:
		return s, nil, usage("--until and --for say the same; give one of them")
	case f.until != "":
		if end, err = time.Parse(time.RFC3339, f.until); err != nil {
			return s, nil, usage("--until %q is no time such as 2026-11-22T20:00:00Z", f.until)
		}
	case f.length < 0:
		return s, nil, usage("--for %s: it ends before it begins", f.length)
	case f.length > 0:
		end = begin.Add(f.length)
	}
	if !end.IsZero() {
		s.Valid.Until = end.UTC().Truncate(time.Second)
		options = append(options, authz.Until(end))
	}
	return s, options, nil
}

// on takes the switches of a target back.
func (f *switchFlags) on(ctx context.Context, env *Env, name, target string) error {
	by, err := f.author()
	if err != nil {
		return err
	}
	return f.use(ctx, env, name, f.tenant, source.Changes, func(az opened) error {
		all, err := az.Switches(ctx, az.tenant)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(s model.Switch) bool { return s.Target != target })
		if len(all) == 0 {
			_, err := fmt.Fprintf(env.Out, "nothing is switched off of %s in tenant %s\n", clean(target), az.tenant)
			return err
		}
		p, change := newPaper(env), authz.Change{Tenant: az.tenant}
		for _, s := range all {
			p.printf("to be taken back in tenant %s: %s\n", az.tenant, describe(s))
			change.Remove = append(change.Remove, s)
		}
		if err := tellOf(ctx, env, az, p, change, env.Now()); err != nil {
			return err
		}
		if ok, err := f.confirmed(env, "Switch it on again?"); err != nil || !ok {
			return orFindings(err)
		}
		rev, err := az.Enable(ctx, by, az.tenant, target)
		if err == nil {
			_, err = fmt.Fprintf(env.Out, "switched: tenant %s is at revision %d\n", az.tenant, rev)
		}
		return err
	})
}
