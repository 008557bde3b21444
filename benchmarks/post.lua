-- What wrk sends for `benchmarks.posting`: the bodies of a file, a line each, in turn; and how it
-- tells what came of it. PAUSE_MS is how long a connection rests after an answer, on average.
local bodies, at = {}, 0
local pause = tonumber(os.getenv("PAUSE_MS") or "0")

function init(_)
   local headers = { ["Content-Type"] = "application/json", ["Host"] = wrk.headers["Host"],
                     ["User-Agent"] = os.getenv("USER_AGENT") }
   for line in io.lines(os.getenv("BODIES")) do
      bodies[#bodies + 1] = wrk.format("POST", "/events", headers, line)
   end
end

function request()
   at = at % #bodies + 1
   return bodies[at]
end

if pause > 0 then
   function delay()
      return math.floor(2 * pause * math.random() + 0.5)
   end
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
      latency:percentile(99) / 1e3,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
