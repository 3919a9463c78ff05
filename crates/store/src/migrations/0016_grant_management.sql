-- Grant management: whether a linkage's code was ever redeemed, and tokens that clients manage their grants with.

-- When its first code was redeemed. Where it is null the first refresh token tells: linkages from before and older nodes
-- have only that.
ALTER TABLE linkages ADD COLUMN taken_at BIGINT;

CREATE TABLE client_tokens (
    institution TEXT   NOT NULL,
    token_id    TEXT   NOT NULL,
    hash        BYTEA  NOT NULL,
    client_id   TEXT   NOT NULL,
    scope       TEXT   NOT NULL,                 -- grant_management_query, grant_management_revoke
    bound_by    TEXT   NOT NULL,                 -- dpop: cnf.jkt; mtls: cnf.x5t#S256
    bound_to    TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL,
    revoked_at  BIGINT,
    PRIMARY KEY (institution, token_id)
) /*sqlite: WITHOUT ROWID sqlite*/;
