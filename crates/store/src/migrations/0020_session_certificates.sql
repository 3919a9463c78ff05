-- What somebody logged in with, to be looked at again at the steps that matter.

ALTER TABLE sessions ADD COLUMN certificate BYTEA; -- the certificate and what came with it, DER one after another; null: a password
