-- People decide to live with it, for good or until a day: it keeps nothing back then.
local params = actionParams or {}
local note = params["note"]
if note == nil or note == "" then
  note = "Accepted in Argo CD"
end
obj.spec.resolution = {["state"] = "Accepted", ["note"] = note}
if params["until"] ~= nil and params["until"] ~= "" then
  obj.spec.resolution["until"] = params["until"]
end
return obj
