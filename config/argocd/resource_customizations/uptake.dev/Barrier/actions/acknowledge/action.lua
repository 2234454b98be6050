-- Somebody sees to it: the barrier stays open, and has an owner and a due date.
local params = actionParams or {}
local function given(name)
  return params[name] ~= nil and params[name] ~= ""
end
if not given("owner") and (obj.spec.owner == nil or obj.spec.owner == "") then
  error("who sees to it? Name somebody with the parameter owner", 0)
end
if not given("owner") and not given("dueBy") then
  error("nothing to note: " .. obj.spec.owner .. " owns it; give the parameter owner, dueBy, or both", 0)
end
if given("owner") then
  obj.spec.owner = params["owner"]
end
if given("dueBy") then
  obj.spec.dueBy = params["dueBy"]
end
return obj
