package crm

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
)

// EnvIP is the attribute of the environment that has the address a request comes
// from, as [Address] writes it. Policies with rules about addresses declare it.
const EnvIP = "ip"

// Address is an IP address as conditions compare it: 32 hexadecimal digits, of
// IPv4 and IPv6 alike, in the order of the addresses. A zone does not count; the
// zero Addr is the empty string, which lies in no range.
func Address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	b := a.As16()
	return hex.EncodeToString(b[:])
}

// errAddresses is what ParseAddresses says of what it does not read.
var errAddresses = errors.New("an address, a prefix such as 192.0.2.0/24 or a range such as 192.0.2.7-192.0.2.20")

// ParseAddresses reads an address, a prefix (192.0.2.0/24) or a range
// (192.0.2.7-192.0.2.20), and returns its first and last address.
func ParseAddresses(s string) (first, last netip.Addr, err error) {
	if low, high, ok := strings.Cut(s, "-"); ok {
		first, err = netip.ParseAddr(strings.TrimSpace(low))
		if err == nil {
			last, err = netip.ParseAddr(strings.TrimSpace(high))
		}
		if err != nil || first.Is4() != last.Is4() || last.Less(first) {
			return netip.Addr{}, netip.Addr{}, errAddresses
		}
		return first, last, nil
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked().Addr(), lastOf(p), nil
	}
	if first, err = netip.ParseAddr(s); err != nil {
		return netip.Addr{}, netip.Addr{}, errAddresses
	}
	return first, first, nil
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	a, _ := netip.AddrFromSlice(b) // of 4 or 16 bytes
	return a
}

// AddressIn is the condition that the request comes from one of these addresses,
// which ParseAddresses has read; from none of them, if there are none.
func AddressIn(addresses []string) (string, error) {
	parts := []string{}
	for _, s := range addresses {
		first, last, err := ParseAddresses(s)
		if err != nil {
			return "", &Error{What: "address", Value: s, Err: ErrMalformed, Hint: err.Error()}
		}
		env := "env." + EnvIP
		parts = append(parts, "("+env+" >= "+Quote(Address(first))+" && "+env+" <= "+Quote(Address(last))+")")
	}
	if len(parts) == 0 {
		return "false", nil
	}
	return strings.Join(parts, " || "), nil
}
