-- Sends the request that the arguments describe: method, body, and optionally a file with lines
-- "path token" that are used in turn. At the end prints the totals as one line of JSON.
function init(arguments)
    wrk.method = arguments[1]
    if arguments[2] ~= "" then wrk.body = arguments[2] end
    if not arguments[3] then return end
    local requests, turn = {}, 0
    for line in io.lines(arguments[3]) do
        local path, token = line:match("(%S+) (%S+)")
        wrk.headers["Authorization"] = "Bearer " .. token
        requests[#requests + 1] = wrk.format(nil, path)
    end
    request = function()
        turn = turn % #requests + 1
        return requests[turn]
    end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"seconds":%f,"bytes":%d,"p50_ms":%f,"p99_ms":%f,' ..
        '"refused":%d,"cut":%d,"status":%d,"timeout":%d}\n',
        summary.requests, summary.duration / 1e6, summary.bytes,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.connect, errors.read + errors.write, errors.status, errors.timeout))
end
