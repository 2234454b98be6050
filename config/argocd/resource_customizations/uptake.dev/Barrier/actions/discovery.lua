local state = (obj.status or {}).state
local open = state == "Open" or state == "Escalated"
local actions = {}
actions["acknowledge"] = {
  ["disabled"] = not open,
  ["displayName"] = "Acknowledge: name who sees to it, and by when",
  ["iconClass"] = "fa fa-fw fa-user",
  ["params"] = {{["name"] = "owner"}, {["name"] = "dueBy"}},
}
actions["accept"] = {
  ["disabled"] = not (open or state == "Watching"),
  ["displayName"] = "Accept: live with it",
  ["iconClass"] = "fa fa-fw fa-handshake",
  ["params"] = {{["name"] = "note"}, {["name"] = "until"}},
}
actions["resolve"] = {
  ["disabled"] = not open,
  ["displayName"] = "Resolve: it is gone",
  ["iconClass"] = "fa fa-fw fa-check",
  ["params"] = {{["name"] = "note"}},
}
return actions
