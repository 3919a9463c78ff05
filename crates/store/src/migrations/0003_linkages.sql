-- From the pushed request to the tokens. Facts flow one way: request, flow, linkage and consent, code, token.

CREATE TABLE requests (
    institution TEXT   NOT NULL,
    request_id  TEXT   NOT NULL,                 -- first part of the request_uri
    hash        BYTEA  NOT NULL,                 -- SHA-256 of the whole
    client_id   TEXT   NOT NULL,
    body        TEXT   NOT NULL,                 -- JSON: the pushed parameters, checked
    expires_at  BIGINT NOT NULL,                 -- must be opened before
    consumed_at BIGINT,                          -- a code or a final error was issued
    PRIMARY KEY (institution, request_id)
);

CREATE TABLE sessions (
    institution TEXT   NOT NULL,
    session_id  TEXT   NOT NULL,                 -- one browser; the identifier stays while its secret rotates
    hash        BYTEA  NOT NULL,                 -- SHA-256 of the cookie's ticket; changes at every login
    ticket_id   TEXT   NOT NULL,                 -- first part of the cookie's ticket
    user_id     TEXT,                            -- who logged in last; null: nobody yet
    purpose     TEXT   NOT NULL,                 -- link: only to bind flows; my: logged in to look at linkages
    created_at  BIGINT NOT NULL,
    used_at     BIGINT NOT NULL,
    ended_at    BIGINT,
    PRIMARY KEY (institution, session_id),
    UNIQUE (institution, ticket_id)
);

CREATE TABLE flows (
    institution TEXT   NOT NULL,
    flow_id     TEXT   NOT NULL,
    request_id  TEXT   NOT NULL,
    session_id  TEXT   NOT NULL,                 -- the browser that opened it, and no other
    stage       TEXT   NOT NULL,                 -- login, operations, pins, … as the rules name them
    body        TEXT   NOT NULL,                 -- JSON: the stage with what it holds; staged PINs sealed
    version     BIGINT NOT NULL,                 -- counts up with every step; a form says which one it was shown with
    opened_at   BIGINT NOT NULL,
    deadline_at BIGINT NOT NULL,
    used_at     BIGINT NOT NULL,
    extended    BIGINT NOT NULL,                 -- 1: the one extension was taken
    permitted_at BIGINT,                         -- when the permission was given: a reload gets the same answer for a while
    PRIMARY KEY (institution, flow_id)
);
CREATE INDEX flows_by_session ON flows (institution, session_id);
CREATE INDEX flows_by_request ON flows (institution, request_id);

CREATE TABLE linkages (
    institution TEXT   NOT NULL,
    linkage_id  TEXT   NOT NULL,                 -- grant_id on the wire; stays through renewals
    client_id   TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    customer_id TEXT   NOT NULL,
    operations  TEXT   NOT NULL,                 -- JSON: [{"operation":"balances","ends_at":…}, …]
    begun_at    BIGINT NOT NULL,
    renewed_at  BIGINT NOT NULL,                 -- last permission
    ends_at     BIGINT NOT NULL,                 -- the latest end of its operations
    ended_at    BIGINT,
    ended_by    TEXT,                            -- customer, partner, institution
    last_read_at BIGINT,                         -- last read of account data, to the hour
    PRIMARY KEY (institution, linkage_id),
    FOREIGN KEY (institution, client_id) REFERENCES products (institution, client_id),
    FOREIGN KEY (institution, user_id) REFERENCES users (institution, user_id)
);
CREATE INDEX linkages_by_user ON linkages (institution, user_id);
CREATE INDEX linkages_by_customer ON linkages (institution, customer_id);
CREATE INDEX linkages_by_client ON linkages (institution, client_id);

CREATE TABLE linkage_accounts (
    institution TEXT   NOT NULL,
    linkage_id  TEXT   NOT NULL,
    account_id  TEXT   NOT NULL,
    added_at    BIGINT NOT NULL,
    PRIMARY KEY (institution, linkage_id, account_id),
    FOREIGN KEY (institution, linkage_id) REFERENCES linkages (institution, linkage_id),
    FOREIGN KEY (institution, account_id) REFERENCES accounts (institution, account_id)
);

CREATE TABLE consents (
    institution   TEXT   NOT NULL,
    consent_id    TEXT   NOT NULL,
    linkage_id    TEXT   NOT NULL,
    user_id       TEXT   NOT NULL,
    method        TEXT   NOT NULL,               -- how the user had logged in
    given_at      BIGINT NOT NULL,
    terms_version TEXT   NOT NULL,
    shown_text    TEXT   NOT NULL,               -- word for word what the permission screen showed
    shown_hash    BYTEA  NOT NULL,               -- SHA-256 of it
    accounts      TEXT   NOT NULL,               -- JSON: the accounts left ticked
    PRIMARY KEY (institution, consent_id),
    FOREIGN KEY (institution, linkage_id) REFERENCES linkages (institution, linkage_id)
);
CREATE INDEX consents_by_linkage ON consents (institution, linkage_id);

CREATE TABLE codes (
    institution    TEXT   NOT NULL,
    code_id        TEXT   NOT NULL,
    hash           BYTEA  NOT NULL,
    linkage_id     TEXT   NOT NULL,
    client_id      TEXT   NOT NULL,
    redirect_uri   TEXT   NOT NULL,
    code_challenge TEXT   NOT NULL,
    dpop_jkt       TEXT,                         -- the key the code is bound to, if the request named one
    scope          TEXT   NOT NULL,
    expires_at     BIGINT NOT NULL,
    redeemed_at    BIGINT,
    PRIMARY KEY (institution, code_id),
    FOREIGN KEY (institution, linkage_id) REFERENCES linkages (institution, linkage_id)
);

CREATE TABLE refresh_tokens (
    institution TEXT   NOT NULL,
    token_id    TEXT   NOT NULL,
    hash        BYTEA  NOT NULL,
    linkage_id  TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    code_id     TEXT   NOT NULL,                 -- the code it came from
    scope       TEXT   NOT NULL,
    issued_at   BIGINT NOT NULL,
    revoked_at  BIGINT,
    PRIMARY KEY (institution, token_id),
    FOREIGN KEY (institution, linkage_id) REFERENCES linkages (institution, linkage_id)
);
CREATE INDEX refresh_tokens_by_code ON refresh_tokens (institution, code_id);
CREATE INDEX refresh_tokens_by_linkage ON refresh_tokens (institution, linkage_id);

CREATE TABLE access_tokens (
    institution TEXT   NOT NULL,
    token_id    TEXT   NOT NULL,
    hash        BYTEA  NOT NULL,
    linkage_id  TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    refresh_id  TEXT   NOT NULL,                 -- the refresh token it came with; dead when that one is
    scope       TEXT   NOT NULL,
    dpop_jkt    TEXT   NOT NULL,                 -- thumbprint of the key it is bound to
    expires_at  BIGINT NOT NULL,
    revoked_at  BIGINT,
    PRIMARY KEY (institution, token_id)
) /*sqlite: WITHOUT ROWID sqlite*/;

CREATE TABLE replays (
    institution TEXT   NOT NULL,
    digest      BYTEA  NOT NULL,                 -- of what may be used once: an assertion's or a proof's identifier
    expires_at  BIGINT NOT NULL,                 -- may be forgotten after
    PRIMARY KEY (institution, digest)
) /*sqlite: WITHOUT ROWID sqlite*/;
