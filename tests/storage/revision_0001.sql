CREATE TABLE presets (
    name VARCHAR NOT NULL, version VARCHAR NOT NULL, description VARCHAR NOT NULL, images JSON NOT NULL,
    created_at {double} NOT NULL, PRIMARY KEY (name)
);
CREATE TABLE jobs (
    number {counter}, id VARCHAR NOT NULL, status VARCHAR NOT NULL, request JSON NOT NULL,
    created_at {double} NOT NULL, started_at {double}, finished_at {double}, progress JSON, result JSON, error JSON,
    timings JSON, engine JSON, style_cache VARCHAR, cancel_requested BOOLEAN NOT NULL, worker VARCHAR,
    fence INTEGER NOT NULL, attempts INTEGER NOT NULL, lease_until {double}, UNIQUE (id)
);
CREATE INDEX jobs_by_status ON jobs (status, number);
CREATE TABLE roll (
    id VARCHAR NOT NULL, seen_at {double} NOT NULL, memory BIGINT, precision VARCHAR NOT NULL, PRIMARY KEY (id)
);

INSERT INTO presets VALUES ('waves', 'v1', 'Blue', '[{{"blob": "styles/v1/0"}}]', 1.5);
INSERT INTO jobs (id, status, request, created_at, started_at, finished_at, progress, result, timings, engine,
                  style_cache, cancel_requested, worker, fence, attempts, lease_until)
VALUES ('done', 'succeeded', '{{"size": 256}}', 1700000000.25, 1700000001, 1700000009.5, '{{"fraction": 1.0}}',
        '{{"blob": "jobs/done/output"}}', '{{"style_s": 0.5}}', '{{"device": "cpu"}}', 'miss', {false}, 'host:1', 2, 1, NULL);
INSERT INTO jobs (id, status, request, created_at, started_at, cancel_requested, worker, fence, attempts, lease_until)
VALUES ('running', 'running', '{{}}', 1700000002, 1700000003, {true}, 'host:1', 3, 1, 1700000123);
INSERT INTO jobs (id, status, request, created_at, cancel_requested, fence, attempts)
VALUES ('queued', 'queued', '{{}}', 1700000004, {false}, 0, 0);
INSERT INTO jobs (id, status, request, created_at, cancel_requested, fence, attempts)
VALUES ('deleted', 'queued', '{{}}', 1700000005, {false}, 0, 0);
DELETE FROM jobs WHERE id = 'deleted';
INSERT INTO roll VALUES ('host:1', 1700000010, 1000000000000, 'bfloat16');
