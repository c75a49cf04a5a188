package salesforce

import (
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// splitField takes Object.Field apart.
func splitField(key string) (object, field string) {
	object, field, _ = strings.Cut(key, ".")
	return object, field
}

func (c *compiler) fieldRule(subject, object, field string, level model.FieldLevel, when ...crm.Condition) {
	c.add(model.FieldRule{
		Tenant: c.tenant, Subject: subject, On: model.OnField(crm.Name(object), field), Level: level, Effect: model.Allow, If: c.when(when...),
	})
}

// grantFields makes the field rules of permissions.
func (c *compiler) grantFields(subject string, p Permissions, when crm.Condition) {
	for object, r := range crm.Sorted(p.Objects) {
		if r&ViewAllFields != 0 {
			c.seeAll(subject, object, when)
		}
	}
	for key, access := range crm.Sorted(p.Fields) {
		if access == None {
			continue
		}
		object, field := splitField(key)
		c.grantField(subject, object, field, access, when)
	}
}

// seeAll lets a subject read every field of an object.
func (c *compiler) seeAll(subject, object string, when crm.Condition) {
	encrypted := false
	for _, f := range c.Objects[object].Fields {
		encrypted = encrypted || f.Encrypted
	}
	if !encrypted {
		c.fieldRule(subject, object, model.Any, model.FieldRead, when)
		return
	}
	for field := range crm.Sorted(c.Objects[object].Fields) {
		c.grantField(subject, object, field, AccessRead, when)
	}
}

// grantField lets a subject reach a field. An encrypted one is masked to those who may not view it.
func (c *compiler) grantField(subject, object, field string, access Access, when crm.Condition) {
	level := model.FieldRead
	if access == AccessEdit {
		level = model.FieldWrite
	}
	if !c.Objects[object].Fields[field].Encrypted {
		c.fieldRule(subject, object, crm.Name(field), level, when)
		return
	}
	c.fieldRule(subject, object, crm.Name(field), model.FieldMasked, when)
	c.fieldRule(subject, object, crm.Name(field), level, when, canCondition(viewEncryptedData)) // its memberships: see closers
}
