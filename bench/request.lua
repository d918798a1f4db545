-- wrk's request is its arguments: method, body. What it saw comes as one line of JSON at the end.
function init(arguments)
    wrk.method = arguments[1]
    if arguments[2] ~= "" then wrk.body = arguments[2] end
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
