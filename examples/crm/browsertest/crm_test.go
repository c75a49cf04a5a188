package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// harbour is the customer that the story is about: Alice's, with Ben as a stand-in.
const harbour = "/customers/1"

func TestPeopleSeeWhatIsTheirs(t *testing.T) {
	s := &stage{t: t, browser: startBrowser(t), base: startCRM(t)}

	door := s.newVisitor(t)
	door.open("/login")
	door.picture("login")
	alice := s.newVisitor(t).logIn("user:alice")
	ben := s.newVisitor(t).logIn("user:ben")
	dan := s.newVisitor(t).logIn("user:dan")
	farah := s.newVisitor(t).logIn("user:farah")

	s.scene("lists are narrowed", func() {
		alice.says("h1", "Customers 104") // her own, Nora's, and the team's
		ben.says("h1", "Customers 89")    // his own, Tom's, and the one that he stands in at
		dan.says("h1", "Customers 204")   // all of Fernhill's, none of Solano's
		alice.open("/customers?q=harbour")
		alice.says("table", "Harbour Hotel")
		alice.open("/customers")
		alice.picture("list-alice")
		dan.picture("list-dan")
	})
	s.scene("values are masked, and say why", func() {
		alice.open(harbour)
		alice.says(".field.phone", "+44 1224 555 0142")
		alice.says(".field.credit_limit", "Hidden from you")
		alice.picture("record-alice")
		dan.open(harbour)
		dan.says(".field.phone", "****0142")
		dan.saysNot("main", "555 0142", "24,000")
		dan.run(chromedp.Click(chromedp.CSS(".field.phone .why")), chromedp.WaitVisible(chromedp.CSS("dialog[open] .reason")))
		dan.says("dialog", "You may see the phone of Harbour Hotel masked", "when revealing it")
		dan.picture("why-dan")
		dan.run(chromedp.Click(chromedp.CSS("dialog .close")))
	})
	s.scene("a masked value is revealed for a reason", func() {
		dan.open(harbour)
		dan.run(chromedp.Click(chromedp.CSS(".reveal summary")), chromedp.SendKeys(chromedp.CSS(".reveal input[name=reason]"), "ticket 81"))
		dan.clickTo(".reveal button")
		dan.says("main", "+44 1224 555 0142", "audit log")
		dan.picture("reveal-dan")
	})
	s.scene("an edit of what is locked is refused", func() {
		ben.open(harbour + "/edit")
		ben.picture("edit-ben")
		ben.evaluate(`const f = document.querySelector("[name=phone]"); if (!f.disabled) throw "open"; f.disabled = false; f.value = "+1 900 000"`)
		ben.clickTo(".actions .main")
		ben.says(".problem", "Nothing was saved")
		ben.says(".field.phone .error", "You may not change this")
		ben.picture("refused-ben")
		ben.open(harbour + "/edit")
		ben.run(chromedp.SetValue(chromedp.CSS("[name=city]"), "Peterhead"))
		ben.clickTo(".actions .main")
		ben.says(".notice", "Saved")
		alice.open(harbour)
		alice.says(".field.city", "Peterhead")
		alice.says(".field.phone", "+44 1224 555 0142")
	})
	s.scene("what is granted is visible, what is revoked is gone", func() {
		alice.open("/customers/2/team")
		name := alice.text(".crumbs a")
		ben.open("/customers/2")
		ben.says("h1", "There is nothing here")
		alice.run(chromedp.SetValue(chromedp.CSS("#who"), "user:ben"), chromedp.SetValue(chromedp.CSS("#level"), "read"),
			chromedp.SendKeys(chromedp.CSS("#as"), "advisor"), chromedp.SendKeys(chromedp.CSS(".grant #reason"), "knows their machine"))
		alice.clickTo(".grant .main")
		alice.says(".members", "Ben Okafor", "may read it", "advisor")
		alice.picture("team-alice")
		ben.open("/customers/2")
		ben.says("h1", name)
		ben.open("/customers")
		ben.says("h1", "Customers 90")
		alice.clickTo(`button[aria-label="Revoke Ben Okafor"]`)
		ben.open("/customers/2")
		ben.says("h1", "There is nothing here")
	})
	s.scene("who is switched off is out, and comes back", func() {
		farah.open("/admin/switches")
		farah.run(chromedp.Click(chromedp.CSS(`summary[aria-label="Freeze Ben Okafor"]`)), chromedp.SendKeys(chromedp.CSS(".menu[open] [name=reason]"), "lost his telephone"))
		farah.picture("freeze-farah")
		farah.clickTo(".menu[open] button")
		farah.says(".members", "Ben Okafor", "Switch on")
		farah.says(".members .countdown", "min")
		farah.picture("switches-farah")
		ben.open("/customers")
		ben.says("h1", "Your account is frozen")
		ben.picture("frozen-ben")
		farah.clickTo(".members button")
		ben.open("/customers")
		ben.says("h1", "Customers 89")
	})
	s.scene("a rule is switched off", func() {
		farah.open("/admin")
		farah.picture("matrix-farah")
		farah.open("/admin/cell?role=role%3Asupport&type=contact&action=read")
		farah.picture("cell-farah")
		farah.run(chromedp.Click(chromedp.CSS(".rules summary")))
		farah.clickTo(".menu[open] button")
		dan.open("/contacts")
		dan.says("h1", "You may not do that")
		dan.open(harbour)
		dan.says("main", "You may not see contacts")
		farah.open("/admin/log")
		farah.says(".log", "Farah Noor", "A rule is switched off", "The role Support may read contacts", "lost his telephone")
		farah.picture("log-farah")
	})
	s.scene("other widths, the dark, and other people", func() {
		hugo := s.newVisitor(t).logIn("user:hugo")
		hugo.says("h1", "Customers 1")
		hugo.saysNot("nav", "Opportunities", "Teams", "Permissions")
		hugo.picture("list-hugo")
		hugo.open(harbour)
		hugo.saysNot("main", "Service contract")
		hugo.picture("record-hugo")
		ines := s.newVisitor(t).logIn("user:inês")
		ines.says("h1", "Customers 18")
		ines.open(harbour)
		ines.says("h1", "There is nothing here")
		for _, page := range []struct{ path, name string }{{"/customers", "list"}, {harbour, "record"}, {"/opportunities", "deals"}, {harbour + "/team", "team"}, {"/login", "login"}} {
			alice.run(narrow())
			alice.open(page.path)
			alice.picture(page.name + "-narrow")
			alice.run(chromedp.EmulateViewport(1280, 860), dark())
			alice.open(page.path)
			alice.picture(page.name + "-dark")
		}
		farah.run(dark())
		farah.open("/admin")
		farah.picture("matrix-dark")
		farah.open("/teams")
		farah.picture("teams-dark")
	})
}
