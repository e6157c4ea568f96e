-- What the service may do in its database: the role refund_api, where refund_api_owner owns the tables. Run it after each
-- migration, on the database, as an administrator; harmless to repeat. `refund-api db check` tells what is missing.
GRANT SELECT ON alembic_version, passenger, feed TO refund_api;
GRANT SELECT, UPDATE (state, updated_at) ON orders TO refund_api;
GRANT SELECT, INSERT ON refund, refund_item, refund_outbox TO refund_api;  -- SELECT on refund_outbox: metrics, audit
GRANT UPDATE (reason) ON refund TO refund_api;  -- `db purge` removes old reasons
GRANT SELECT, INSERT, DELETE ON request_nonce TO refund_api;
