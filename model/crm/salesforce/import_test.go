package salesforce_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/crmtest"
	"github.com/crmauthz/crmauthz/model/crm/salesforce"
)

// fsOf is a file system of texts.
type fsOf = crmtest.Files

// document is a metadata file.
func document(root, content string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n<" + root + ` xmlns="http://soap.sforce.com/2006/04/metadata">` + "\n" + content + "\n</" + root + ">\n"
}

func objectPermission(object, rights string) string {
	s := "<objectPermissions>"
	for _, r := range []string{"allowCreate", "allowDelete", "allowEdit", "allowRead", "modifyAllRecords", "viewAllRecords", "viewAllFields"} {
		if slices.Contains(strings.Fields(rights), r) {
			s += "<" + r + ">true</" + r + ">"
		}
	}
	return s + "<object>" + object + "</object></objectPermissions>\n"
}

func fieldPermission(field, editable, readable string) string {
	return "<fieldPermissions><editable>" + editable + "</editable><field>" + field + "</field><readable>" + readable + "</readable></fieldPermissions>\n"
}

// imported imports files and compiles what is in them.
func imported(t *testing.T, files fsOf, options salesforce.Options) (*salesforce.Organisation, *crm.Report) {
	t.Helper()
	org, report, err := salesforce.Import(t.Context(), files.FS(), options)
	if err != nil {
		t.Fatal(err)
	}
	crmtest.ReadAgain(t, org, salesforce.Parse)
	return org, report
}

func TestBothLayoutsAndEncodedNames(t *testing.T) {
	set := document("PermissionSet", objectPermission("Account", "allowRead")+"<label>x</label>")
	org, report := imported(t, fsOf{
		"main/permissionsets/Source.permissionset-meta.xml":          set,
		"src/permissionsets/Api.permissionset":                       "\uFEFF" + set,
		"src/profiles/Sales %26 Service.profile":                     document("Profile", ""),
		"src/profiles/Custom%3A 100%25 Profile.profile-meta.xml":     document("Profile", ""),
		"src/profiles/50% off.profile":                               document("Profile", ""),
		"src/profiles/Empty.profile":                                 `<Profile xmlns="http://soap.sforce.com/2006/04/metadata"/>`,
		"src/classes/Controller.cls":                                 "public class Controller {}",
		"main/objects/Thing__c/Thing__c.object-meta.xml":             document("CustomObject", "<sharingModel>Read</sharingModel><nameField><type>AutoNumber</type></nameField>"),
		"main/objects/Thing__c/fields/Size__c.field-meta.xml":        document("CustomField", "<fullName>Size__c</fullName><type>Number</type>"),
		"main/objects/Thing__c/fields/Account__c.field-meta.xml":     document("CustomField", "<fullName>Account__c</fullName><type>MasterDetail</type><referenceTo>Account</referenceTo>"),
		"main/permissionsets/ns__Package.permissionset-meta.xml":     document("PermissionSet", fieldPermission("Thing__c.Size__c", "true", "true")),
		"main/permissionsetgroups/Both.permissionsetgroup-meta.xml":  document("PermissionSetGroup", "<permissionSets>Api</permissionSets><permissionSets>ns__Package</permissionSets><status>Updated</status>"),
		"main/settings/Sharing.settings-meta.xml":                    document("SharingSettings", "<enableSecureGuestAccess>true</enableSecureGuestAccess>"),
		"main/roles/Top.role-meta.xml":                               document("Role", "<name>Top</name>"),
		"main/roles/Below.role-meta.xml":                             document("Role", "<name>B</name><parentRole>Top</parentRole><opportunityAccessLevel>Edit</opportunityAccessLevel>"),
		"main/profiles/manifest.profile-meta.xml":                    document("Package", "<version>48.0</version>"),
		"main/objects/Thing__c/restrictionRules/R.rule-meta.xml":     document("RestrictionRule", "<active>true</active>"),
		"main/queues/Q.queue-meta.xml":                               document("Queue", "<queueMembers><roles><role>Top</role></roles><users><user>a@b</user></users></queueMembers>"),
		"main/groups/G.group-meta.xml":                               document("Group", "<doesIncludeBosses>false</doesIncludeBosses><name>G</name>"),
		"main/territory2Models/M/territories/EU.territory2-meta.xml": document("Territory2", "<accountAccessLevel>Edit</accountAccessLevel><parentTerritory>World</parentTerritory>"),
	}, salesforce.Options{})
	if d := cmp.Diff([]string{"Api", "Source", "ns__Package"}, names(org.PermissionSets)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"50% off", "Custom: 100% Profile", "Empty", "Sales & Service"}, names(org.Profiles)); d != "" {
		t.Error(d)
	}
	want := salesforce.Object{
		Sharing: salesforce.PublicRead, Parent: "Account",
		Fields: map[string]salesforce.Field{"Name": {Type: "AutoNumber", System: true}, "Size__c": {Type: "Number"}, "Account__c": {Type: "MasterDetail", Required: true}},
	}
	if d := cmp.Diff(want, org.Objects["Thing__c"]); d != "" {
		t.Error(d)
	}
	if r := org.Roles["Below"]; r.Parent != "Top" || r.Opportunity != salesforce.AccessEdit {
		t.Errorf("%+v", r)
	}
	if q := org.Queues["Q"]; !cmp.Equal(q.Roles, []string{"Top"}) || !org.Groups["G"].NoBosses || org.Territories["EU"].Parent != "World" {
		t.Errorf("%+v %+v", q, org.Groups)
	}
	crmtest.WantEntries(t, report,
		"src/classes/Controller.cls: not expressible: file", "main/settings/Sharing.settings-meta.xml:2: not expressible: SharingSettings Sharing",
		"main/profiles/manifest.profile-meta.xml:2: not expressible: Package manifest", "main/queues/Q.queue-meta.xml:3: not expressible: user a@b",
		"main/groups/G.group-meta.xml:2: ambiguous: Group G", "main/objects/Thing__c/restrictionRules/R.rule-meta.xml:2: not expressible: RestrictionRule R",
		"src/profiles/Empty.profile:1: ambiguous: Profile Empty: a profile has only what was retrieved with it",
		"main/objects/Thing__c/fields/Account__c.field-meta.xml:2: ambiguous: CustomObject Account: is in no file; taken as private",
		"main/territory2Models/M/territories/EU.territory2-meta.xml:3: ambiguous: Territory2 World: is in no file; taken as at the top",
	)
}

