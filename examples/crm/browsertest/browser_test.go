package browsertest

import (
	"bufio"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "`folder` for pictures of the pages")

// startCRM builds the CRM and starts it on a free port. It must serve within two seconds.
func startCRM(t *testing.T) (address string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "crm")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./examples/crm")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	crm := exec.CommandContext(t.Context(), binary, "-addr", "127.0.0.1:0")
	crm.Stderr = os.Stderr
	crm.Cancel = func() error { return crm.Process.Signal(os.Interrupt) }
	out, err := crm.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := crm.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = crm.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	took := time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("serves after %v", took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("it took %v to serve, want at most 2s", took)
	}
	_, address, _ = strings.Cut(strings.TrimSpace(line), "crm: ")
	return address
}

// startBrowser starts chromium, or skips the test.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium: apt-get install -y chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// stage is where visitors act, one scene after the other.
type stage struct {
	t       *testing.T // of the scene
	browser context.Context
	base    string // the address of the CRM
}

// scene is a subtest.
func (s *stage) scene(name string, play func()) {
	all := s.t
	all.Run(name, func(t *testing.T) {
		s.t = t
		play()
	})
	s.t = all
}

// visitor is a window of its own, with nobody's cookies.
type visitor struct {
	*stage
	ctx context.Context
}

// newVisitor opens a window, which stays until the test that began the stage ends.
func (s *stage) newVisitor(t *testing.T) *visitor {
	ctx, stop := chromedp.NewContext(s.browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	v := &visitor{s, ctx}
	if err := chromedp.Do(ctx); err != nil { // the first one's context is that of the window
		t.Fatal(err)
	}
	v.run(chromedp.EmulateViewport(1280, 860))
	return v
}

// logIn logs in by a click.
func (v *visitor) logIn(id string) *visitor {
	v.open("/login")
	v.run(chromedp.Click(chromedp.CSS(`button[value="`+id+`"]`)), chromedp.WaitVisible(chromedp.CSS(".side")))
	return v
}

func (v *visitor) run(actions ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, stop := context.WithTimeout(v.ctx, 30*time.Second)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		v.t.Fatal(err)
	}
}

// look asks the browser for something.
func look[T any](v *visitor, ask chromedp.Action[T]) (T, error) {
	ctx, stop := context.WithTimeout(v.ctx, 30*time.Second)
	defer stop()
	return chromedp.Run(ctx, ask)
}

// open goes to a page.
func (v *visitor) open(path string) {
	v.t.Helper()
	v.run(chromedp.Navigate(v.base+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// clickTo clicks, and waits for the page that comes.
func (v *visitor) clickTo(selector string) {
	v.t.Helper()
	_, err := chromedp.RunResponse(v.ctx, chromedp.Click(chromedp.CSS(selector)))
	if err != nil {
		v.t.Fatalf("%s: %v", selector, err)
	}
}

// text is what a part of the page says.
func (v *visitor) text(selector string) string {
	v.t.Helper()
	s, err := look(v, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		v.t.Fatalf("%s: %v", selector, err)
	}
	return strings.Join(strings.Fields(s), " ")
}

// says fails the test unless a part of the page has all these words.
func (v *visitor) says(selector string, words ...string) {
	v.t.Helper()
	got := v.text(selector)
	for _, w := range words {
		if !strings.Contains(got, w) {
			v.t.Errorf("%s says %q, want %q in it", selector, got, w)
		}
	}
}

// saysNot fails the test if a part of the page has one of these words.
func (v *visitor) saysNot(selector string, words ...string) {
	v.t.Helper()
	got := v.text(selector)
	for _, w := range words {
		if strings.Contains(got, w) {
			v.t.Errorf("%s says %q, want no %q in it", selector, got, w)
		}
	}
}

func (v *visitor) evaluate(script string) {
	v.t.Helper()
	if _, err := look(v, chromedp.Evaluate[any](script)); err != nil {
		v.t.Fatalf("%s: %v", script, err)
	}
}

// picture keeps a picture of the page, if pictures are asked for.
func (v *visitor) picture(name string) {
	v.t.Helper()
	if *screenshots == "" {
		return
	}
	v.run(chromedp.Sleep(150 * time.Millisecond))
	png, err := look(v, chromedp.CaptureScreenshot())
	if err != nil {
		v.t.Fatal(err)
	}
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o644); err != nil {
		v.t.Fatal(err)
	}
}

// dark has pages drawn for eyes in the dark.
func dark() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		return err
	})
}

// narrow makes the window a telephone's.
func narrow() chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2))
}
