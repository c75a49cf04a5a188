package redact

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/crmauthz/crmauthz/model"
)

// The types of records that secrets are planted in. The tag test says what the
// schema calls a field, and "unwritten" that it is not in JSON; "in" is an embedded struct whose
// fields are those of the outer one.
type (
	secretBase struct {
		A string `json:"a" test:"a"`
		U any    `test:""`
	}
	SecretPart struct {
		B any             `json:"b" test:"b"`
		D *string         `gorm:"type:text;column:d" test:"d"`
		E json.RawMessage `json:"e" test:"e"`
	}
	SecretInner struct {
		F any     `json:"f,omitempty" test:"f"`
		G textual `json:"g" authz:"a" test:"a"`
	}
	secretRecord struct {
		secretBase  `test:"in"`
		*SecretPart `test:"in"`
		SecretInner `authz:"c" test:"c"`
		Own         textual                  `json:"own" authz:"d" test:"d"`
		Never       any                      `json:"never" authz:"-" test:""`
		Column      map[string]any           `json:"-" gorm:"column:c" test:"c,unwritten"`
		List        []SecretPart             `json:"list" authz:"e" test:"e"`
		Lists       [2][]map[textual]*string `json:"lists" authz:"b" test:"b"`
		Next        *secretRecord            `json:"next" authz:"a" test:"a"`
		Written     secretWritten            `json:"written" authz:"f" test:"f"`
	}
	secretWritten struct {
		A any           `json:"a" test:"a"`
		B *string       `json:"b" authz:"d" test:"d"`
		C []*SecretPart `json:"f" test:"f"`
		D any           `json:"d" authz:"-" test:""`
	}
)

func (w secretWritten) MarshalJSON() ([]byte, error) {
	type bare secretWritten
	return json.Marshal(bare(w))
}

// showsFirst is a mask that shows the first part of a planted text.
func showsFirst(v any) any {
	if text, ok := v.(string); ok {
		return text[:strings.IndexByte(text, ' ')+1]
	}
	return nil
}

// plantedShape is a shape with levels, and the same as the test knows it.
type plantedShape struct {
	*Shape
	levels []model.FieldLevel
	byName map[string]model.FieldLevel
}

var secretNames = []string{"a", "b", "c", "d", "e", "f"}

func newPlantedShape(r *rand.Rand) plantedShape {
	s := plantedShape{byName: map[string]model.FieldLevel{}}
	var fields []Field
	for range 1 + r.IntN(8) {
		var names []string
		for range 1 + r.IntN(3) {
			names = append(names, secretNames[r.IntN(len(secretNames))])
		}
		name, level := strings.Join(names, "."), model.FieldLevel(r.IntN(4))
		if _, ok := s.byName[name]; ok {
			continue
		}
		field := Field{Name: name, Mask: showsFirst}
		s.byName[name] = level
		if r.IntN(8) == 0 {
			field.Mask = nil
			if level == model.FieldMasked {
				s.byName[name] = model.FieldHidden
			}
		}
		fields, s.levels = append(fields, field), append(s.levels, level)
	}
	s.Shape = NewShape(fields)
	return s
}

// ground is where a secret is planted.
type ground struct {
	path      string
	level     model.FieldLevel // of the field that governs it
	whole     bool             // that governs all below, too
	inside    bool             // it is a part of what is masked as a whole
	unwritten bool             // it is not in JSON
	written   bool             // it is in what a type writes itself, where only static types are known
}

// below is the ground at a name below; empty: at a field that has none.
func (g ground) below(s plantedShape, name string) ground {
	switch {
	case g.whole:
		return g
	case name == "":
		g.level, g.whole = model.FieldHidden, true
		return g
	case g.path != "":
		name = g.path + "." + name
	}
	g.path = name
	if level, ok := s.byName[name]; ok {
		g.level = level
	}
	g.whole = true
	for longer := range s.byName {
		g.whole = g.whole && !strings.HasPrefix(longer, name+".")
	}
	return g
}

// container is the ground in a value with parts that lies here.
func (g ground) container() ground {
	g.inside = g.inside || g.whole
	return g
}

