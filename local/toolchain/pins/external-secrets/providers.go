// Package register takes the place of External Secrets' own file of this name: the same registration, of the providers
// that this project's stores use. All thirty-eight would be four times the build.
package register

import (
	_ "github.com/external-secrets/external-secrets/pkg/provider/fake"
	_ "github.com/external-secrets/external-secrets/pkg/provider/kubernetes"
	_ "github.com/external-secrets/external-secrets/pkg/provider/vault"
)
