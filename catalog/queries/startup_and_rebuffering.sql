-- title: Startup and rebuffering
-- description: Milliseconds from play to first frame, and the share of watching that stood still.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
WITH player AS (
    SELECT
        dt,
        event,
        startup_ms,
        stall_ms,
        ROW_NUMBER() OVER (PARTITION BY dt, event ORDER BY startup_ms) AS place,
        COUNT(startup_ms) OVER (PARTITION BY dt, event) AS places
    FROM playlake.video_player_events
    WHERE dt BETWEEN :since AND :until AND NOT is_bot AND event IN ('first_frame', 'stall')
),
days AS (
    SELECT
        dt,
        COUNT(CASE WHEN event = 'first_frame' THEN startup_ms END) AS starts,
        -- Nearest rank, which is exact; the only percentile that Athena has is approximate.
        MIN(CASE WHEN event = 'first_frame' AND place * 100 >= places * 50
            THEN startup_ms END) AS startup_p50,
        MIN(CASE WHEN event = 'first_frame' AND place * 100 >= places * 95
            THEN startup_ms END) AS startup_p95,
        COUNT(CASE WHEN event = 'stall' THEN 1 END) AS stalls,
        COALESCE(SUM(CASE WHEN event = 'stall' THEN stall_ms END), 0) AS stalled,
        0 AS played
    FROM player
    GROUP BY dt
    UNION ALL
    SELECT dt, 0, NULL, NULL, 0, 0, SUM(COALESCE(wall_ms, duration))
    FROM playlake.video_play_events
    WHERE dt BETWEEN :since AND :until AND NOT is_bot
    GROUP BY dt
)
SELECT
    dt,
    CAST(SUM(starts) AS bigint) AS starts,
    MAX(startup_p50) AS startup_p50,
    MAX(startup_p95) AS startup_p95,
    CAST(SUM(stalls) AS bigint) AS stalls,
    CAST(SUM(stalled) AS bigint) AS stall_duration,
    CAST(SUM(played) AS bigint) AS play_wall_duration,
    CASE WHEN SUM(played) + SUM(stalled) > 0
        THEN CAST(SUM(stalled) AS double) / (SUM(played) + SUM(stalled)) END AS rebuffering_ratio
FROM days
GROUP BY dt
ORDER BY dt
