-- spec.reporting says what a phase is to Argo CD: Observe reports its own mistakes
-- only, Alert (the default) a missed deadline and a regression as well, Gate keeps a
-- sync wave waiting until the phase is achieved.
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
local missed = status.health == "Delayed" or status.health == "Regressed" or status.state == "Regressed"
local reporting = obj.spec.reporting or "Alert"
if is["Stalled"] == "True" then
  hs.status = "Degraded"
elseif is["Reconciling"] == "True" then
  hs.status = "Progressing"
elseif is["Suspended"] == "True" then
  hs.status = "Suspended"
elseif reporting == "Observe" then
  hs.status = "Healthy"
elseif missed then
  hs.status = "Degraded"
elseif reporting == "Alert" or is["Ready"] == "True" then
  hs.status = "Healthy"
elseif is["Blocked"] == "True" then
  hs.status = "Suspended"
else
  hs.status = "Progressing"
end
return hs
