package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// parsePages reads the templates: each page with the layout and the parts that all share.
func (s *server) parsePages() error {
	s.pages = map[string]*template.Template{}
	shared, err := template.New("").Funcs(functions).ParseFS(web, "web/layout.html", "web/parts.html")
	if err != nil {
		return err
	}
	files, err := fs.Glob(web, "web/pages/*.html")
	if err != nil {
		return err
	}
	for _, file := range files {
		page, err := shared.Clone()
		if err == nil {
			page, err = page.ParseFS(web, file)
		}
		if err != nil {
			return err
		}
		s.pages[strings.TrimSuffix(path.Base(file), ".html")] = page
	}
	return s.hashAssets()
}

// hashAssets names the version of what is served under /static/.
func (s *server) hashAssets() error {
	sum := sha256.New()
	files, err := fs.Glob(web, "web/static/*")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := web.ReadFile(file)
		if err != nil {
			return err
		}
		sum.Write(text)
	}
	s.assets = "/static/" + hex.EncodeToString(sum.Sum(nil)[:6])
	return nil
}

// serveStatic serves stylesheet, script and icon. An address has their version, so that
// browsers may keep them.
func (s *server) serveStatic(files fs.FS) http.Handler {
	serve := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.URL.Path, s.assets+"/")
		if !ok || name == "" {
			s.fail(w, r, nil, errNotFound)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		http.StripPrefix(s.assets, serve).ServeHTTP(w, r)
	})
}

var functions = template.FuncMap{
	"initials": initials, "moment": moment, "lower": strings.ToLower, "left": left,
	"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"map":     parts,
	"has":     strings.Contains,
	"number":  func(n int64) string { return grouped(strconv.FormatInt(n, 10)) },
}

// parts makes a map for a template within a template.
func parts(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v is no name", pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

// money is an amount of euros for people.
func money(text string) string {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return text
	}
	return "€" + grouped(text)
}

func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// day is a date for people.
func day(text string) string {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return text
	}
	return t.Format("2 Jan 2006")
}

// left is how long it is until a time.
func left(now, until time.Time) string {
	d := until.Sub(now).Round(time.Second)
	switch {
	case d <= 0:
		return "over"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
