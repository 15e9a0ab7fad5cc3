module groundwork.invalid/toolchain/external-secrets

go 1.26.4

// Built from a copy of its sources (see `patches` in local/toolchain/programs.py), with the requirements of its own go.mod.
require github.com/external-secrets/external-secrets v0.20.4
