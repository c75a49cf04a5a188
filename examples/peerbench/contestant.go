package main

// Contestant is one way to answer the workload. To add one, write a type with
// these methods in its own file and a line in Contestants.
type Contestant interface {
	Name() string
	// Load takes all rules into a new, empty contestant.
	Load(rules []Rule) error
	// Check decides one query. It must be safe for concurrent use.
	Check(q Query) bool
	// AddRule adds one grant; a Check that starts after it must see it.
	AddRule(r Rule) error
	// ListCustomers returns the customers of the tenant that the user may
	// verb, in any order. all is every customer id, for those that must loop. The
	// list is the caller's until the next call, which may write over it.
	ListCustomers(tenant, user, verb string, all []string) []string
}

// Batcher is implemented by contestants with a native batch call; for the
// others a batch is a loop over Check.
type Batcher interface {
	CheckBatch(qs []Query) []bool
}

// Live is implemented by contestants that may be asked while a rule is added.
type Live interface {
	Live()
}

// Primer is implemented by contestants that must know the answers beforehand.
type Primer interface {
	Prime(w *Workload)
}

// Contestants makes each contestant, empty. maxRules bounds the sizes it is
// run at (0: all).
var Contestants = []struct {
	New      func() Contestant
	MaxRules int
}{
	{func() Contestant { return &floor{} }, 0},
	{func() Contestant { return &crmauthzPeer{} }, 0},
	{func() Contestant { return &hand{} }, 0},
	{func() Contestant { return &casbinRaw{} }, 0},
	{func() Contestant { return &casbinCached{} }, 100_000},
	{func() Contestant { return &casbinSharded{} }, 0},
	{func() Contestant { return &cedarPeer{} }, 0},
	{func() Contestant { return &opaPeer{} }, 0},
	{func() Contestant { return &fgaPeer{} }, 100_000},
}

func loopList(c Contestant, tenant, user, verb string, all []string) []string {
	var out []string
	for _, id := range all {
		if c.Check(Query{Customer, tenant, user, id, "", verb}) {
			out = append(out, id)
		}
	}
	return out
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
