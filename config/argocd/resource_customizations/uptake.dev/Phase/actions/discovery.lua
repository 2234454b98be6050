-- A waiting phase waits for the gates at its start, any other for those at its finish.
local status = obj.status or {}
local point = "Finish"
if status.state == nil or status.state == "Waiting" then
  point = "Start"
end
local approved = {}
for _, approval in ipairs(status.approvals or {}) do
  approved[approval.gate] = not approval.spent
end
local waiting = {}
for _, gate in ipairs(obj.spec.gates or {}) do
  if (gate.at or "Finish") == point and not approved[gate.name] and status.state ~= "Achieved" then
    table.insert(waiting, gate.name)
  end
end

local suspended = obj.spec.suspend == true
local actions = {}
actions["approve"] = {["disabled"] = #waiting == 0, ["iconClass"] = "fa fa-fw fa-check"}
if #waiting == 1 then
  actions["approve"]["displayName"] = "Approve " .. waiting[1]
  actions["approve"]["params"] = {{["name"] = "by"}}
elseif #waiting > 1 then
  actions["approve"]["displayName"] = "Approve one of " .. table.concat(waiting, ", ")
  actions["approve"]["params"] = {{["name"] = "gate"}, {["name"] = "by"}}
end
actions["suspend"] = {["disabled"] = suspended, ["iconClass"] = "fa fa-fw fa-pause"}
actions["resume"] = {["disabled"] = not suspended, ["iconClass"] = "fa fa-fw fa-play"}
return actions
