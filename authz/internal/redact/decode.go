package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// decode reads a JSON value. Objects with a name twice are refused: readers differ in
// which of the values they take.
func decode(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	v, err := decodeNext(dec, 0)
	if err == nil {
		if _, err = dec.Token(); err == nil {
			return nil, fmt.Errorf("%w: more than one value", ErrShape)
		}
		if errors.Is(err, io.EOF) {
			return v, nil
		}
	}
	switch {
	case errors.Is(err, ErrShape), errors.Is(err, ErrDepth):
		return nil, err
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return nil, &malformed{dec.InputOffset(), err}
}

func decodeNext(dec *json.Decoder, depth int) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	open, isBracket := token.(json.Delim)
	if !isBracket {
		return token, nil
	}
	if depth >= maxDepth {
		return nil, ErrDepth
	}
	if open == '[' {
		list := []any{}
		for dec.More() {
			v, err := decodeNext(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.Token()
		return list, err
	}
	object := map[string]any{}
	for dec.More() {
		if token, err = dec.Token(); err != nil {
			return nil, err
		}
		name, isName := token.(string)
		if _, twice := object[name]; twice || !isName {
			return nil, errTwice
		}
		if object[name], err = decodeNext(dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err = dec.Token()
	return object, err
}
