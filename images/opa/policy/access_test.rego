package groundwork.access_test

import data.groundwork.access

now := 1800000000000000000

hour := 3600000000000

# A good question; each test changes what it is about.
asked := {
	"environment": "local",
	"checks_name": true,
	"now": now,
	"request": {
		"host": "acme.groundwork.test",
		"sni": "acme.groundwork.test",
		"clean": true,
		"method": "POST",
		"agent": "concierge",
	},
	"tenant": {
		"name": "acme",
		"issuers": [{"issuer": "https://id.example.com", "audiences": ["agents", "tools"], "jwks": `{"keys": []}`}],
	},
	"credential": {"kind": "none"},
}

a_key := {"id": "abcdefabcdef", "revoked": false, "scope": {"org": "acme"}}

with_key(change) := object.union(asked, {"credential": {"kind": "key", "key": object.union(a_key, change)}})

with_request(change) := object.union(with_key({}), {"request": change})

encoded(value) := base64url.encode_no_pad(json.marshal(value))

token(header, claims) := concat(".", [encoded(header), encoded(claims), "c2lnbmF0dXJl"])

good_claims := {"iss": "https://id.example.com", "aud": "agents", "sub": "alice", "exp": 1800003600}

good_token := token({"alg": "RS256"}, good_claims)

with_token(text) := object.union(asked, {"credential": {"kind": "token", "token": text}})

# Stands for the signature's check alone: what it is given is what is asked of it.
signed(text, constraints) := [true, decoded[0], decoded[1]] if {
	decoded := io.jwt.decode(text)
	constraints.cert == `{"keys": []}`
	constraints.alg == decoded[0].alg
	constraints.time == now
}

is(decision, 200, reason) if {
	decision.status == 200
	decision.allow == true
	decision.reason == reason
}

is(decision, status, reason) if {
	status != 200
	decision.status == status
	decision.allow == false
	decision.reason == reason
}

test_a_good_key_passes if {
	d := access.decision with input as with_key({})
	is(d, 200, "allowed")
	d.principal == "key:abcdefabcdef"
	d.until == null
}

test_no_credential if {
	d := access.decision with input as asked
	is(d, 401, "no_credential")
}

test_a_credential_in_no_known_form if {
	d := access.decision with input as object.union(asked, {"credential": {"kind": "other"}})
	is(d, 401, "invalid_credential")
}

test_another_name_than_the_connections if {
	every sni in ["globex.groundwork.test", "", "ACME.groundwork.test"] {
		d := access.decision with input as with_request({"sni": sni})
		is(d, 421, "misdirected_request")
	}
}

test_no_name_where_tls_ends_before_the_gateway if {
	d := access.decision with input as object.union(with_request({"sni": ""}), {"checks_name": false})
	is(d, 200, "allowed")
}

test_a_host_of_nobody if {
	d := access.decision with input as object.remove(with_key({}), ["tenant"])
	is(d, 404, "unknown_host")
}

test_a_path_of_two_meanings if {
	d := access.decision with input as with_request({"clean": false})
	is(d, 400, "ambiguous_path")
}

test_a_path_to_no_agent if {
	no_agent := json.remove(with_key({}), ["request/agent"])
	d := access.decision with input as no_agent
	is(d, 404, "unknown_path")
}

test_suspended_says_why_and_comes_before_credentials if {
	suspended := {"tenant": {"suspended": {"reason": "unpaid"}}}
	every question in [with_key({}), asked] {
		d := access.decision with input as object.union(question, suspended)
		is(d, 403, "tenant_suspended")
		d.message == "unpaid"
	}
}

test_an_unknown_key if {
	d := access.decision with input as object.union(asked, {"credential": {"kind": "key"}})
	is(d, 401, "unknown_key")
}

test_a_revoked_key if {
	d := access.decision with input as with_key({"revoked": true})
	is(d, 401, "revoked_key")
}

test_a_keys_end if {
	before := access.decision with input as with_key({"expires_at": now + 1})
	is(before, 200, "allowed")
	before.until == now + 1
	at_it := access.decision with input as with_key({"expires_at": now})
	is(at_it, 401, "expired_key")
}

test_a_keys_grace if {
	within := access.decision with input as with_key({"grace_until": now + hour, "expires_at": now + (2 * hour)})
	is(within, 200, "allowed")
	within.until == now + hour
	over := access.decision with input as with_key({"grace_until": now - 1})
	is(over, 401, "rotated_key")
}

