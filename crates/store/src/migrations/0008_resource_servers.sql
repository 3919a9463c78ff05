-- Resource servers outside this program, which may ask what a token is good for.

CREATE TABLE resource_servers (
    institution    TEXT   NOT NULL,
    server_id      TEXT   NOT NULL,                 -- made by this server; what the wire calls it by
    resource_server TEXT  NOT NULL,                 -- key in the registry file
    name           TEXT   NOT NULL,
    resource       TEXT,                            -- identifier of what it serves; null: the account API
    jwks           TEXT   NOT NULL,                 -- JSON: its public keys
    signing_alg    TEXT   NOT NULL,                 -- the one algorithm of its assertions: PS256, ES256, EdDSA
    signed_introspection BIGINT NOT NULL,           -- 1: it is answered in signed form, whatever it asks for
    state          TEXT   NOT NULL,                 -- active, suspended, ended
    PRIMARY KEY (institution, server_id),
    UNIQUE (institution, resource_server)
);
