-- How a product authenticates, binds its tokens and signs; how strong a login reading asks for.

ALTER TABLE products ADD COLUMN auth_method TEXT NOT NULL DEFAULT 'private_key_jwt';  -- the one way it authenticates
ALTER TABLE products ADD COLUMN sender_constraint TEXT NOT NULL DEFAULT 'dpop';       -- what its tokens are bound to: dpop, mtls
ALTER TABLE products ADD COLUMN profile TEXT NOT NULL DEFAULT 'fapi2_security';       -- what it has to sign and is sent signed
ALTER TABLE products ADD COLUMN tls_subject TEXT;                                     -- JSON: the one name in its certificate
ALTER TABLE products ADD COLUMN jwks_uri TEXT;                                        -- where its keys are, if not in jwks

ALTER TABLE institutions ADD COLUMN minimum_login TEXT NOT NULL DEFAULT 'password';   -- weakest login whose linkages may be read
ALTER TABLE institutions ADD COLUMN dpop_nonces BIGINT NOT NULL DEFAULT 0;            -- 1: every proof needs a nonce of ours
ALTER TABLE institutions ADD COLUMN user_ocsp TEXT;                                   -- responder of its users' certificates

ALTER TABLE linkages ADD COLUMN login_method TEXT NOT NULL DEFAULT 'password';        -- how the last permission's user had logged in
ALTER TABLE linkages ADD COLUMN login_at BIGINT NOT NULL DEFAULT 0;                   -- when

ALTER TABLE access_tokens RENAME COLUMN dpop_jkt TO bound_to;                         -- thumbprint of key or certificate
ALTER TABLE access_tokens ADD COLUMN bound_by TEXT NOT NULL DEFAULT 'dpop';           -- dpop: cnf.jkt; mtls: cnf.x5t#S256