// secret is a planted text: what a mask shows of it, and what it does not.
type secret struct {
	ground
	first, second string
}

// planter makes values with secrets. It makes the same from the same random numbers.
type planter struct {
	*rand.Rand
	shape   plantedShape
	secrets []secret
}

func (p *planter) text(g ground) string {
	n := len(p.secrets)
	s := secret{g, fmt.Sprintf("first%dst ", n), fmt.Sprintf("second%dnd", n)}
	p.secrets = append(p.secrets, s)
	return s.first + s.second
}

// record makes a record or a list of them.
func (p *planter) record() any {
	var g ground
	kinds := []any{secretRecord{}, &secretRecord{}, map[string]any{}, []secretRecord{}, []*secretRecord{}, map[textual]SecretPart{}, secretWritten{}, json.RawMessage{}, [2]map[string]any{}}
	v := reflect.New(reflect.TypeOf(kinds[p.IntN(len(kinds))])).Elem()
	if v.Type() == rawType {
		v.SetBytes(p.raw(p.object(g, 3, false)))
	} else {
		p.fill(v, g, 3)
	}
	return v.Interface()
}

// fill plants secrets in v.
func (p *planter) fill(v reflect.Value, g ground, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(p.text(g))
	case reflect.Struct:
		g = g.container()
		g.written = g.written || v.Type().Implements(jsonMarshaler)
		for i := range v.NumField() {
			p.field(v, i, g, depth)
		}
	case reflect.Array:
		for i := range v.Len() {
			p.fill(v.Index(i), g.container(), depth-1)
		}
	case reflect.Interface:
		if of := p.any(g, depth, true); of != nil {
			v.Set(reflect.ValueOf(of))
		}
	default:
		if depth > 0 && p.IntN(6) > 0 {
			p.make(v, g, depth)
		}
	}
}

// make makes what may be nil.
func (p *planter) make(v reflect.Value, g ground, depth int) {
	switch {
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		p.fill(v.Elem(), g, depth-1)
	case v.Type() == rawType:
		v.SetBytes(p.raw(p.any(g, depth-1, false)))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), p.IntN(3), 2))
		for i := range v.Len() {
			p.fill(v.Index(i), g.container(), depth-1)
		}
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, name := range append(secretNames, "x") {
			if p.IntN(3) == 0 {
				value := reflect.New(v.Type().Elem()).Elem()
				p.fill(value, g.container().below(p.shape, name), depth-1)
				v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), value)
			}
		}
	}
}

func (p *planter) field(v reflect.Value, i int, g ground, depth int) {
	field, of := v.Field(i), v.Type().Field(i)
	name, option, _ := strings.Cut(of.Tag.Get("test"), ",")
	if name != "in" {
		g = g.below(p.shape, name)
		g.unwritten = g.unwritten || option != ""
		p.fill(field, g, depth-1)
		return
	}
	if field.Kind() == reflect.Pointer {
		if p.IntN(4) == 0 {
			return
		}
		field.Set(reflect.New(field.Type().Elem()))
		field = field.Elem()
	}
	for j := range field.NumField() {
		p.field(field, j, g, depth)
	}
}

// any makes a value for an interface; if not typed, one that is the same in JSON.
func (p *planter) any(g ground, depth int, typed bool) any {
	kinds := 3
	if typed && !g.written {
		kinds = 8
	}
	if depth <= 0 {
		return p.text(g)
	}
	switch p.IntN(kinds) {
	case 0:
		return p.text(g)
	case 1:
		return p.object(g, depth, typed)
	case 2:
		list := make([]any, p.IntN(3))
		for i := range list {
			list[i] = p.any(g.container(), depth-1, typed)
		}
		return list
	}
	types := []any{textual(""), new(string), SecretPart{}, &secretRecord{}, secretWritten{}, json.RawMessage{}, []string{}, map[string]json.RawMessage{}}
	v := reflect.New(reflect.TypeOf(types[p.IntN(len(types))])).Elem()
	p.fill(v, g, depth-1)
	return v.Interface()
}

