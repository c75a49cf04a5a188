package crm_test

import (
	"github.com/crmauthz/crmauthz/model/crm/dynamics365"
	"github.com/crmauthz/crmauthz/model/crm/fxiaoke"
	"github.com/crmauthz/crmauthz/model/crm/hubspot"
	"github.com/crmauthz/crmauthz/model/crm/salesforce"
	"github.com/crmauthz/crmauthz/model/crm/zoho"
)

// products are what is tested, by the names of their packages.
var products = map[string]product{
	"dynamics365": {compile: compiled(dynamics365.Parse), random: randomDynamics, fields: true, teamsOwn: true},
	"fxiaoke":     {compile: compiled(fxiaoke.Parse), random: randomFxiaoke, fields: true, values: fxiaokeValues},
	"hubspot":     {compile: compiled(hubspot.Parse), random: randomHubspot, fields: true, values: hubspotValues},
	"salesforce":  {compile: compiled(salesforce.Parse), random: randomSalesforce, fields: true, teamsOwn: true},
	"zoho":        {compile: compiled(zoho.Parse), random: randomZoho, fields: true, values: zohoValues},
}
