-- How the request behind a code came, and how it was answered.

ALTER TABLE codes ADD COLUMN request_signed BIGINT NOT NULL DEFAULT 0;  -- 1: the client had signed it
ALTER TABLE codes ADD COLUMN answer_signed BIGINT NOT NULL DEFAULT 0;   -- 1: the answer was signed
