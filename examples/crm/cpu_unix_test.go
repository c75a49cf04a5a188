//go:build unix

package main

import (
	"syscall"
	"testing"
	"time"
)

// reportCPU reports what a request costs of the processors, and how many two of them serve in a second. Unlike
// the time on the clock, it is the same however busy the machine is with others.
func reportCPU(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() {
		each := (used() - before).Seconds() / float64(b.N)
		b.ReportMetric(each*1e6, "cpu-µs/op")
		b.ReportMetric(2/each, "op/s-on-2-cores")
	}
}
