package salesforce_test

import "testing/fstest"

// fsOf is a file system of texts.
type fsOf map[string]string

func (f fsOf) FS() fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range f {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}
