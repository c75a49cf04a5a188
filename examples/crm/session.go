package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	cookieName     = "crm_session"
	sessionLasts   = 12 * time.Hour
	tokenField     = "token" // of every form that changes something
	maxFormBytes   = 64 << 10
	sessionPurpose = "session "
	tokenPurpose   = "token "
)

// sessions are signed cookies: nothing is kept here but the key, which is another
// one each time that the program starts.
type sessions struct {
	key   []byte
	clock func() time.Time
}

func newSessions(clock func() time.Time) *sessions {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return &sessions{key, clock}
}

func (s *sessions) sign(purpose, text string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(purpose + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// begin gives a user a new session.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request, user string) {
	text := base64.RawURLEncoding.EncodeToString([]byte(user)) + "." +
		strconv.FormatInt(s.clock().Add(sessionLasts).Unix(), 10) + "." + rand.Text()
	s.set(w, r, text+"."+s.sign(sessionPurpose, text), int(sessionLasts.Seconds()))
}

func (s *sessions) end(w http.ResponseWriter, r *http.Request) { s.set(w, r, "", -1) }

func (s *sessions) set(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode})
}

// user is whose session a request belongs to, with the text of it that is signed.
func (s *sessions) user(r *http.Request) (id, text string, ok bool) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return "", "", false
	}
	text, signature, _ := cutLast(cookie.Value, ".")
	if !hmac.Equal([]byte(signature), []byte(s.sign(sessionPurpose, text))) {
		return "", "", false
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return "", "", false
	}
	name, err := base64.RawURLEncoding.DecodeString(parts[0])
	until, err2 := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || err2 != nil || s.clock().Unix() >= until {
		return "", "", false
	}
	return string(name), text, true
}

// token is what the forms of a session send with them, so that no other site can.
func (s *sessions) token(text string) string { return s.sign(tokenPurpose, text) }

func (s *sessions) tokenIs(r *http.Request, text string) bool {
	return hmac.Equal([]byte(r.PostFormValue(tokenField)), []byte(s.token(text)))
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// secured adds the headers that keep a page to itself: no scripts or styles but ours,
// in no frame, sent to no other site.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
