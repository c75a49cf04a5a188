package mask

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

const (
	shortestKey = 16 // bytes
	hashed      = 16 // bytes of a hash that are shown
)

// hash makes the mask that shows values as keyed hashes.
func hash(key []byte) (Func, error) {
	if len(key) < shortestKey {
		return nil, fmt.Errorf("hash: %w", ErrNoKey)
	}
	key = bytes.Clone(key)
	return func(value any) any {
		text, ok := canonical(value)
		if !ok {
			return nil
		}
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return hex.EncodeToString(h.Sum(nil)[:hashed])
	}, nil
}

// canonical is the text by which a scalar is hashed; equal values have the same.
func canonical(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return "bool:" + strconv.FormatBool(v), true
	case time.Time:
		return "time:" + v.UTC().Format(time.RFC3339Nano), true
	case int64, uint64, float64, json.Number:
		d, ok := decimalOf(v)
		if d.fraction != "" {
			return "float:" + d.String(), ok
		}
		return d.String(), ok
	}
	return "", false
}
