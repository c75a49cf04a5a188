package main

// What seed.go makes companies and people of.

type city struct{ name, prefix string }

var (
	northCities = []city{{"Aberdeen", "+44 1224"}, {"Edinburgh", "+44 131"}, {"Glasgow", "+44 141"}, {"Inverness", "+44 1463"},
		{"Newcastle", "+44 191"}, {"Leeds", "+44 113"}, {"York", "+44 1904"}}
	southCities = []city{{"Bristol", "+44 117"}, {"Bath", "+44 1225"}, {"Brighton", "+44 1273"}, {"Exeter", "+44 1392"},
		{"London", "+44 20 7946"}, {"Oxford", "+44 1865"}, {"Falmouth", "+44 1326"}}
	solanoCities = []city{{"Porto", "+351 22"}, {"Lisbon", "+351 21"}, {"Braga", "+351 253"}}
)

// segment is a kind of customers, and what their names are made of.
type segment struct {
	name          string
	first, second []string
}

var segments = []segment{
	{"Café", []string{"Copper", "Juniper", "Little", "Corner", "Paper", "Blue Door", "Marlow", "Saltbox", "Lantern", "Third"},
		[]string{"Café", "Coffee House", "Espresso Bar", "Coffee & Books", "Kitchen", "Roastery Bar"}},
	{"Hotel", []string{"The Grand", "Royal", "Victoria", "Seaview", "Old Mill", "Queen’s", "Castle", "Abbey", "Lighthouse", "Station"},
		[]string{"Hotel", "Inn", "Guest House", "Lodge", "Rooms", "Boutique Hotel"}},
	{"Restaurant", []string{"Olive", "Fig &", "Salt &", "Northern", "Wild", "Ember &", "Oak", "The Green", "Harvest", "Anchor"},
		[]string{"Table", "Bistro", "Kitchen", "Dining", "Honey", "Grill", "Room"}},
	{"Office", []string{"Brightline", "Kestrel", "Tidewater", "Hexa", "Millfield", "Northgate", "Orchard", "Pinnacle", "Quarry", "Solent"},
		[]string{"Software", "Architects", "Studios", "Law", "Media", "Labs", "Partners", "Analytics"}},
	{"Retail", []string{"Greenway", "Hillside", "Parkside", "Riverside", "Bramble", "Clover", "Thistle", "Meadow", "Copse", "Hazel"},
		[]string{"Farm Shop", "Grocers", "Delicatessen", "Bakery", "Market", "Stores"}},
}

var (
	firstNames = []string{"Amir", "Beatriz", "Callum", "Chloé", "Daniel", "Eilidh", "Fatima", "Fiona", "George", "Hannah", "Imran", "Isla", "James",
		"Jörg", "Kavya", "Liam", "Lucía", "Maya", "Mei", "Niamh", "Olga", "Oscar", "Priya", "Rosa", "Sam", "Søren", "Tomasz", "Wanjiru", "Yusuf", "Zoe"}
	lastNames = []string{"Adeyemi", "Baker", "Campbell", "Chen", "Douglas", "Evans", "Fraser", "García", "Hughes", "Iqbal", "Jones", "Kaur", "Kowalski",
		"Lopes", "Mackay", "Murray", "Ng", "O’Neill", "Patel", "Quinn", "Reid", "Silva", "Stewart", "Taylor", "Walsh", "Young"}
	jobs = []string{"Owner", "General manager", "Head barista", "Purchasing", "Office manager", "Accounts", "Food & beverage", "Facilities", "Chef"}

	dealTitles = []string{"Two espresso machines", "Beans, monthly delivery", "Lease of a bean-to-cup machine", "Barista training, 6 people",
		"Service contract, 3 years", "Filter station for the lobby", "Grinder upgrade", "Second site: full set-up", "Decaf and tea range", "Water filters, yearly"}
	stages = []string{"lead", "qualified", "proposal", "negotiation", "won", "lost"}

	notes = []string{"Prefers deliveries before eight in the morning.", "Asked for a tasting of the new Ethiopian.", "Their machine is due for descaling in spring.",
		"Opens a second site next year.", "Pays early; likes to be called, not mailed.", "Moved from a competitor in March.",
		"Kitchen closes on Mondays.", "Wants invoices split by department.", "Interested in compostable cups."}
)
