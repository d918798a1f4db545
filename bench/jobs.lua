-- Each connection, on a thread of its own, is a worker that leases a job and completes it, again and
-- again. At the end prints the totals as one line of JSON, as request.lua does.
local threads = {}

function setup(thread) threads[#threads + 1] = thread end

function init()
    wrk.method = "POST"
    lease = wrk.format(nil, "/jobs/lease", nil, '{"worker":"bench"}')
    wanted, completed, empty = lease, 0, 0
end

function request() return wanted end

function response(status, _, body)
    if wanted ~= lease then
        if status == 200 then completed = completed + 1 end
        wanted = lease
        return
    end
    local id, lease_id = body:match('"id":"([^"]+)"'), body:match('"lease_id":"([^"]+)"')
    if not id then
        empty = empty + 1
        return
    end
    wanted = wrk.format(nil, "/jobs/" .. id .. "/complete", nil, '{"lease_id":"' .. lease_id .. '"}')
end

function done(summary, latency)
    local errors, completed, empty = summary.errors, 0, 0
    for _, thread in ipairs(threads) do
        completed = completed + thread:get("completed")
        empty = empty + thread:get("empty")
    end
    io.write(string.format(
        '\n{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,' ..
        '"refused":%d,"cut":%d,"status":%d,"timeout":%d,"empty":%d}\n',
        completed, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.connect, errors.read + errors.write, errors.status, errors.timeout, empty))
end
