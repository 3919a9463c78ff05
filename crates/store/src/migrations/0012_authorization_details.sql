-- Rich authorization requests: which tokens are told of in detail, and tokens for some of a linkage's accounts.

ALTER TABLE codes ADD COLUMN detailed BIGINT NOT NULL DEFAULT 0;          -- 1: asked for with authorization_details
ALTER TABLE refresh_tokens ADD COLUMN detailed BIGINT NOT NULL DEFAULT 0; -- likewise: answers tell the details
ALTER TABLE access_tokens ADD COLUMN accounts TEXT;                       -- JSON: the only accounts it is for; null: all of the linkage
