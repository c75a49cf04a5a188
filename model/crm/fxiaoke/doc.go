// Package fxiaoke describes an enterprise on 纷享销客 (ShareCRM) in its own words, and
// compiles the description to a schema and facts that decide as 纷享销客 does.
//
// [Parse] reads a description from YAML, [Import] makes one of tables that an administrator
// filled in, since 纷享销客 exports no permissions, and [Organisation.Compile] compiles it.
//
// # Building blocks
//
//	纷享销客                              becomes
//	对象 object                           type
//	角色 role, 功能权限 function          role:crm.ROLE, with customer rules without a scope; a user without roles has nothing
//	CRM管理员 administrator               rules for everything, with the scope all; of the personnel object his functions only
//	管理角色 management role              actions of the type management; limited to departments, rules on their units
//	字段权限 field permission             field rules, which add up; without 导出 export, on the condition of the action
//	员工 user, 停用 stopped               user; switch
//	部门 department, 组织 organisation    unit:DEPARTMENT, with org edges; what a record belongs to is its unit
//	汇报对象, 上级 superior               org edges between users; hierarchy by line, to depth 1 or all, with holders
//	部门负责人 leader, 助理 assistant     team rules, on the condition of the record's unit
//	用户组 group                          team:group.GROUP
//	基础数据权限 basic data permission    team rule for everyone: read or write
//	within department, organisation       team rules, on the condition that the record's unit is one of the user's
//	数据共享规则 sharing rule             team rules, on the condition of the owner, the record's unit or its fields
//	负责人, 相关团队 related team         owner; team rules on the one record, with the role in the team
//	关联对象 associated object            parent of the type SOURCE.for.OBJECT, with team rules capped for each role, see Related
//	临时权限 temporary permission         customer rules on the one record, for the period, where a role has the function
//	公海, 线索池 pool                     rules that let members claim, and administrators assign, what nobody owns; nobody changes it
//	锁定 lock, 生命状态 life status       forbidding rules, on the conditions of lock_status and life_status
//
// The functions of an object, and the level of the record that each needs, are list, view, export and
// print (read), edit (write), invalidate 作废, recover and delete (delete, which owners and their
// superiors have), change_owner, edit_team, lock, unlock and return (full), create and import (no
// record), and choose 领取 and assign (a record of one's pool without an owner).
//
// # What the records must bring
//
// Owners, which are users, and the department as the unit. lock_status and life_status, unless the object has
// them untracked: a record of which it is not known whether it is locked is not changed. high_seas_id, the
// pool's name, where there are pools. Fields that conditions look at, by their names. A record of an
// associated object has as its parent what [Related] makes of the source. A record that no user who
// is described owns has no owner.
//
// # The dialect
//
// The answers carried, those of 纷享销客 first (see [crm.Dialect]):
//
//	managers                   same (the level of the owner or the member), write, read, none
//	managers_of_grantees       yes (of team members), no
//	hierarchy_off              none, all
//	public_write_deletes       no, yes
//	shares_without_permission  useless
//	write_shares_transfer      no
//	shares_at_owner_change     kept
//	fields                     open, closed
//	field_grants               union
//	admins_see_all_fields      no, yes
//	tree_inherits              write, read, none: what leaders have in the departments below theirs
//	deactivation_drops_shares  no, yes
//	bundles                    union
//	effective                  at_once
//
// It is not documented what 纷享销客 does about shares_at_owner_change, fields, admins_see_all_fields and
// deactivation_drops_shares.
//
// # What is not carried over
//
//   - The main role 主角色, which decides layouts only, and external 互联 users: give them roles and team rules.
//   - Associated objects by several sources: a record has one parent. Parents of several types, in the
//     core, would carry it. A role of a team that has more than the owner is refused.
//   - That invalid records are seen in a list of their own: viewing them is allowed as before.
//   - A question about a type alone and an action that a state could forbid is denied: no record is known then.
package fxiaoke
