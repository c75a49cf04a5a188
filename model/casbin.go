package model

import _ "embed"

// CasbinModel is the text of crm.conf, the Casbin model whose sections the
// lines of facts belong to. Its matchers are the decision that package authz
// specifies; the functions that they call are registered by authz.
//
//go:embed crm.conf
var CasbinModel string
