//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package adapter

import (
	"errors"
	"io/fs"
	"os"
)

// lockFile makes a file that must not be there yet, and removes it to unlock.
// After a crash it is to be removed by hand.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, err
	}
	return func() error { return errors.Join(f.Close(), os.Remove(path)) }, nil
}

// syncDir does nothing: these systems do not let a directory be synced.
func syncDir(string) error { return nil }
