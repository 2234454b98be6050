-- A program's colour is its own, never a copy of its phases'. A source that is away
-- colours the source, and the program once its measurements are too old.
local hs = {status = "Progressing", message = "Waiting for the operator."}
local status = obj.status
if status == nil or status.conditions == nil or (status.observedGeneration or -1) < (obj.metadata.generation or 0) then
  return hs
end
local is, why, says = {}, {}, {}
for _, condition in ipairs(status.conditions) do
  is[condition.type], why[condition.type], says[condition.type] = condition.status, condition.reason, condition.message
end
hs.message = status.summary or says["Ready"] or ""
if is["Stalled"] == "True" then
  hs.status = "Degraded"
elseif is["Reconciling"] == "True" and why["Reconciling"] ~= "AwaitingData" then
  hs.status = "Progressing"
elseif is["Suspended"] == "True" then
  hs.status = "Suspended"
elseif why["OnTrack"] == "Unknown" and is["SourcesHealthy"] == "False" then
  hs.status = "Degraded"
  hs.message = says["SourcesHealthy"]
elseif is["Reconciling"] == "True" then
  hs.status = "Progressing"
else
  hs.status = "Healthy"
end
return hs
