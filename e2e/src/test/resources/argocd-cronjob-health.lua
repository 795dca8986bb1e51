-- What Argo CD says of CronJobs from 3.2 on: Degraded where the last run failed after one that succeeded, unless another one runs.
hs = {status = "Healthy", message = ""}
local status = obj.status
if status ~= nil and status.active == nil and status.lastScheduleTime ~= nil and status.lastSuccessfulTime ~= nil
    and status.lastSuccessfulTime < status.lastScheduleTime then
  hs.status = "Degraded"
  hs.message = "CronJob has not completed its last execution successfully"
end
return hs
