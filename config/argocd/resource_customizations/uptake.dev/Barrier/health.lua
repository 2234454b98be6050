-- A barrier that is open is something to know, not something that is broken.
local hs = {status = "Progressing", message = "Waiting for the operator."}
local status = obj.status
if status == nil or status.conditions == nil or (status.observedGeneration or -1) < (obj.metadata.generation or 0) then
  return hs
end
local is, says = {}, {}
for _, condition in ipairs(status.conditions) do
  is[condition.type], says[condition.type] = condition.status, condition.message
end
hs.message = status.summary or says["Ready"] or ""
if is["Stalled"] == "True" then
  hs.status = "Degraded"
elseif is["Reconciling"] == "True" then
  hs.status = "Progressing"
else
  hs.status = "Healthy"
end
return hs
