package crm_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model/crm"
)

// Addresses as conditions compare them are in the order of the addresses.
func TestAddressKeepsTheOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() netip.Addr {
		if r.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{byte(r.IntN(3)), byte(r.IntN(3)), byte(r.IntN(256)), byte(r.IntN(256))})
		}
		return netip.AddrFrom16([16]byte{0x20, 1, byte(r.IntN(2)), 15: byte(r.IntN(256))})
	}
	for range 10_000 {
		a, b := random(), random()
		if a.Is4() == b.Is4() && a.Compare(b) != strings.Compare(crm.Address(a), crm.Address(b)) {
			t.Fatal(a, b)
		}
	}
	if crm.Address(netip.Addr{}) != "" {
		t.Error("the zero address is something")
	}
}

func TestParseAddresses(t *testing.T) {
	for s, want := range map[string]string{
		"192.0.2.7":              "192.0.2.7 192.0.2.7",
		"192.0.2.7/24":           "192.0.2.0 192.0.2.255",
		"192.0.2.7/32":           "192.0.2.7 192.0.2.7",
		"0.0.0.0/0":              "0.0.0.0 255.255.255.255",
		"2001:db8::/33":          "2001:db8:: 2001:db8:7fff:ffff:ffff:ffff:ffff:ffff",
		"192.0.2.7 - 192.0.2.20": "192.0.2.7 192.0.2.20",
		"192.0.2.20-192.0.2.7":   "",
		"192.0.2.7-::1":          "",
		"192.0.2.0/33":           "",
		"office":                 "",
		"":                       "",
		"-":                      "",
	} {
		first, last, err := crm.ParseAddresses(s)
		got := ""
		if err == nil {
			got = fmt.Sprint(first, " ", last)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestAddressIn(t *testing.T) {
	if s, err := crm.AddressIn(nil); s != "false" || err != nil {
		t.Error(s, err)
	}
	if _, err := crm.AddressIn([]string{"office"}); !errors.Is(err, crm.ErrMalformed) {
		t.Error(err)
	}
}

func TestLiterals(t *testing.T) {
	got := []string{
		crm.Attribute("地区"), crm.Quote("a\"b\n\xff"),
		crm.Timestamp(time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))),
	}
	for _, s := range []string{"1", "-0.5", "1e21", "many", "Inf", "NaN", ""} {
		literal, ok := crm.Double(s)
		got = append(got, fmt.Sprint(literal, ok))
	}
	want := []string{
		`record["地区"]`, `"a\"b\n` + "\uFFFD" + `"`, `timestamp("2026-01-02T02:04:05.000000006Z")`,
		"1.0true", "-0.5true", "1000000000000000000000.0true", "false", "false", "false", "false",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
