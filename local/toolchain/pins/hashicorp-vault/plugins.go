// Package builtinplugins: this file takes the place of Vault's own of its smallest build. Beside what that has – versioned
// secrets, encryption, certificates – it registers what this project uses: the way in by service accounts, and PostgreSQL.

//go:build minimal

package builtinplugins

import (
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	"github.com/hashicorp/vault/plugins/database/postgresql"
)

func extendAddonPlugins(known *registry) {
	known.credentialBackends["kubernetes"] = credentialBackend{Factory: kubernetes.Factory}
	known.databasePlugins["postgresql-database-plugin"] = databasePlugin{Factory: postgresql.New}
}
