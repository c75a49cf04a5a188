package doctor

import (
	"strings"

	"github.com/crmauthz/crmauthz/model"
)

// proposeSchema is a schema of the types and actions that facts name; nil if they name no type.
// A type has the actions of the rules on it and on all types; if one is for every
// action, all that are named anywhere.
func proposeSchema(facts []model.Fact) *model.Schema {
	s := &model.Schema{Types: map[string]model.Type{}}
	all, of := map[string]model.Action{}, map[string]map[string]bool{} // by type, also Any; the actions, also Any
	for _, f := range facts {
		r, ok := f.(model.CustomerRule)
		if !ok {
			continue
		}
		if of[r.On.Type] == nil {
			of[r.On.Type] = map[string]bool{}
		}
		of[r.On.Type][r.Action] = true
		if r.Action != model.Any {
			all[r.Action] = model.Action{Need: needOf(r.Action)}
		}
	}
	if len(all) == 0 {
		all["read"] = model.Action{Need: model.LevelRead}
	}
	for name, named := range of {
		if name == model.Any {
			continue
		}
		t := model.Type{Actions: map[string]model.Action{}}
		for action, need := range all {
			if named[action] || named[model.Any] || of[model.Any][action] || of[model.Any][model.Any] {
				t.Actions[action] = need
			}
		}
		s.Types[name] = t
	}
	if len(s.Types) == 0 {
		return nil
	}
	return s
}

// needOf is the level that an action needs, by its name; the highest for one that is not known.
func needOf(action string) model.Level {
	switch strings.ToLower(action) {
	case "read", "view", "get", "list", "show":
		return model.LevelRead
	case "write", "update", "edit", "create", "add", "post", "put", "patch":
		return model.LevelWrite
	case "delete", "remove":
		return model.LevelDelete
	}
	return model.LevelFull
}
