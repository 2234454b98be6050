-- People say that it is gone. While measurements still show it, it stays open.
local params = actionParams or {}
local note = params["note"]
if note == nil or note == "" then
  note = "Resolved in Argo CD"
end
obj.spec.resolution = {["state"] = "Resolved", ["note"] = note}
return obj
