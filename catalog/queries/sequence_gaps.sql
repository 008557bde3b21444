-- title: Sequence gaps
-- description: Numbers that plays counted and that are not there: events lost on the way, or late.
-- :since date = today - 29 days. The first UTC day, inclusive.
-- :until date = today. The last UTC day, inclusive.
WITH numbered AS (
    SELECT dt, play_id, browser_name, seq, 1 AS kind
    FROM playlake.video_play_events
    WHERE dt BETWEEN :since AND :until AND play_id IS NOT NULL AND seq IS NOT NULL
    UNION ALL
    SELECT dt, play_id, browser_name, seq, 2
    FROM playlake.video_player_events
    WHERE dt BETWEEN :since AND :until AND play_id IS NOT NULL AND seq IS NOT NULL
),
plays AS (
    SELECT
        play_id,
        MIN(dt) AS dt,
        MIN(browser_name) AS browser_name,
        COUNT(DISTINCT seq) AS numbers,
        COUNT(DISTINCT CASE WHEN kind = 1 THEN seq END) AS intervals,
        COUNT(DISTINCT CASE WHEN kind = 2 THEN seq END) AS signals,
        MAX(seq) AS last_number,
        MAX(CASE WHEN kind = 1 THEN seq END) AS last_interval,
        MAX(CASE WHEN kind = 2 THEN seq END) AS last_signal,
        MIN(seq) AS first_number,
        MIN(CASE WHEN kind = 1 THEN seq END) AS first_interval,
        MIN(CASE WHEN kind = 2 THEN seq END) AS first_signal
    FROM numbered
    GROUP BY play_id
),
-- A play of the first day may have begun the day before, and counts from where it is known.
counted AS (
    SELECT
        dt,
        browser_name,
        CASE
            -- No number is both an interval's and a signal's, so the two were counted as one.
            WHEN intervals + signals = numbers THEN
                last_number - CASE WHEN dt = :since THEN first_number ELSE 0 END + 1
            ELSE last_interval - CASE WHEN dt = :since THEN first_interval ELSE 0 END + 1
                + last_signal - CASE WHEN dt = :since THEN first_signal ELSE 0 END + 1
        END AS expected,
        CASE WHEN intervals + signals = numbers THEN numbers ELSE intervals + signals END AS arrived
    FROM plays
)
SELECT
    dt,
    browser_name,
    COUNT(*) AS plays,
    COUNT(CASE WHEN expected > arrived THEN 1 END) AS plays_with_gaps,
    CAST(SUM(expected) AS bigint) AS events,
    CAST(SUM(expected - arrived) AS bigint) AS missing,
    CAST(SUM(expected - arrived) AS double) / SUM(expected) AS missing_share
FROM counted
GROUP BY dt, browser_name
ORDER BY dt, browser_name
