-- The ledger: churches, who may speak for them, whom they reach, what they sent and what became of it.
-- depends:

CREATE TYPE delivery_status AS ENUM (
    -- In the order in which a delivery comes further: of several receipts the greatest wins.
    'suppressed', 'canceled', 'queued', 'sending', 'unknown', 'sent', 'undelivered', 'failed', 'delivered'
);

CREATE TABLE churches (
    church_id  uuid PRIMARY KEY DEFAULT uuidv7(),
    name       text NOT NULL CHECK (name <> ''),
    time_zone  text NOT NULL DEFAULT 'America/New_York',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    api_key_id  uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id   uuid NOT NULL REFERENCES churches,
    label       text NOT NULL,
    -- SHA-256 of a key with 256 random bits: nothing to guess, so no slow hash is needed.
    secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    scopes      text[] NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);

CREATE TABLE senders (
    church_id             uuid NOT NULL REFERENCES churches,
    channel               text NOT NULL,
    address               text,
    messaging_service_sid text,
    -- The pace the carrier allows, and the token bucket that keeps it. NULL: as fast as the carrier takes them.
    segments_per_second   double precision CHECK (segments_per_second > 0),
    tokens                double precision NOT NULL DEFAULT 0,
    tokens_at             timestamptz NOT NULL DEFAULT now(),
    paused_at             timestamptz,
    paused_reason         text,
    -- The job that met the refusal: running it again is how an operator says that it is mended.
    paused_by             text,
    PRIMARY KEY (church_id, channel),
    CHECK (num_nonnulls(address, messaging_service_sid) >= 1),
    CHECK ((paused_at IS NULL) = (paused_reason IS NULL))
) WITH (fillfactor = 50); -- every claim updates the bucket: leave room to do it in place

CREATE TABLE contacts (
    contact_id uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id  uuid NOT NULL REFERENCES churches,
    name       text NOT NULL,
    phone      text,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- A family may share one phone, so a person is a number and a name together.
CREATE UNIQUE INDEX contacts_person ON contacts (church_id, phone, lower(name));
CREATE INDEX contacts_page ON contacts (church_id, contact_id);

CREATE TABLE opt_outs (
    church_id    uuid NOT NULL REFERENCES churches,
    address      text NOT NULL,
    source       text NOT NULL,
    opted_out_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (church_id, address)
);

CREATE TABLE messages (
    message_id      uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id       uuid NOT NULL REFERENCES churches,
    channel         text NOT NULL,
    content         text NOT NULL,
    segments        smallint NOT NULL CHECK (segments > 0),
    target_type     text NOT NULL,
    -- {"contactIds": [...]} or {"phoneNumbers": [...]}, E.164; {} for all
    target          jsonb NOT NULL,
    idempotency_key text,
    request_hash    bytea NOT NULL,
    request_id      text NOT NULL,
    send_at         timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expanded_at     timestamptz,
    -- Nothing is left to submit. Receipts may still come.
    completed_at    timestamptz,
    UNIQUE (church_id, idempotency_key)
);
CREATE INDEX messages_page ON messages (church_id, message_id);
CREATE INDEX messages_to_expand ON messages (send_at) WHERE expanded_at IS NULL;
CREATE INDEX messages_open ON messages (church_id, message_id) WHERE completed_at IS NULL;

-- One message to one recipient. Rows are written only from a message and its church by one statement, so the
-- foreign keys that would cost a trigger a row are left out.
CREATE TABLE deliveries (
    delivery_id uuid PRIMARY KEY DEFAULT uuidv7(),
    message_id  uuid NOT NULL,
    church_id   uuid NOT NULL,
    contact_id  uuid,
    due_at      timestamptz NOT NULL,
    lease_until timestamptz,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    status      delivery_status NOT NULL,
    -- How often it was claimed. With the id it names one attempt, in the callback's address too.
    attempts    smallint NOT NULL DEFAULT 0,
    channel     text NOT NULL,
    address     text,
    carrier_id  text,
    error_code  text,
    reason      text,
    CHECK ((status = 'sending') = (lease_until IS NOT NULL)),
    CHECK (status IN ('suppressed', 'canceled') OR address IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX deliveries_page ON deliveries (message_id, delivery_id);
-- The claim reads this from its start: oldest message first within a church and channel.
CREATE INDEX deliveries_due ON deliveries (church_id, channel, due_at, delivery_id) WHERE status = 'queued';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE status = 'sending';
-- Whether a message has anything left to submit.
CREATE INDEX deliveries_open ON deliveries (message_id) WHERE status IN ('queued', 'sending');
-- The last guard against a second text: one living delivery for each message and address. Not a partial index: behind
-- row-level security the planner may not look at how often a status occurs, takes "status <> 'suppressed'" for rare while
-- all have the same status, and would read the whole index to find what is queued.
CREATE UNIQUE INDEX deliveries_once ON deliveries (message_id, (CASE WHEN status <> 'suppressed' THEN address END));

-- What carriers told us, as it came. Applied to deliveries in bulk, afterwards.
CREATE TABLE receipts (
    receipt_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id uuid NOT NULL,
    attempt     smallint NOT NULL,
    carrier_id  text NOT NULL,
    status      delivery_status NOT NULL,
    error_code  text,
    received_at timestamptz NOT NULL DEFAULT now(),
    applied_at  timestamptz,
    UNIQUE (carrier_id, status)
);
CREATE INDEX receipts_unapplied ON receipts (receipt_id) WHERE applied_at IS NULL;

-- Deliveries by the church's own day on which their message was due.
CREATE TABLE daily_totals (
    church_id    uuid NOT NULL REFERENCES churches,
    day          date NOT NULL,
    channel      text NOT NULL,
    status       delivery_status NOT NULL,
    deliveries   bigint NOT NULL,
    segments     bigint NOT NULL,
    rolled_up_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (church_id, day, channel, status)
);
