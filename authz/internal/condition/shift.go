package condition

import (
	"math"
	"math/big"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// shift is a constant added to, or subtracted from, what it is applied to; or that is
// subtracted from the constant.
type shift struct {
	value  constant
	minus  bool // the operator is -
	first  bool // the constant is on the left
	result *cel.Type
}

// shifted takes x + c, c + x, x - c and c - x apart, for whole numbers, timestamps and durations.
func (t *translator) shifted(e ast.Expr) (o operand, ok bool) {
	call := e.AsCall()
	minus := call.FunctionName() == operators.Subtract
	if call.FunctionName() != operators.Add && !minus || len(call.Args()) != 2 {
		return o, false
	}
	x, c := call.Args()[0], call.Args()[1]
	first := t.constant(x)
	if first {
		x, c = c, x
	}
	result := t.checked.GetType(e.ID())
	if !t.constant(c) || !t.isLine(x) || !t.isLine(c) || !isLine(result) {
		return o, false
	}
	if o, ok = t.operand(x); !ok || o.attr == "" {
		return o, false
	}
	o.shifts = append(slices.Clip(o.shifts), shift{t.value(c), minus, first, result})
	o.typ = result
	return o, true
}

func (t *translator) isLine(e ast.Expr) bool { return isLine(t.checked.GetType(e.ID())) }

func isLine(t *cel.Type) bool {
	return t.IsExactType(cel.IntType) || t.IsExactType(cel.TimestampType) || t.IsExactType(cel.DurationType)
}

// line is s·x + k for an attribute x of which least ≤ x ≤ most; of every other, CEL
// overflows and so it is unknown. Timestamps and durations are in nanoseconds.
type line struct {
	s           int // 1 or -1
	k           *big.Int
	least, most *big.Int
}

// The range of whole numbers and durations, and that of timestamps.
var (
	minInt, maxInt   = big.NewInt(math.MinInt64), big.NewInt(math.MaxInt64)
	minTime, maxTime = nanoseconds(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)), nanoseconds(time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC))
)

func rangeOf(timestamps bool) (least, most *big.Int) {
	if timestamps {
		return minTime, maxTime
	}
	return minInt, maxInt
}

func nanoseconds(t time.Time) *big.Int {
	n := big.NewInt(t.Unix())
	n.Mul(n, big.NewInt(int64(time.Second)))
	return n.Add(n, big.NewInt(int64(t.Nanosecond())))
}

func numberOf(v ref.Val) *big.Int {
	switch v := v.(type) {
	case types.Int:
		return big.NewInt(int64(v))
	case types.Duration:
		return big.NewInt(int64(v.Duration))
	case types.Timestamp:
		return nanoseconds(v.Time)
	}
	return nil
}

// goNumber is the opposite, for an attribute.
func goNumber(t model.AttrType, n *big.Int) any {
	switch t {
	case model.AttrTimestamp:
		sec, nsec := new(big.Int).DivMod(n, big.NewInt(int64(time.Second)), new(big.Int))
		return time.Unix(sec.Int64(), nsec.Int64()).UTC()
	case model.AttrDuration:
		return time.Duration(n.Int64())
	}
	return n.Int64()
}

// limit narrows x to those of which least ≤ s·x + k ≤ most.
func (y *line) limit(least, most *big.Int) {
	least, most = y.solve(least), y.solve(most)
	if y.s < 0 {
		least, most = most, least
	}
	if least.Cmp(y.least) > 0 {
		y.least = least
	}
	if most.Cmp(y.most) < 0 {
		y.most = most
	}
}

// solve is the x of which s·x + k is n.
func (y *line) solve(n *big.Int) *big.Int {
	x := new(big.Int).Sub(n, y.k)
	if y.s < 0 {
		x.Neg(x)
	}
	return x
}

// apply applies a shift by c as CEL does, with the limits that CEL has.
func (y *line) apply(sh shift, c ref.Val) {
	n := numberOf(c)
	_, dates := c.(types.Timestamp)
	becomesDate := sh.result.IsExactType(cel.TimestampType)
	if sh.minus && becomesDate { // CEL adds the duration's opposite
		opposable := new(big.Int).Add(minInt, big.NewInt(1))
		if sh.first {
			y.limit(opposable, maxInt)
		} else if n.Cmp(opposable) < 0 {
			y.least, y.most = big.NewInt(1), big.NewInt(0) // never
		}
	}
	if sh.minus && dates && !becomesDate { // CEL takes seconds and fractions apart
		const most = math.MaxInt64 / int64(time.Second)
		second := nanoseconds(c.(types.Timestamp).Truncate(time.Second))
		span := new(big.Int).Mul(big.NewInt(most), big.NewInt(int64(time.Second)))
		last := new(big.Int).Add(second, span)
		y.limit(new(big.Int).Sub(second, span), last.Add(last, big.NewInt(int64(time.Second)-1)))
	}
	switch {
	case sh.minus && sh.first:
		y.s, y.k = -y.s, new(big.Int).Sub(n, y.k)
	case sh.minus:
		y.k = new(big.Int).Sub(y.k, n)
	default:
		y.k = new(big.Int).Add(y.k, n)
	}
	y.limit(rangeOf(becomesDate))
}

// compareShifted compares the attribute, shifted, with a value: it is the
// attribute that is compared, with the value shifted back.
func (o operand) compareShifted(l *listing, of *RecordType, op filter.Op, v ref.Val) filter.Expr {
	t, ok := of.Attributes[o.attr]
	n := numberOf(v)
	if !ok || n == nil {
		return filter.Unknown
	}
	least, most := rangeOf(t == model.AttrTimestamp)
	y := line{s: 1, k: new(big.Int), least: least, most: most}
	for _, sh := range o.shifts {
		c := sh.value(l)
		if numberOf(c) == nil {
			return filter.Unknown
		}
		y.apply(sh, c)
	}
	if y.least.Cmp(y.most) > 0 {
		return filter.Unknown
	}
	if y.s < 0 {
		op = flipped(op)
	}
	within := func(op filter.Op, limit, outermost *big.Int) filter.Expr {
		if limit.Cmp(outermost) == 0 {
			return filter.True
		}
		return filter.Compare{Attr: o.attr, Op: op, Value: goNumber(t, limit)}
	}
	return choose(
		filter.AllOf(within(filter.GreaterOrEqual, y.least, least), within(filter.LessOrEqual, y.most, most)),
		compareNumber(o.attr, t, op, y.solve(n)),
		filter.Unknown,
	)
}

// compareNumber compares an attribute with a number that may be beyond all of its values.
func compareNumber(attr string, t model.AttrType, op filter.Op, n *big.Int) filter.Expr {
	switch least, most := rangeOf(t == model.AttrTimestamp); {
	case n.Cmp(least) < 0:
		return ifKnown(attr, filter.TruthOf(holds(op, 1)))
	case n.Cmp(most) > 0:
		return ifKnown(attr, filter.TruthOf(holds(op, -1)))
	}
	return filter.Compare{Attr: attr, Op: op, Value: goNumber(t, n)}
}
