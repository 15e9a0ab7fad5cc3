# Who may reach a tenant's agents. The authorizer asks with all that is known (docs/access.md has the input's shape);
# nothing is kept here between two questions. Times are nanoseconds since 1970. What is not known is left out: in Rego,
# null would count as true.
package groundwork.access

# What a token may be signed with: only pairs of keys. `none` and HMAC would let a caller make tokens of their own.
algorithms := {
	"RS256", "RS384", "RS512",
	"PS256", "PS384", "PS512",
	"ES256", "ES384", "ES512",
	"EdDSA",
}

second := 1000000000

# The first that holds is the answer.
decision := refused(421, "misdirected_request", "the host is not the name that the connection was made for") if {
	not same_name
} else := refused(404, "unknown_host", "nothing is served at this host") if {
	not input.tenant
} else := refused(400, "ambiguous_path", "the path can be read in more than one way") if {
	not input.request.clean
} else := refused(403, "tenant_suspended", input.tenant.suspended.reason) if {
	input.tenant.suspended
} else := refused(401, "no_credential", "give an API key or a token") if {
	input.credential.kind == "none"
} else := key_refusal if {
	input.credential.kind == "key"
} else := token_refusal if {
	input.credential.kind == "token"
} else := refused(404, "unknown_path", "agents are served at /agents/NAME/") if {
	known_principal
	not input.request.agent
} else := {"allow": true, "status": 200, "reason": "allowed", "message": "", "principal": principal, "until": until} if {
	known_principal
} else := refused(401, "invalid_credential", "the credential cannot be used")

refused(status, reason, message) := {
	"allow": false,
	"status": status,
	"reason": reason,
	"message": message,
	"principal": null,
	"until": null,
}

# Where a load balancer before the gateway ends TLS, there is no name to compare with.
same_name if not input.checks_name
same_name if input.request.sni == input.request.host

known_principal if {
	input.credential.kind == "key"
	input.credential.key
}

known_principal if {
	input.credential.kind == "token"
	verified
}

principal := concat(":", ["key", input.credential.key.id]) if input.credential.kind == "key"

principal := concat(":", ["token", verified.sub]) if input.credential.kind == "token"

default until := null

until := min(key_ends) if {
	input.credential.kind == "key"
	count(key_ends) > 0
}

until := floor(verified.exp) * second if input.credential.kind == "token"

# --- API keys -----------------------------------------------------------------------------------------------------

# `key` is there only where the id is known and the secret's hash is the stored one.
key := input.credential.key

key_ends := {moment | some name in ["expires_at", "grace_until"]; moment := key[name]}

key_refusal := refused(401, "unknown_key", "there is no such API key") if {
	not key
} else := refused(401, "revoked_key", "the API key was revoked") if {
	key.revoked
} else := refused(401, "expired_key", "the API key has expired") if {
	key.expires_at <= input.now
} else := refused(401, "rotated_key", "the API key was replaced, and its grace period is over") if {
	key.grace_until <= input.now
} else := out_of_scope if {
	key.scope.org != input.tenant.name
} else := out_of_scope if {
	key.scope.domain != input.request.host
} else := out_of_scope if {
	key.scope.environment != input.environment
} else := out_of_scope if {
	"agents" in object.keys(key.scope)
	not for_agent(key.scope.agents)
}

# Not `not x in list`: where x is undefined, that is undefined too and refuses nobody.
for_agent(names) if input.request.agent in names

out_of_scope := refused(403, "out_of_scope", "the credential is not for this place")

# --- Tokens -------------------------------------------------------------------------------------------------------

decoded := io.jwt.decode(input.credential.token)

header := decoded[0]

# Not verified: good for finding the issuer and for saying what is wrong, for nothing else.
claims := decoded[1]

issuer := found if {
	is_string(claims.iss)
	some found in input.tenant.issuers
	found.issuer == claims.iss
}

audiences contains audience if {
	some audience in issuer.audiences
	audience == claims.aud
}

audiences contains audience if {
	some audience in issuer.audiences
	audience in claims.aud
}

verified := payload if {
	some audience in audiences
	outcome := io.jwt.decode_verify(
		input.credential.token,
		{"cert": issuer.jwks, "alg": header.alg, "iss": issuer.issuer, "aud": audience, "time": input.now},
	)
	outcome[0]
	payload := outcome[2]
	is_string(payload.sub)
	payload.sub != ""
	is_number(payload.exp)
}

token_refusal := invalid("this is no JSON Web Token") if {
	not header
} else := invalid("the token's algorithm is not allowed") if {
	not algorithm_allowed
} else := invalid("the token's issuer is not one of the tenant's") if {
	not issuer
} else := invalid("the token is not for this audience") if {
	count(audiences) == 0
} else := invalid("the token says not for whom it is, or not when it ends") if {
	not claims_complete
} else := invalid("the token has expired") if {
	claims.exp * second <= input.now
} else := invalid("the token is not valid yet") if {
	claims.nbf * second > input.now
} else := refused(503, "keys_unavailable", "the keys of the token's issuer cannot be had") if {
	not issuer.jwks
} else := invalid("the token's signature does not hold") if {
	not verified
} else := out_of_scope if {
	verified.tenant != input.tenant.name
} else := out_of_scope if {
	"agents" in object.keys(verified)
	not for_agent(verified.agents)
}

algorithm_allowed if header.alg in algorithms

claims_complete if {
	is_string(claims.sub)
	claims.sub != ""
	is_number(claims.exp)
	number_or_nothing(claims, "nbf")
}

number_or_nothing(from, name) if is_number(from[name])

number_or_nothing(from, name) if not name in object.keys(from)

invalid(message) := refused(401, "invalid_token", message)
