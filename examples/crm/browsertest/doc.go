// Package browsertest looks at the CRM of examples/crm with a browser, Debian's chromium: three people log
// in and see what is theirs. It is a module of its own, so that nobody else needs a browser's library.
//
//	apt-get install -y chromium
//	cd examples/crm/browsertest && go test ./... -screenshots /tmp/pictures
package browsertest
