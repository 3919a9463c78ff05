-- What decides over a token or a client is spread over many rows. Whatever program changes one of them, or whoever does so by
-- hand, gives their institution a new version in the same transaction: so what was found under a version still holds as
-- long as the institution has that version, and one row tells so in place of nine.
--
-- Left out is what decides nothing: when a linkage was last read, that its code was redeemed (it has a token then), access
-- tokens that are deleted because they ran out, what an account holds, and a right to inquire that no linkage needs.
-- Identifiers never change. Accounts are added to a linkage by what also changes the linkage, or begins it.

CREATE TABLE state_versions (
    institution TEXT  NOT NULL PRIMARY KEY,
    version     BYTEA NOT NULL,                  -- random, so that no change ever makes one that was there before
    changed_by  TEXT                             -- the transaction that made it; null: the row's first, or SQLite
);

/*sqlite:
CREATE TRIGGER institutions_begin AFTER INSERT ON institutions BEGIN
    INSERT INTO state_versions (institution, version) VALUES (NEW.institution, randomblob(16)) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER institutions_change AFTER UPDATE ON institutions BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER institutions_go AFTER DELETE ON institutions BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER partners_change AFTER UPDATE ON partners BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER partners_go AFTER DELETE ON partners BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER products_change AFTER UPDATE ON products BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER products_go AFTER DELETE ON products BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER resource_servers_change AFTER UPDATE ON resource_servers BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER resource_servers_go AFTER DELETE ON resource_servers BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER customers_change AFTER UPDATE OF contract ON customers
    WHEN OLD.contract <> NEW.contract BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER customers_go AFTER DELETE ON customers BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER users_change AFTER UPDATE OF state ON users
    WHEN OLD.state <> NEW.state BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER users_go AFTER DELETE ON users BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER linkages_change AFTER UPDATE OF client_id, user_id, customer_id, operations, begun_at, renewed_at, ends_at, ended_at, ended_by, login_method, login_at ON linkages BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER linkages_go AFTER DELETE ON linkages BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER refresh_tokens_change AFTER UPDATE ON refresh_tokens BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER refresh_tokens_go AFTER DELETE ON refresh_tokens
    WHEN OLD.revoked_at IS NULL BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER access_tokens_change AFTER UPDATE ON access_tokens BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER access_tokens_go AFTER DELETE ON access_tokens
    WHEN OLD.revoked_at IS NULL AND OLD.expires_at > unixepoch() * 1000000 BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER accounts_change AFTER UPDATE OF customer_id, state ON accounts
    WHEN OLD.state <> NEW.state OR OLD.customer_id IS DISTINCT FROM NEW.customer_id BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER accounts_go AFTER DELETE ON accounts BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER linkage_accounts_change AFTER UPDATE ON linkage_accounts BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER linkage_accounts_go AFTER DELETE ON linkage_accounts BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER user_accounts_change AFTER UPDATE OF institution, user_id, account_id ON user_accounts BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER user_accounts_go AFTER DELETE ON user_accounts BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER user_accounts_come AFTER INSERT ON user_accounts
    WHEN EXISTS (SELECT 1 FROM linkage_accounts m WHERE m.institution = NEW.institution AND m.account_id = NEW.account_id) BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = NEW.institution;
END;
INSERT INTO state_versions (institution, version) SELECT institution, randomblob(16) FROM institutions;
sqlite*/

/*postgres:
CREATE OR REPLACE FUNCTION state_begins() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS '
BEGIN
    INSERT INTO state_versions (institution, version) VALUES (NEW.institution, uuid_send(gen_random_uuid())) ON CONFLICT DO NOTHING;
    RETURN NULL;
END';
-- One version for a transaction, however many rows it changes: a row that is updated again and again in one transaction
-- costs the square of that. Made at the commit, so that nobody waits for a long import that holds the row.
CREATE OR REPLACE FUNCTION new_version(code TEXT) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS '
DECLARE
    own TEXT := concat(txid_current(), '' at '', EXTRACT(EPOCH FROM now()));
BEGIN
    UPDATE state_versions SET version = uuid_send(gen_random_uuid()), changed_by = own
        WHERE institution = code AND changed_by IS DISTINCT FROM own;
END';
CREATE OR REPLACE FUNCTION state_changes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS '
BEGIN
    PERFORM new_version(OLD.institution);
    RETURN NULL;
END';
CREATE OR REPLACE FUNCTION right_comes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS '
BEGIN
    IF EXISTS (SELECT 1 FROM linkage_accounts m WHERE m.institution = NEW.institution AND m.account_id = NEW.account_id) THEN
        PERFORM new_version(NEW.institution);
    END IF;
    RETURN NULL;
END';
CREATE TRIGGER institutions_begin AFTER INSERT ON institutions FOR EACH ROW EXECUTE FUNCTION state_begins();
CREATE CONSTRAINT TRIGGER institutions_change AFTER UPDATE ON institutions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER institutions_go AFTER DELETE ON institutions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER partners_change AFTER UPDATE ON partners DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER partners_go AFTER DELETE ON partners DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER products_change AFTER UPDATE ON products DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER products_go AFTER DELETE ON products DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER resource_servers_change AFTER UPDATE ON resource_servers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER resource_servers_go AFTER DELETE ON resource_servers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER customers_change AFTER UPDATE OF contract ON customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.contract <> NEW.contract)
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER customers_go AFTER DELETE ON customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER users_change AFTER UPDATE OF state ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.state <> NEW.state)
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER users_go AFTER DELETE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER linkages_change AFTER UPDATE OF client_id, user_id, customer_id, operations, begun_at, renewed_at, ends_at, ended_at, ended_by, login_method, login_at ON linkages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER linkages_go AFTER DELETE ON linkages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER refresh_tokens_change AFTER UPDATE ON refresh_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER refresh_tokens_go AFTER DELETE ON refresh_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL)
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER access_tokens_change AFTER UPDATE ON access_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER access_tokens_go AFTER DELETE ON access_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > EXTRACT(EPOCH FROM now()) * 1000000)
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER accounts_change AFTER UPDATE OF customer_id, state ON accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.customer_id IS DISTINCT FROM NEW.customer_id)
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER accounts_go AFTER DELETE ON accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER linkage_accounts_change AFTER UPDATE ON linkage_accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER linkage_accounts_go AFTER DELETE ON linkage_accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER user_accounts_change AFTER UPDATE OF institution, user_id, account_id ON user_accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER user_accounts_go AFTER DELETE ON user_accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER user_accounts_come AFTER INSERT ON user_accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION right_comes();
INSERT INTO state_versions (institution, version) SELECT institution, uuid_send(gen_random_uuid()) FROM institutions
    ON CONFLICT DO NOTHING;
-- Nodes of the version before change linkages from now on, as roles that serve: what they may do there they may do here.
DO '
DECLARE
    role TEXT;
BEGIN
    FOR role IN SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = ''linkages'' AND privilege_type = ''UPDATE'' AND grantee <> current_user
    LOOP
        EXECUTE format(CASE role WHEN ''PUBLIC'' THEN ''GRANT SELECT, INSERT, UPDATE, DELETE ON state_versions TO PUBLIC''
            ELSE ''GRANT SELECT, INSERT, UPDATE, DELETE ON state_versions TO %I'' END, role);
    END LOOP;
END';
postgres*/
