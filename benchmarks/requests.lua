-- What wrk sends: `again` FILE sends the one body of a file again and again, `once` FILE SKIP each line of a file once,
-- from the line behind the first SKIP. The answers to the second kind must all be of code 1. wrk has one thread.
local the_thread

function setup(thread)
  the_thread = thread
end

function init(arguments)
  local way, path, skip = arguments[1], arguments[2], tonumber(arguments[3] or 0)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/xml; charset=utf-8"
  wrk.headers["Accept"] = "application/xml"
  sent, wrong, example = 0, 0, ""
  local file = assert(io.open(path, "rb"))
  if way == "again" then
    wrk.body = file:read("*a")
    file:close()
    return
  end
  for _ = 1, skip do
    file:read("*l")
  end
  function request()
    sent = sent + 1
    return wrk.format(nil, nil, nil, assert(file:read("*l"), "there are not enough requests"))
  end
  function response(status, headers, body)
    if status ~= 200 or not body:find("<code>1</code>", 1, true) then
      wrong = wrong + 1
      example = status .. " " .. body
    end
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("\nfigures %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    e.connect + e.read + e.write + e.status + e.timeout, the_thread:get("wrong"), the_thread:get("sent")))
  io.write(the_thread:get("example"), "\n")
end
