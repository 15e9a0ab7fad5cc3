// Package register takes the place of External Secrets' own file of this name: the generators that this project uses.
package register

import (
	_ "github.com/external-secrets/external-secrets/pkg/generator/password"
	_ "github.com/external-secrets/external-secrets/pkg/generator/vault"
)
