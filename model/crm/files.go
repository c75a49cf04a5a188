package crm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Limits keep the reading of files within bounds. A zero limit is the one that its comment names.
type Limits struct {
	File    int64 // bytes of a file; MaxFile
	Depth   int   // levels of elements in a file; 64
	Element int   // bytes and elements of what is read as one piece, such as a sharing rule; 1 Mi
}

func (l Limits) orDefault() Limits {
	if l.File == 0 {
		l.File = MaxFile
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	if l.Element == 0 {
		l.Element = 1 << 20
	}
	return l
}

// Walk calls visit for every regular file of a file system, in the order of their
// names, until the context ends. It follows no symbolic links. Errors of visit do not end it; all are returned together.
func Walk(ctx context.Context, fsys fs.FS, visit func(name string) error) error {
	var all []error
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return &Error{File: name, Err: err}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if entry.Type().IsRegular() {
			if err := visit(name); err != nil {
				all = append(all, err)
			}
		}
		return nil
	})
	return errors.Join(append(all, err)...)
}

// open opens a file that is not longer than the limit, as far as the file system knows.
func open(fsys fs.FS, name string, limit int64) (fs.File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, &Error{File: name, Err: err}
	}
	info, err := f.Stat()
	if err == nil && info.Size() > limit {
		err = tooLong(limit)
	}
	if err != nil {
		return nil, errors.Join(&Error{File: name, Err: err}, f.Close())
	}
	return f, nil
}

func tooLong(limit int64) error { return fmt.Errorf("%w: at most %d bytes", ErrTooLarge, limit) }

// limited reads up to so many bytes, and fails on more.
type limited struct {
	in    io.Reader
	left  int64
	limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, tooLong(l.limit)
	}
	return n, err
}
