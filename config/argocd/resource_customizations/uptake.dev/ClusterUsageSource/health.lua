-- A source whose polls fail is degraded, and so is one that cannot be set up.
local hs = {status = "Progressing", message = "Waiting for the operator."}
local status = obj.status
if status == nil or status.conditions == nil or (status.observedGeneration or -1) < (obj.metadata.generation or 0) then
  return hs
end
for _, condition in ipairs(status.conditions) do
  if condition.type == "Ready" then
    hs.message = condition.message
    if condition.status == "True" then
      hs.status = "Healthy"
    elseif condition.reason ~= "AwaitingData" then
      hs.status = "Degraded"
    end
  end
end
return hs
