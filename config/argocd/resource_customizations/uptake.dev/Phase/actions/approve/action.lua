-- Approves the gate that the parameter `gate` names, or the only one that is waited
-- for. The parameter `by` says who approves. Argo CD does not check it, and does not
-- tell a script who clicked: the approval says that it came through Argo CD.
local status = obj.status or {}
local point = "Finish"
if status.state == nil or status.state == "Waiting" then
  point = "Start"
end
local approved, spent = {}, {}
for _, approval in ipairs(status.approvals or {}) do
  if approval.spent then
    spent[approval.gate] = approval.by
  else
    approved[approval.gate] = approval.by
  end
end
local params = actionParams or {}
local wanted = params["gate"]
local gates, waiting = {}, {}
for _, gate in ipairs(obj.spec.gates or {}) do
  table.insert(gates, gate.name)
  if wanted == gate.name then
    waiting = {gate.name}
    break
  end
  if (gate.at or "Finish") == point and not approved[gate.name] then
    table.insert(waiting, gate.name)
  end
end
if wanted ~= nil and wanted ~= "" and waiting[1] ~= wanted then
  error("there is no gate \"" .. wanted .. "\"; the phase has: " .. table.concat(gates, ", "), 0)
end
if #waiting == 0 then
  error("no gate waits for an approval", 0)
end
if #waiting > 1 then
  error("several gates wait; name one with the parameter gate: " .. table.concat(waiting, ", "), 0)
end

local gate = waiting[1]
local by = "Argo CD"
if params["by"] ~= nil and params["by"] ~= "" then
  by = params["by"] .. " (through Argo CD)"
end
-- After a phase was reopened, the approval of the attempt before counts no more, and
-- the same words would be taken for it.
if spent[gate] == by then
  by = by .. ", again"
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["approval.uptake.dev/" .. gate] = by
return obj
