-- 監査証跡: records, entries, tiles, checkpoints and signatures are only ever added to. The second wall behind the rights of
-- the serving role; whoever owns the tables can take it down, and then the trail tells.

/*sqlite:
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_undeleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_positions_unchanged BEFORE UPDATE ON audit_positions BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_positions_undeleted BEFORE DELETE ON audit_positions BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_batches_unchanged BEFORE UPDATE ON audit_batches BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_batches_undeleted BEFORE DELETE ON audit_batches BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_tiles_unchanged BEFORE UPDATE ON audit_tiles BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_tiles_undeleted BEFORE DELETE ON audit_tiles BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_checkpoints_unchanged BEFORE UPDATE ON audit_checkpoints BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_checkpoints_undeleted BEFORE DELETE ON audit_checkpoints BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_signatures_unchanged BEFORE UPDATE ON audit_signatures BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
CREATE TRIGGER audit_signatures_undeleted BEFORE DELETE ON audit_signatures BEGIN SELECT RAISE(ABORT, 'only ever added to'); END;
sqlite*/

/*postgres:
CREATE OR REPLACE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RAISE EXCEPTION ''% is only ever added to'', TG_TABLE_NAME; END';
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit EXECUTE FUNCTION audit_only_grows();
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_positions EXECUTE FUNCTION audit_only_grows();
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_batches EXECUTE FUNCTION audit_only_grows();
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_tiles EXECUTE FUNCTION audit_only_grows();
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints EXECUTE FUNCTION audit_only_grows();
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_signatures EXECUTE FUNCTION audit_only_grows();
postgres*/