test_scopes if {
	every scope in [{}, {"domain": "acme.groundwork.test"}, {"environment": "local"}, {"agents": ["other", "concierge"]}] {
		d := access.decision with input as with_key({"scope": scope})
		is(d, 200, "allowed")
	}
	every scope in [{"org": "globex"}, {"domain": "a.example"}, {"environment": "prod"}, {"agents": ["other"]}] {
		d := access.decision with input as with_key({"scope": scope})
		is(d, 403, "out_of_scope")
	}
}

test_a_key_for_some_agents_opens_no_path_without_one if {
	d := access.decision with input as json.remove(with_key({"scope": {"agents": ["concierge"]}}), ["request/agent"])
	is(d, 403, "out_of_scope")
}

test_a_good_token_passes if {
	every aud in ["agents", "tools", ["agents"], ["other", "tools"]] {
		text := token({"alg": "ES256"}, object.union(good_claims, {"aud": aud}))
		d := access.decision with input as with_token(text) with io.jwt.decode_verify as signed
		is(d, 200, "allowed")
		d.principal == "token:alice"
		d.until == 1800003600 * 1000000000
	}
}

test_an_unsigned_token_never_passes if {
	d := access.decision with input as with_token(good_token)
	is(d, 401, "invalid_token")
}

test_algorithms if {
	every algorithm in ["none", "None", "HS256", "HS512", "", 1, null] {
		text := token({"alg": algorithm}, good_claims)
		d := access.decision with input as with_token(text) with io.jwt.decode_verify as signed
		is(d, 401, "invalid_token")
	}
}

test_no_algorithm if {
	text := token({"typ": "JWT"}, good_claims)
	d := access.decision with input as with_token(text) with io.jwt.decode_verify as signed
	is(d, 401, "invalid_token")
	d.message == "the token's algorithm is not allowed"
}

test_a_token_that_says_it_holds_another if {
	text := token({"alg": "RS256", "cty": "JWT"}, good_claims)
	d := access.decision with input as with_token(text) with io.jwt.decode_verify as signed
	is(d, 401, "invalid_token")
}

test_no_token_at_all if {
	every text in ["", "a", "a.b.c", "...", "eyJhbGciOiJSUzI1NiJ9"] {
		d := access.decision with input as with_token(text) with io.jwt.decode_verify as signed
		is(d, 401, "invalid_token")
	}
}

test_claims if {
	every change in [
		{"iss": "https://other.example.com"},
		{"iss": 7},
		{"aud": "other"},
		{"aud": ["other"]},
		{"aud": []},
		{"aud": 7},
		{"exp": 1800000000},
		{"exp": "1900000000"},
		{"exp": null},
		{"nbf": 1800000001},
		{"nbf": "1"},
		{"sub": ""},
		{"sub": 7},
	] {
		text := token({"alg": "RS256"}, object.union(good_claims, change))
		d := access.decision with input as with_token(text) with io.jwt.decode_verify as signed
		is(d, 401, "invalid_token")
	}
}

test_claims_that_must_be_there if {
	every name in ["iss", "aud", "exp", "sub"] {
		text := token({"alg": "RS256"}, object.remove(good_claims, [name]))
		d := access.decision with input as with_token(text) with io.jwt.decode_verify as signed
		is(d, 401, "invalid_token")
	}
}

test_a_token_may_narrow_itself if {
	every change in [{"tenant": "acme"}, {"agents": ["concierge"]}] {
		text := token({"alg": "RS256"}, object.union(good_claims, change))
		d := access.decision with input as with_token(text) with io.jwt.decode_verify as signed
		is(d, 200, "allowed")
	}
	every change in [{"tenant": "globex"}, {"tenant": 7}, {"agents": ["other"]}, {"agents": "concierge"}, {"agents": []}] {
		text := token({"alg": "RS256"}, object.union(good_claims, change))
		d := access.decision with input as with_token(text) with io.jwt.decode_verify as signed
		is(d, 403, "out_of_scope")
	}
}

test_keys_that_cannot_be_had if {
	without := {"name": "acme", "issuers": [{"issuer": "https://id.example.com", "audiences": ["agents"]}]}
	d := access.decision with input as object.union(object.remove(with_token(good_token), ["tenant"]), {"tenant": without})
	is(d, 503, "keys_unavailable")
}

test_a_question_that_lacks_everything_is_refused if {
	every question in [{}, {"credential": {}}, {"checks_name": false, "tenant": {}}] {
		d := access.decision with input as question
		d.allow == false
	}
}
