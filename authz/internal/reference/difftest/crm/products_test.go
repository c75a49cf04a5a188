package crm_test

import "github.com/crmauthz/crmauthz/model/crm/zoho"

var products = map[string]product{
	"zoho": {compile: compiled(zoho.Parse)},
}
