/** What whoever starts this server says: the unix socket on which it shall serve containerd.task.v3.Task. */
export function taskSocket(): string {
  const path = process.env['GANTRY_TASK_SOCKET'];
  if (path === undefined || !path.startsWith('/')) throw new Error('GANTRY_TASK_SOCKET must name an absolute path');
  return path;
}