func (p *planter) object(g ground, depth int, typed bool) any {
	members := map[string]any{}
	for _, name := range append(secretNames, "x") {
		if p.IntN(3) == 0 {
			members[name] = p.any(g.container().below(p.shape, name), depth-1, typed)
		}
	}
	return members
}

func (p *planter) raw(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return text
}

// texts appends all texts in a value, be they in JSON or not.
func texts(to *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		to.WriteString(v.String())
	case reflect.Pointer, reflect.Interface:
		texts(to, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			texts(to, v.Field(i))
		}
	case reflect.Map:
		for iter := v.MapRange(); iter.Next(); {
			texts(to, iter.Value())
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			to.Write(v.Bytes())
			return
		}
		for i := range v.Len() {
			texts(to, v.Index(i))
		}
	}
}

// check checks what is shown of the secrets in a text, which is JSON or all of a value.
func (p *planter) check(text string, isJSON bool) error {
	for _, s := range p.secrets {
		first, second := strings.Contains(text, s.first), strings.Contains(text, s.second)
		wantFirst := s.level >= model.FieldRead || s.level == model.FieldMasked && !s.inside
		wantSecond := s.level >= model.FieldRead
		if isJSON && s.unwritten {
			wantFirst, wantSecond = false, false
		}
		if first != wantFirst || second != wantSecond {
			return fmt.Errorf("%q at %s of level %d: shown is %t, %t; want %t, %t", s.first+s.second, s.path, s.level, first, second, wantFirst, wantSecond)
		}
	}
	return nil
}

// checkValue checks a copy of a value with secrets.
func (p *planter) checkValue(v any) error {
	var all strings.Builder
	texts(&all, reflect.ValueOf(v))
	if err := p.check(all.String(), false); err != nil {
		return err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return p.check(string(text), true)
}

func TestSecretsStayHidden(t *testing.T) {
	rounds := uint64(100_000)
	if testing.Short() {
		rounds = 5_000
	}
	const perShape = 20 // since plans cost more than values
	var shape plantedShape
	planted := [4]int{} // how often secrets of each level were
	for seed := range rounds {
		if seed%perShape == 0 {
			shape = newPlantedShape(rand.New(rand.NewPCG(seed, 1)))
		}
		p, same := &planter{Rand: rand.New(rand.NewPCG(seed, 2)), shape: shape}, &planter{Rand: rand.New(rand.NewPCG(seed, 2)), shape: shape}
		v, again := p.record(), same.record()
		if err := checkSecrets(p, v, again); err != nil {
			t.Fatalf("seed %d: %v\nin %T of levels %v", seed, err, v, shape.byName)
		}
		for _, s := range p.secrets {
			planted[s.level]++
		}
	}
	for level, n := range planted {
		if n < int(rounds)/10 {
			t.Errorf("only %d secrets of level %d", n, level)
		}
	}
}

// checkSecrets checks what is shown of v, of which again is a copy.
func checkSecrets(p *planter, v, again any) error {
	text, err := p.shape.AppendJSON(nil, v, p.shape.levels)
	if err == nil {
		err = p.check(string(text), true)
	}
	if err != nil {
		return fmt.Errorf("AppendJSON: %w: %s", err, text)
	}
	copied, err := p.shape.Copy(v, p.shape.levels)
	if err == nil {
		err = p.checkValue(copied)
	}
	if err != nil {
		return fmt.Errorf("Copy: %w", err)
	}
	if !reflect.DeepEqual(v, again) {
		return fmt.Errorf("copying changed what was copied")
	}
	to := reflect.New(reflect.TypeOf(again))
	to.Elem().Set(reflect.ValueOf(again))
	if err = p.shape.InPlace(to.Interface(), p.shape.levels); err == nil {
		err = p.checkValue(to.Elem().Interface())
	}
	if err != nil {
		return fmt.Errorf("InPlace: %w", err)
	}
	if !reflect.DeepEqual(to.Elem().Interface(), copied) {
		return fmt.Errorf("in place is not what the copy is")
	}
	return nil
}