func names[T any](m map[string]T) (all []string) {
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func TestPermissionsAsTheFilesSayThem(t *testing.T) {
	org, report := imported(t, fsOf{
		"p/Odd.permissionset": document("PermissionSet",
			objectPermission("Account", "allowRead")+
				objectPermission("Account", "allowRead allowEdit")+
				objectPermission("Log__c", "modifyAllRecords viewAllFields")+
				"<objectPermissions><allowRead>yes</allowRead><allowFlying>true</allowFlying><object>Bird__c</object></objectPermissions>\n"+
				"<objectPermissions><allowRead>true</allowRead></objectPermissions>\n"+
				fieldPermission("Account.Phone", "false", "true")+
				fieldPermission("Account.Phone", "true", "true")+
				fieldPermission("Account.Fax", "true", "false")+
				fieldPermission("Account.None", "false", "false")+
				fieldPermission("NoObject", "true", "true")+
				"<fieldPermissions><editable>True</editable><field>Account.Old</field><hidden>true</hidden><readable>1</readable></fieldPermissions>\n"+
				"<userPermissions><enabled>true</enabled><name>SomethingNew2027</name></userPermissions>\n"+
				"<userPermissions><enabled>false</enabled><name>ViewSetup</name></userPermissions>\n"+
				"<customPermissions><enabled>true</enabled><name>Beta</name></customPermissions>\n"+
				"<classAccesses><apexClass>Ctl</apexClass><enabled>true</enabled></classAccesses>\n"+
				"<hasActivationRequired>true</hasActivationRequired>\n"+
				"<tabSettings><tab>standard-Account</tab><visibility>Visible</visibility></tabSettings>\n"+
				"<recordTypeVisibilities><recordType>Account.A</recordType><visible>true</visible></recordTypeVisibilities>\n"+
				"<novelty>x</novelty>"),
	}, salesforce.Options{})
	want := salesforce.PermissionSet{SessionBased: true, Permissions: salesforce.Permissions{
		Objects: map[string]salesforce.Rights{"Account": salesforce.Read | salesforce.Edit, "Log__c": salesforce.ModifyAll | salesforce.ViewAllFields, "Bird__c": 0},
		Fields:  map[string]salesforce.Access{"Account.Phone": salesforce.AccessEdit, "Account.Fax": salesforce.AccessEdit, "Account.None": salesforce.None, "Account.Old": salesforce.None},
		User:    []string{"SomethingNew2027"}, Custom: []string{"Beta"}, Other: map[string][]string{"classAccesses": {"Ctl"}},
	}}
	if d := cmp.Diff(want, org.PermissionSets["Odd"]); d != "" {
		t.Error(d)
	}
	crmtest.WantEntries(t, report,
		"p/Odd.permissionset:4: ambiguous: objectPermissions Account: stands twice",
		"p/Odd.permissionset:5: ambiguous: objectPermissions Log__c: rights that others need are missing",
		"p/Odd.permissionset:6: unknown: allowRead yes", "p/Odd.permissionset:6: unknown: allowFlying true", "p/Odd.permissionset:7: unknown: objectPermissions",
		"p/Odd.permissionset:9: ambiguous: fieldPermissions Account.Phone: stands twice", "p/Odd.permissionset:10: ambiguous: fieldPermissions Account.Fax: editable and not readable",
		"p/Odd.permissionset:11: taken: fieldPermissions Account.None", "p/Odd.permissionset:12: unknown: fieldPermissions NoObject",
		"p/Odd.permissionset:13: ambiguous: fieldPermissions Account.Old: hidden", "p/Odd.permissionset:14: taken: userPermissions SomethingNew2027",
		"p/Odd.permissionset:15: taken: userPermissions ViewSetup: not enabled", "p/Odd.permissionset:16: taken: customPermissions Beta",
		"p/Odd.permissionset:17: taken: classAccesses Ctl", "p/Odd.permissionset:18: taken: hasActivationRequired true", "p/Odd.permissionset:19: not expressible: tabSettings standard-Account",
		"p/Odd.permissionset:20: not expressible: recordTypeVisibilities Account.A", "p/Odd.permissionset:21: unknown: novelty x",
	)
}

func TestMutingSetsAndGroups(t *testing.T) {
	files := fsOf{
		"a/Full.permissionset": document("PermissionSet", objectPermission("Job__c", "allowRead allowEdit allowDelete")+fieldPermission("Job__c.Pay__c", "true", "true")+fieldPermission("Job__c.Note__c", "true", "true")),
		"a/Muted.mutingpermissionset": document("MutingPermissionSet",
			objectPermission("Job__c", "allowDelete")+fieldPermission("Job__c.Pay__c", "false", "true")+fieldPermission("Job__c.Note__c", "true", "false")),
		"a/G.permissionsetgroup":    document("PermissionSetGroup", "<mutingPermissionSets>Muted</mutingPermissionSets><permissionSets>Full</permissionSets><permissionSets>force__Gone</permissionSets>"),
		"a/Open.permissionsetgroup": document("PermissionSetGroup", "<mutingPermissionSets>Lost</mutingPermissionSets>\n<permissionSets>Full</permissionSets>"),
	}
	org, report := imported(t, files, salesforce.Options{})
	muted := org.MutingPermissionSets["Muted"]
	if d := cmp.Diff(map[string]salesforce.Access{"Job__c.Pay__c": salesforce.AccessRead, "Job__c.Note__c": salesforce.AccessEdit}, muted.Fields); d != "" {
		t.Error(d)
	}
	left := org.PermissionSets["Full"].Permissions.Minus(muted)
	if d := cmp.Diff(map[string]salesforce.Access{"Job__c.Note__c": salesforce.AccessRead}, left.Fields); d != "" {
		t.Error(d)
	}
	if left.Objects["Job__c"] != salesforce.Read|salesforce.Edit {
		t.Error(left.Objects)
	}
	if d := cmp.Diff(map[string]salesforce.PermissionSetGroup{"G": {Sets: []string{"Full"}, Muting: "Muted"}, "Open": {}}, org.PermissionSetGroups); d != "" {
		t.Error(d)
	}
	crmtest.WantEntries(t, report, "a/G.permissionsetgroup:3: unknown: PermissionSet force__Gone: of group G is in no file",
		"a/Open.permissionsetgroup:3: unknown: MutingPermissionSet Lost: of group Open is in no file; the group grants nothing")
}

func TestSharingRulesAsTheFilesSayThem(t *testing.T) {
	rule := func(kind, name, more string) string {
		return "<" + kind + "><fullName>" + name + "</fullName><accessLevel>Edit</accessLevel><label>x</label>" + more + "</" + kind + ">\n"
	}
	item := func(field, operation, value string) string {
		return "<criteriaItems><field>" + field + "</field><operation>" + operation + "</operation><value>" + value + "</value></criteriaItems>"
	}
	to := "<sharedTo><group>Staff</group></sharedTo>"
	org, report := imported(t, fsOf{
		"o/Gift__c.object": document("CustomObject", "<sharingModel>Private</sharingModel><fields><fullName>Amount__c</fullName><type>Currency</type></fields>"),
		"s/Gift__c.sharingRules": document("SharingRules",
			rule("sharingOwnerRules", "Below", to+"<sharedFrom><roleAndSubordinatesInternal>Boss</roleAndSubordinatesInternal></sharedFrom>")+
				rule("sharingCriteriaRules", "Mixed", to+item("Status__c", "equals", "Posted/Active,Canceled,Replaced")+item("Amount__c", "greaterThan", "1000")+item("Done__c", "notEqual", "True")+"<booleanFilter>(1 AND 2) or 3</booleanFilter><includeRecordsOwnedByAll>true</includeRecordsOwnedByAll>")+
				rule("sharingCriteriaRules", "Odd", to+item("Amount__c", "within", "10 km"))+
				rule("sharingCriteriaRules", "Filter", to+item("Amount__c", "equals", "10")+"<booleanFilter>1 AND 2</booleanFilter>")+
				rule("sharingGuestRules", "Guest", "<sharedTo><guestUser>Site Guest</guestUser></sharedTo>"+item("Public__c", "equals", "yes"))+
				rule("sharingOwnerRules", "Partners", "<sharedTo><allPartnerUsers/></sharedTo><sharedFrom><role>Boss</role></sharedFrom>")+
				rule("sharingOwnerRules", "Queue", "<sharedTo><territory>EU</territory></sharedTo><sharedFrom><queue>Q</queue></sharedFrom>")+
				rule("sharingOwnerRules", "Novel", to+"<sharedFrom><role>Boss</role></sharedFrom><exceptOn>Mondays</exceptOn>")),
		"s/Contact.sharingRules":      document("SharingRules", ""),
		"p/Customer User.profile":     document("Profile", ""),
		"s/Own.sharingSet":            document("SharingSet", "<accessMappings><accessLevel>Edit</accessLevel><object>Case</object><objectField>Account</objectField><userField>Account</userField></accessMappings><name>x</name><profiles>customer user</profiles>"),
		"o/Line__c.object":            document("CustomObject", "<sharingModel>ControlledByParent</sharingModel>"),
		"o/Member__c.object":          document("CustomObject", "<sharingModel>ControlledByParent</sharingModel><fields><fullName>Gift__c</fullName><type>MasterDetail</type><referenceTo>Gift__c</referenceTo><writeRequiresMasterRead>true</writeRequiresMasterRead></fields>"),
		"s/Member__c.sharingRules":    document("SharingRules", rule("sharingOwnerRules", "None", to+"<sharedFrom><role>Boss</role></sharedFrom>")),
		"o/Odd__c.object":             document("CustomObject", "<sharingModel>Everybody</sharingModel>"),
		"r/Loop.role":                 document("Role", "<parentRole>Loop</parentRole>"),
		"o/CampaignMember.object":     document("CustomObject", "<sharingModel>ControlledByCampaign</sharingModel>"),
		"o/Pricebook2.object":         document("CustomObject", "<sharingModel>ReadSelect</sharingModel><externalSharingModel>ControlledByParent</externalSharingModel>"),
		"s/___NS___X__c.sharingRules": document("SharingRules", ""),
	}, salesforce.Options{})
	want := []salesforce.SharingRule{
		{Name: "Below", To: salesforce.Grantee{Group: "Staff"}, Access: salesforce.AccessEdit, From: &salesforce.Grantee{RoleAndSubordinatesInternal: "Boss"}},
		{Name: "Mixed", To: salesforce.Grantee{Group: "Staff"}, Access: salesforce.AccessEdit, Filter: "(1 AND 2) or 3", Criteria: []salesforce.Criterion{
			{Field: "Status__c", Operation: "equals", Value: "Posted/Active,Canceled,Replaced"}, {Field: "Amount__c", Operation: "greaterThan", Value: "1000"}, {Field: "Done__c", Operation: "notEqual", Value: "True"},
		}},
		{Name: "Guest", To: salesforce.Grantee{User: "Site Guest"}, Access: salesforce.AccessEdit, Criteria: []salesforce.Criterion{{Field: "Public__c", Operation: "equals", Value: "yes"}}},
		{Name: "Queue", To: salesforce.Grantee{Territory: "EU"}, Access: salesforce.AccessEdit, From: &salesforce.Grantee{Queue: "Q"}},
	}
	if d := cmp.Diff(want, org.Objects["Gift__c"].SharingRules); d != "" {
		t.Error(d)
	}
	if o := org.Objects["Member__c"]; o.Parent != "Gift__c" || o.Master != salesforce.AccessRead || len(o.SharingRules) > 0 {
		t.Errorf("%+v", o)
	}
	if o := org.Objects["Line__c"]; o.Sharing != salesforce.Private {
		t.Errorf("%+v", o)
	}
	crmtest.WantEntries(t, report,
		"s/Gift__c.sharingRules:3: taken: sharingOwnerRules Gift__c Below", "s/Gift__c.sharingRules:3: ambiguous: Group Staff: is in no file",
		"s/Gift__c.sharingRules:3: ambiguous: Role Boss", "s/Gift__c.sharingRules:4: not expressible: includeRecordsOwnedByAll true",
		"s/Gift__c.sharingRules:5: not expressible: sharingCriteriaRules Gift__c Odd", "s/Gift__c.sharingRules:6: not expressible: sharingCriteriaRules Gift__c Filter",
		"s/Gift__c.sharingRules:7: ambiguous: guestUser Site Guest", "s/Gift__c.sharingRules:8: not expressible: sharingOwnerRules Partners",
		"s/Gift__c.sharingRules:10: unknown: exceptOn Mondays", "s/Gift__c.sharingRules:10: not expressible: sharingOwnerRules Novel",
		"s/Own.sharingSet:3: taken: accessMappings Case.Account = User.Account", "s/Member__c.sharingRules:3: not expressible: sharingOwnerRules Member__c None",
		"o/Line__c.object:2: ambiguous: CustomObject Line__c: controlled by a parent that is in no file", "o/Odd__c.object:3: unknown: sharingModel Odd__c Everybody",
		"r/Loop.role:2: ambiguous: Role Loop: is above itself", "o/Pricebook2.object:2: ambiguous: CustomObject Pricebook2: controlled by the parent for external users only",
		"s/___NS___X__c.sharingRules: ambiguous: build token ___NS___X__c",
	)
}

func TestLoginLimitsAsTheFilesSayThem(t *testing.T) {
	org, report := imported(t, fsOf{
		"p/Ok.profile": document("Profile", "<loginIpRanges><startAddress>10.0.0.1</startAddress><endAddress>10.0.0.9</endAddress></loginIpRanges>\n<loginHours><mondayStart>480</mondayStart><mondayEnd>1080</mondayEnd></loginHours>"),
		"p/No.profile": document("Profile", "<loginIpRanges><startAddress>10.0.0.300</startAddress><endAddress>10.0.0.9</endAddress></loginIpRanges>\n<loginHours><mondayStart>late</mondayStart></loginHours>"),
	}, salesforce.Options{Complete: true})
	ok, no := org.Profiles["Ok"], org.Profiles["No"]
	if !cmp.Equal(ok.LoginIPRanges, []string{"10.0.0.1-10.0.0.9"}) || !cmp.Equal(ok.LoginHours, []salesforce.Hours{{Day: 1, Start: 480, End: 1080}}) {
		t.Errorf("%+v", ok)
	}
	if !cmp.Equal(no.LoginIPRanges, []string{"::-::"}) || !cmp.Equal(no.LoginHours, []salesforce.Hours{{}}) {
		t.Errorf("limits that cannot be read must not be none: %+v", no)
	}
	crmtest.WantEntries(t, report, "p/No.profile:3: unknown: loginIpRanges", "p/No.profile:4: ambiguous: loginHours", "p/Ok.profile:4: ambiguous: loginHours")
}

func TestBuildTokens(t *testing.T) {
	files := fsOf{"p/%%%NS%%%A.permissionset": document("PermissionSet", fieldPermission("%%%NS%%%X__c.%%%NS%%%Y__c", "false", "true"))}
	org, report := imported(t, files, salesforce.Options{})
	if org.PermissionSets["%%%NS%%%A"].Fields["%%%NS%%%X__c.%%%NS%%%Y__c"] != salesforce.AccessRead {
		t.Errorf("%+v", org.PermissionSets)
	}
	crmtest.WantEntries(t, report, "p/%%%NS%%%A.permissionset: ambiguous: build token")
	org, report = imported(t, files, salesforce.Options{Tokens: map[string]string{"%%%NS%%%": "npsp__"}})
	if org.PermissionSets["npsp__A"].Fields["npsp__X__c.npsp__Y__c"] != salesforce.AccessRead || report.Count(crm.Ambiguous, "build token") != 0 {
		t.Errorf("%+v", org.PermissionSets)
	}
}

func TestImportRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		file, text string
		want       error
	}{
		"malformed":         {"a.profile", "<Profile><x></Profile>", crm.ErrMalformed},
		"empty":             {"a.profile", "", crm.ErrMalformed},
		"text":              {"a.role-meta.xml", "CEO", crm.ErrMalformed},
		"another root":      {"a.profile", "<html><body/></html>", crm.ErrWrongRoot},
		"a second root":     {"a.profile", "<Profile/><Profile/>", crm.ErrMalformed},
		"entities":          {"a.object", `<!DOCTYPE x [<!ENTITY a "b">]><CustomObject/>`, crm.ErrDoctype},
		"too large":         {"a.object", "<CustomObject>" + strings.Repeat(" ", 2000) + "</CustomObject>", crm.ErrTooLarge},
		"too large a piece": {"a.object", "<CustomObject><x>" + strings.Repeat("y", 700) + "</x></CustomObject>", crm.ErrTooLarge},
		"too deep":          {"a.object", "<CustomObject><x>" + strings.Repeat("<y>", 100), crm.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			files := fsOf{test.file: test.text, "b.profile": document("Profile", "")}
			org, report, err := salesforce.Import(t.Context(), files.FS(), salesforce.Options{Limits: crm.Limits{File: 1000, Element: 500}})
			var at *crm.Error
			if !errors.Is(err, test.want) || !errors.As(err, &at) || at.File != test.file {
				t.Errorf("%v, want %v", err, test.want)
			}
			if org != nil || report != nil {
				t.Error("an organisation beside an error")
			}
		})
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := salesforce.Import(canceled, fsOf{"b.profile": "<Profile/>"}.FS(), salesforce.Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	org, report, err := salesforce.Import(t.Context(), fsOf{}.FS(), salesforce.Options{})
	if err != nil || report.Files != 0 || len(org.Profiles) != 0 {
		t.Error(org, report, err)
	}
}

func FuzzImport(f *testing.F) {
	f.Add("a.profile", document("Profile", objectPermission("Account", "allowEdit")+fieldPermission("Account.Phone", "true", "true")))
	f.Add("X__c.sharingRules", document("SharingRules", "<sharingCriteriaRules><fullName>A</fullName><accessLevel>Read</accessLevel><sharedTo><group>G</group></sharedTo><criteriaItems><field>F</field><operation>equals</operation><value>x</value></criteriaItems><booleanFilter>1 or not 1</booleanFilter></sharingCriteriaRules>"))
	f.Add("a.role", document("Role", "<parentRole>a</parentRole>"))
	f.Add("a.object", document("CustomObject", "<sharingModel>ControlledByParent</sharingModel><fields><fullName>M</fullName><type>MasterDetail</type><referenceTo>a</referenceTo></fields>"))
	f.Fuzz(func(t *testing.T, name, text string) {
		if !strings.Contains(name, ".") || strings.Contains(name, "/") || len(name) > 50 {
			return
		}
		org, report, err := salesforce.Import(t.Context(), fsOf{name: text}.FS(), salesforce.Options{})
		if err == nil {
			crmtest.ImportCompiles(t, org, report)
		}
	})
}
